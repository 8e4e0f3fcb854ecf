"""The keys of an authority: made, put away, and taken out again, each checked by its identifier."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x25519
from cryptography.hazmat.primitives.hashes import SHA256, Hash
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)

from enarx.errors import MisconfiguredError
from enarx.pki.signing import HeldKey

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes

    from enarx.pki.signing import Signer
    from enarx.steward.authority.directory import PrivateDirectory
    from enarx.steward.authority.opener import Opener
    from enarx.steward.authority.state import Module

    Stored = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | x25519.X25519PrivateKey

CURVES: dict[str, type[ec.EllipticCurve]] = {"p256": ec.SECP256R1, "p384": ec.SECP384R1}
PREFIX = "authority-"
ENDING = ".key"

_SHOWN = 16


class MissingKeyError(MisconfiguredError):
    """A key that the state lists is not there."""


def identifier(key: PublicKeyTypes) -> str:
    """SHA-256 of the key's SubjectPublicKeyInfo, in hexadecimal."""
    digest = Hash(SHA256())
    digest.update(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    return digest.finalize().hex()


def file_of(key: str) -> str:
    """The file of the key with this identifier."""
    return f"{PREFIX}{key[:_SHOWN]}{ENDING}"


class Keys:
    """The keys of one authority.

    Args:
        directory: where files are.
        opener: what opens them.
        module: where keys that sign certificates are; None if in files like all others.
    """

    def __init__(self, directory: PrivateDirectory, opener: Opener, module: Module | None) -> None:
        self._directory = directory
        self._opener = opener
        self._module = module

    def make_signer(self, kind: str) -> Signer:
        """A new key that signs certificates, kept."""
        curve = CURVES[kind]()
        if self._module is not None:
            return self._opener.token(self._module).make(curve)
        key = ec.generate_private_key(curve)
        self.put(key)
        return HeldKey(key)

    def signer(self, key: str) -> Signer:
        """The key that signs certificates and has this identifier.

        Raises:
            MisconfiguredError: it cannot be opened, or is not there.
        """
        if self._module is not None:
            return self._opener.token(self._module).signer(key)
        return HeldKey(self.elliptic(key))

    def elliptic(self, key: str) -> ec.EllipticCurvePrivateKey:
        """The key in a file that has this identifier, of an elliptic curve.

        Raises:
            MissingKeyError: there is no such file.
            MisconfiguredError: it cannot be opened, or another key is in it.
        """
        found = self._get(key)
        if not isinstance(found, ec.EllipticCurvePrivateKey):
            raise self._another(key)
        return found

    def ed25519(self, key: str) -> ed25519.Ed25519PrivateKey:
        """The same of Ed25519."""
        found = self._get(key)
        if not isinstance(found, ed25519.Ed25519PrivateKey):
            raise self._another(key)
        return found

    def x25519(self, key: str) -> x25519.X25519PrivateKey:
        """The same of X25519."""
        found = self._get(key)
        if not isinstance(found, x25519.X25519PrivateKey):
            raise self._another(key)
        return found

    def put(self, key: Stored) -> str:
        """Keep *key* in a file; its identifier."""
        found = identifier(key.public_key())
        name = file_of(found)
        der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        self._directory.put(name, self._opener.wrapping.wrap(name, der))
        return found

    def _get(self, key: str) -> PrivateKeyTypes:
        name = file_of(key)
        try:
            data = self._directory.read(name)
        except FileNotFoundError as error:
            raise MissingKeyError(self._directory.place(name), "missing") from error
        found = _load(self._opener.wrapping.unwrap(name, data), name)
        if identifier(found.public_key()) != key:
            raise self._another(key)
        return found

    def _another(self, key: str) -> MisconfiguredError:
        hint = "restore the file from a backup"
        place = self._directory.place(file_of(key))
        return MisconfiguredError(place, "holds another key than it must", hints=(hint,))


def _load(der: bytes, place: str) -> PrivateKeyTypes:
    try:
        return load_der_private_key(der, None)
    except (ValueError, TypeError) as error:
        raise MisconfiguredError(place, "holds no key") from error
