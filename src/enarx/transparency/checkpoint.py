"""Checkpoints: what a log says about all of itself, in three lines and a signature.

    <origin: which log>
    <number of entries, decimal>
    <root, base64>

Extension lines may follow; we write none, and keep those of others out of what we compare.

Source: C2SP tlog-checkpoint.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from enarx.errors import Failure, MalformedError, UnauthenticError
from enarx.transparency import note
from enarx.transparency.tree import HASH_BYTES, MAX_SIZE
from enarx.wire.text import base64, to_base64

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from enarx.transparency.note import Verifier

_WHERE = "checkpoint"
_LINES = 3
_MAX_DIGITS = 19


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A log at one size.

    Args:
        origin: which log it is; also the name of its key.
        size: number of entries.
        root: of its tree, 32 bytes.
    """

    origin: str
    size: int
    root: bytes

    def encode(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{to_base64(self.root)}\n"


def sign(checkpoint: Checkpoint, key: Ed25519PrivateKey) -> bytes:
    """The signed note of *checkpoint*, by its log."""
    return note.sign(checkpoint.encode(), checkpoint.origin, key)


def open_checkpoint(data: bytes, origin: str, verifiers: Iterable[Verifier]) -> Checkpoint:
    """The checkpoint of the log *origin* in a note that one of *verifiers* signed.

    Raises:
        MalformedError: it is no checkpoint.
        UnauthenticError: nobody who counts signed it, or it is of another log.
    """
    found = parse(note.open_note(data, verifiers, _WHERE))
    if found.origin != origin:
        raise UnauthenticError(_WHERE, Failure("origin", want=origin, got=found.origin[:80]))
    return found


def parse(text: str) -> Checkpoint:
    """The checkpoint that *text* is; its signature is the caller's to check.

    Raises:
        MalformedError: it is none.
    """
    lines = text.split("\n")
    if len(lines) <= _LINES or lines[-1] or not all(lines[:-1]):
        raise MalformedError(_WHERE, "want lines: origin, number of entries, root")
    origin, digits, encoded = lines[:_LINES]
    good = digits.isascii() and digits.isdecimal() and len(digits) <= _MAX_DIGITS
    if not good or str(int(digits)) != digits or int(digits) > MAX_SIZE:
        raise MalformedError(_WHERE, f"got {digits[:40]!r}, want a number of entries")
    root = base64(encoded, f"{_WHERE}: root")
    if len(root) != HASH_BYTES:
        raise MalformedError(_WHERE, f"got a root of {len(root)} bytes, want {HASH_BYTES}")
    return Checkpoint(origin=origin, size=int(digits), root=root)
