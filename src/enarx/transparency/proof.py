"""Proofs that an entry is in a log, which nobody needs the log for.

    c2sp.org/tlog-proof@v1
    extra <base64>                  only if there is some; nothing vouches for it
    index <number of the entry>
    <hash, base64>                  from the entry's sibling up; none in a log with one entry
    <empty line>
    <checkpoint, a signed note>

Source: C2SP tlog-proof, "Format" and "Verifying a tlog proof".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from enarx.errors import MalformedError
from enarx.transparency import note
from enarx.transparency.checkpoint import open_checkpoint
from enarx.transparency.tree import HASH_BYTES, MAX_SIZE, check_inclusion, leaf_hash
from enarx.wire.text import base64, to_base64

if TYPE_CHECKING:
    from collections.abc import Iterable

    from enarx.transparency.checkpoint import Checkpoint
    from enarx.transparency.note import Verifier

MAX_BYTES = note.MAX_BYTES + (1 << 16)

_WHERE = "log proof"
_FIRST = "c2sp.org/tlog-proof@v1"
_EXTRA = "extra "
_INDEX = "index "
_MAX_HASHES = 62
_MAX_DIGITS = 19


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What a proof says; that it is true is what ``check`` is for.

    Args:
        index: of the entry, from 0.
        hashes: of the inclusion proof, 32 bytes each.
        checkpoint: the signed note, as it came.
        extra: whatever its writer added; nothing vouches for it.
    """

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes = b""

    def encode(self) -> bytes:
        """The proof as text."""
        lines = [_FIRST]
        if self.extra:
            lines.append(f"{_EXTRA}{to_base64(self.extra)}")
        lines.append(f"{_INDEX}{self.index}")
        lines += map(to_base64, self.hashes)
        return "".join(f"{line}\n" for line in [*lines, ""]).encode() + self.checkpoint


def parse(data: bytes) -> Proof:
    """The proof that *data* is; nothing of it is checked.

    Raises:
        MalformedError: it is none.
    """
    if len(data) > MAX_BYTES:
        raise MalformedError(_WHERE, f"got {len(data)} bytes, want at most {MAX_BYTES}")
    head, separator, checkpoint = data.partition(b"\n\n")
    if not separator or not head.isascii():
        raise MalformedError(_WHERE, "want lines, an empty line, and a checkpoint")
    first, *lines = head.decode().split("\n")
    if first != _FIRST:
        raise MalformedError(_WHERE, f"got {first[:40]!r}, want {_FIRST}")
    extra = b""
    if lines and lines[0].startswith(_EXTRA):
        extra = base64(lines.pop(0).removeprefix(_EXTRA), f"{_WHERE}: extra")
        if not extra:
            raise MalformedError(_WHERE, "got no extra data, want its line left out")
    if not lines or not lines[0].startswith(_INDEX):
        raise MalformedError(_WHERE, "want a line with the index")
    index, *encoded = lines
    if len(encoded) > _MAX_HASHES:
        raise MalformedError(_WHERE, f"got {len(encoded)} hashes, want at most {_MAX_HASHES}")
    return Proof(
        index=_number(index.removeprefix(_INDEX)),
        hashes=tuple(_hash(line, n) for n, line in enumerate(encoded)),
        checkpoint=checkpoint,
        extra=extra,
    )


def check(entry: bytes, data: bytes, origin: str, verifiers: Iterable[Verifier]) -> Checkpoint:
    """Insist that *entry* is in the log *origin*; the checkpoint that says so.

    That the log shows everybody the same is not proven by this: compare checkpoints.

    Args:
        data: the proof.
        verifiers: of the log's keys.

    Raises:
        MalformedError: *data* is no proof.
        UnauthenticError: the log signed nothing of the kind.
    """
    proof = parse(data)
    found = open_checkpoint(proof.checkpoint, origin, verifiers)
    check_inclusion(leaf_hash(entry), proof.index, found.size, proof.hashes, found.root)
    return found


def _number(digits: str) -> int:
    good = digits.isdecimal() and len(digits) <= _MAX_DIGITS
    if not good or str(int(digits)) != digits or int(digits) >= MAX_SIZE:
        raise MalformedError(_WHERE, f"got {digits[:40]!r}, want the index of an entry")
    return int(digits)


def _hash(line: str, number: int) -> bytes:
    where = f"{_WHERE}: hash {number}"
    found = base64(line, where)
    if len(found) != HASH_BYTES:
        raise MalformedError(where, f"got {len(found)} bytes, want {HASH_BYTES}")
    return found
