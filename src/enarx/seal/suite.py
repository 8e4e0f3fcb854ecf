"""One-time keys: made in a keep, opened once, then gone.

HPKE in base mode with HKDF-SHA256 and AES-256-GCM.  The key encapsulation is one of

    mlkem768-x25519   ML-KEM-768 and X25519 together: both must be broken
    x25519            for an end that has no ML-KEM

Source: RFC 9180, sections 5.1.1, 6.1 (single-shot); draft-ietf-hpke-pq (MLKEM768-X25519, 0x647a).
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import x25519
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)

from enarx.errors import MalformedError, RejectedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

HYBRID = "mlkem768-x25519"
CLASSICAL = "x25519"
KEMS = (HYBRID, CLASSICAL)
"""The preferred one first."""

_SUITES: Mapping[str, Suite] = {
    HYBRID: Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM),
    CLASSICAL: Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM),
}
_X25519_BYTES = 32
_MLKEM_BYTES = 1184


class OneTimeKey:
    """A private key that opens once.

    The secret is never written down, shown or copied; after ``open`` it is no more.
    """

    __slots__ = ("_private", "kem", "public")

    def __init__(self, kem: str) -> None:
        """A new key for the mechanism *kem*, out of the operating system's random numbers."""
        self.kem = kem
        self._private: MLKEM768X25519PrivateKey | x25519.X25519PrivateKey | None
        self._private, self.public = _generate(kem)

    def __repr__(self) -> str:
        return f"OneTimeKey({self.kem!r}, {'used' if self.used else 'unused'})"

    @property
    def used(self) -> bool:
        """Whether it is gone."""
        return self._private is None

    def open(self, sealed: bytes, info: bytes) -> bytes:
        """What was sealed to this key; the key is erased, whether that succeeds or not.

        Args:
            sealed: the encapsulated key and the ciphertext.
            info: what both ends must agree on.

        Raises:
            CannotOpenError: the key was used before, or it is not for this key and this *info*.
        """
        private, self._private = self._private, None
        if private is None:
            raise CannotOpenError(USED)
        try:
            return _SUITES[self.kem].decrypt(sealed, private, info)
        except (InvalidTag, ValueError) as e:
            raise CannotOpenError(NOT_FOR_THIS_KEY) from e

    def erase(self) -> None:
        """Forget the secret without having used it."""
        self._private = None


USED = "its one-time key was used before: ask for a new keep"
NOT_FOR_THIS_KEY = "it is for another key or another offer, or it was changed on the way"


class CannotOpenError(RejectedError):
    """An envelope cannot be opened.  All cryptographic reasons are one sentence."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"the envelope cannot be opened: {problem}")


def seal(kem: str, public: bytes, plaintext: bytes, info: bytes) -> bytes:
    """Seal *plaintext* to a public key, which need not be anybody's that is trusted.

    Each call makes another ciphertext.  The caller must have verified whose key it is.

    Raises:
        MalformedError: *kem* is unknown, or *public* is no key of its size or kind.
    """
    suite, key = _SUITES[check_kem(kem)], _public_key(kem, public)
    try:
        return suite.encrypt(plaintext, key, info)
    except ValueError as e:  # a point of small order, with which anybody shares the secret
        raise MalformedError(f"public key of {kem}", f"nothing can be sealed to it ({e})") from e


def check_kem(kem: str) -> str:
    """*kem*, which must be known.

    Raises:
        MalformedError: it is not.
    """
    if kem not in _SUITES:
        raise MalformedError("suite", f"got {kem[:64]!r}, want one of {', '.join(KEMS)}")
    return kem


def _generate(
    kem: str,
) -> tuple[MLKEM768X25519PrivateKey | x25519.X25519PrivateKey, bytes]:
    classical = x25519.X25519PrivateKey.generate()
    public = classical.public_key().public_bytes_raw()
    if check_kem(kem) == CLASSICAL:
        return classical, public
    lattice = MLKEM768PrivateKey.generate()
    both = MLKEM768X25519PrivateKey(lattice, classical)
    return both, lattice.public_key().public_bytes_raw() + public


def _public_key(kem: str, public: bytes) -> MLKEM768X25519PublicKey | x25519.X25519PublicKey:
    want = _X25519_BYTES + (_MLKEM_BYTES if kem == HYBRID else 0)
    if len(public) != want:
        raise MalformedError(f"public key of {kem}", f"got {len(public)} bytes, want {want}")
    try:
        classical = x25519.X25519PublicKey.from_public_bytes(public[-_X25519_BYTES:])
        if kem == CLASSICAL:
            return classical
        lattice = MLKEM768PublicKey.from_public_bytes(public[:_MLKEM_BYTES])
        return MLKEM768X25519PublicKey(lattice, classical)
    except (ValueError, UnsupportedAlgorithm) as e:
        raise MalformedError(f"public key of {kem}", f"is not one ({e})") from e
