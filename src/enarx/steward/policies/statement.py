"""What an approver signs: one change of one document of one Steward, once.

    {"kind", "origin", "previous", "profile", "sha256", "version"}    canonical JSON (RFC 8785)

*version* is the number that the document will have, *previous* the digest of the version that it
replaces: so an approval serves once, for this Steward, this place in its history and these bytes.
The profile keeps it apart from everything else that an Ed25519 key of ours signs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast, get_args

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from enarx.errors import Failure, MalformedError, UnauthenticError
from enarx.wire import canonical

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

Kind = Literal["approvers", "policy"]
KINDS: tuple[Kind, ...] = get_args(Kind)

PROFILE = "tag:github.com,2026:enarx/approval/1"
SIGNATURE_BYTES = 64
MAX_BYTES = 4096
MAX_VERSION = 1 << 31

_MAX_ORIGIN = 256
_MAX_DIGEST = 71


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change.

    Args:
        kind: of ``KINDS``.
        origin: whose log tells of it; the Steward's name.
        previous: "sha256:…" of the version that is replaced, empty for none.
        sha256: "sha256:…" of the new document.
        version: the number that it will have.
    """

    kind: Kind
    origin: str
    previous: str
    sha256: str
    version: int

    def encode(self) -> bytes:
        """The statement's bytes, which are signed."""
        return canonical.encode(
            {
                "kind": self.kind,
                "origin": self.origin,
                "previous": self.previous,
                "profile": PROFILE,
                "sha256": self.sha256,
                "version": self.version,
            }
        )


def parse(data: bytes, where: str = "statement") -> Change:
    """The change that a statement is about.

    Raises:
        MalformedError: it is none, or not in its one spelling.
    """
    if len(data) > MAX_BYTES:
        raise MalformedError(where, f"got {len(data)} bytes, want at most {MAX_BYTES}")
    fields = canonical.decode(data, where)
    fields.one_of("profile", (PROFILE,))
    found = Change(
        kind=cast("Kind", fields.one_of("kind", KINDS)),
        origin=fields.text("origin", least=1, most=_MAX_ORIGIN),
        previous=fields.text("previous", most=_MAX_DIGEST),
        sha256=fields.text("sha256", least=_MAX_DIGEST, most=_MAX_DIGEST),
        version=fields.integer("version", 1, MAX_VERSION),
    )
    fields.done()
    return found


def sign(change: Change, key: Ed25519PrivateKey) -> bytes:
    """An approval of *change*: 64 bytes."""
    return key.sign(change.encode())


def check_signature(change: Change, key: bytes, signature: bytes) -> None:
    """Insist that *signature* approves *change*.

    Args:
        key: the approver's Ed25519 public key, 32 bytes.

    Raises:
        UnauthenticError: it does not.
    """
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, change.encode())
    except (InvalidSignature, ValueError) as e:
        hint = "sign the statement of this very proposal, with the key that is listed"
        want = f"one of {change.kind} version {change.version} of {change.origin}"
        failure = Failure("signature", want=want, got="another", hint=hint)
        raise UnauthenticError("approval", failure) from e
