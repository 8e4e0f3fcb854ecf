"""Checks of a whole log by whoever follows it: that it is what its checkpoints say.

Tiles come from anybody, through a function; a checkpoint is one whose signature was checked.

Sources: C2SP tlog-tiles; RFC 9162, section 2.1.4.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from enarx.errors import Failure, UnauthenticError
from enarx.transparency.tiles import (
    HEIGHT,
    MAX_ENTRY_BYTES,
    WIDTH,
    Tile,
    decode_entries,
    node_reader,
)
from enarx.transparency.tree import (
    CONSISTENCY,
    HASH_BYTES,
    Frontier,
    check_consistency,
    check_inclusion,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root_at,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from enarx.transparency.checkpoint import Checkpoint

    Read = Callable[[Tile], bytes]
    """The bytes of a tile, from wherever they are."""

STEP = "tiles of the log"


def most_bytes(tile: Tile) -> int:
    """How large *tile* may be."""
    return tile.width * (HASH_BYTES if tile.level >= 0 else 2 + MAX_ENTRY_BYTES)


def must_extend(old: Checkpoint, new: Checkpoint, read: Read) -> None:
    """Insist that the log of *new* begins with the one of *old*.

    Raises:
        MalformedError: a tile is none.
        UnauthenticError: it does not; the two prove that the log does not tell everybody the same.
    """
    if old.size > new.size:
        hint = "the log lost entries, or this is an old copy of it: look again later"
        want, got = f"at least {old.size} entries", f"{new.size}"
        raise UnauthenticError(CONSISTENCY, Failure("size", want=want, got=got, hint=hint))
    proof = consistency_proof(old.size, new.size, node_reader(new.size, read))
    check_consistency(old.size, old.root, new.size, new.root, proof)


def growth(old: Checkpoint, new: Checkpoint, read: Read) -> tuple[bytes, ...]:
    """The entries by which the log grew from *old* to *new*, all of them, none made up.

    Raises:
        MalformedError: a tile is none.
        UnauthenticError: the log of *new* is not that of *old* with these entries.
    """
    if old.size >= new.size:
        must_extend(old, new, read)
        return ()
    node = node_reader(new.size, read)
    _must_be(f"root of {old.size} entries", old.root, root_at(old.size, node))
    frontier = Frontier(old.size, node)
    found = tuple(_entries(old.size, new.size, read))
    for entry in found:
        frontier.append(leaf_hash(entry))
    _must_be(f"root of {new.size} entries", new.root, frontier.root())
    return found


def inclusion(head: Checkpoint, index: int, read: Read) -> tuple[bytes, tuple[bytes, ...]]:
    """Entry *index*, and the proof that *head* has it, which was checked.

    Raises:
        ValueError: *head* has no such entry.
        MalformedError: a tile is none.
        UnauthenticError: the tiles are not those of *head*.
    """
    proof = inclusion_proof(index, head.size, node_reader(head.size, read))
    (entry,) = _entries(index, index + 1, read, size=head.size)
    check_inclusion(leaf_hash(entry), index, head.size, proof, head.root)
    return entry, proof


def recompute(head: Checkpoint, read: Read, known: Checkpoint | None = None) -> None:
    """Insist that every entry and every tile is there, and that they are what *head* says.

    Args:
        known: a checkpoint from before, of which the log must be a continuation.

    Raises:
        MalformedError: a bundle of entries is none.
        UnauthenticError: something is not as it must be.
    """
    if known is not None and not 0 < known.size < head.size:
        must_extend(known, head, read)
    frontier, tiles = Frontier(), _Tiles(read)
    for entry in _entries(0, head.size, read):
        for level, _, found in frontier.append(leaf_hash(entry)):
            tiles.add(level, found)
        if known is not None and frontier.size == known.size:
            _must_be(f"root of {known.size} entries", known.root, frontier.root())
    tiles.finish()
    _must_be(f"root of {head.size} entries", head.root, frontier.root())


class _Tiles:
    """Compares tiles with the hashes that they must have, as these become known."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._rows: dict[int, list[bytes]] = {}
        self._done: dict[int, int] = {}

    def add(self, level: int, found: bytes) -> None:
        stored, above = divmod(level, HEIGHT)
        if above:
            return
        row = self._rows.setdefault(stored, [])
        row.append(found)
        if len(row) == WIDTH:
            self._compare(stored)

    def finish(self) -> None:
        for stored, row in self._rows.items():
            if row:
                self._compare(stored)

    def _compare(self, stored: int) -> None:
        row, number = self._rows[stored], self._done.get(stored, 0)
        tile = Tile(stored, number, len(row))
        if self._read(tile) != b"".join(row):
            failure = Failure(tile.path, want="the hashes of the log's entries", got="others")
            raise UnauthenticError(STEP, failure)
        row.clear()
        self._done[stored] = number + 1


def _entries(begin: int, end: int, read: Read, *, size: int = 0) -> Iterator[bytes]:
    """Entries *begin* to *end*, as the bundles of a log of *size* entries (or *end*) have them."""
    size = size or end
    for number in range(begin // WIDTH, (end + WIDTH - 1) // WIDTH):
        first = number * WIDTH
        tile = Tile(-1, number, min(WIDTH, size - first))
        found = decode_entries(read(tile), tile.width, tile.path)
        yield from found[max(0, begin - first) : end - first]


def _must_be(claim: str, want: bytes, got: bytes) -> None:
    if not hmac.compare_digest(want, got):
        hint = "keep both: they prove that the log does not tell everybody the same"
        raise UnauthenticError(
            CONSISTENCY, Failure(claim, want=want.hex(), got=got.hex(), hint=hint)
        )
