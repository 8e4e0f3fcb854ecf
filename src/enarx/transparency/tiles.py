"""Tiles: a log as files that never change, which any web server can hand out.

A tile has up to 256 hashes of one level of nodes, every eighth level being stored; the right edge
has partial tiles.  Entries lie in bundles beside them.

    checkpoint                          the newest one
    tile/<L>/<N>[.p/<W>]                hashes of level 8·L, from node 256·N
    tile/entries/<N>[.p/<W>]            entries from 256·N, each after its size (u16)

*N* is written in groups of three digits, all but the last with an x before it: x001/x234/067.

Source: C2SP tlog-tiles, "Parameters", "Merkle tree tiles" and "Log entries".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from enarx.errors import MalformedError
from enarx.transparency.tree import HASH_BYTES, MAX_SIZE, node_hash
from enarx.wire.reader import Reader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from enarx.transparency.tree import Node

HEIGHT = 8
WIDTH = 1 << HEIGHT
MAX_ENTRY_BYTES = (1 << 16) - 1
CHECKPOINT = "checkpoint"
MAX_LEVEL = 7

_PATH = re.compile(
    r"tile/(entries|0|[1-9][0-9]?)/((?:x[0-9]{3}/)*)([0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?"
)


@dataclass(frozen=True, slots=True)
class Tile:
    """Where one tile is.

    Args:
        level: in steps of eight; -1 for entries.
        number: from the left.
        width: 256, or less at the right edge.
    """

    level: int
    number: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """Below the log's prefix."""
        level = "entries" if self.level < 0 else str(self.level)
        groups = f"{self.number:03}"
        while len(groups) % 3:
            groups = f"0{groups}"
        parts = [groups[at : at + 3] for at in range(0, len(groups), 3)]
        name = "/".join([*(f"x{part}" for part in parts[:-1]), parts[-1]])
        partial = f".p/{self.width}" if self.width < WIDTH else ""
        return f"tile/{level}/{name}{partial}"


def parse_path(path: str) -> Tile:
    """The tile at *path*.

    Raises:
        MalformedError: no tile has such a path.
    """
    found = _PATH.fullmatch(path)
    if found is None:
        raise MalformedError("tile", f"got {path[:80]!r}, want tile/LEVEL/NNN[.p/WIDTH]")
    level = -1 if found[1] == "entries" else int(found[1])
    index = int(found[2].replace("x", "").replace("/", "") + found[3])
    tile = Tile(level, index, int(found[4] or WIDTH))
    if tile.path != path or level > MAX_LEVEL or index * WIDTH > MAX_SIZE:
        raise MalformedError("tile", f"got {path[:80]!r}, which is not how a tile is called")
    return tile


def tile_at(level: int, index: int, size: int) -> Tile | None:
    """The tile of *level* that has node *index* of it, in a log of *size* entries; None if none."""
    nodes = size >> (HEIGHT * max(level, 0))
    if index >= nodes:
        return None
    number = index // WIDTH
    return Tile(level, number, min(WIDTH, nodes - number * WIDTH))


def tiles_between(old_size: int, new_size: int) -> Iterator[Tile]:
    """Every tile, of hashes and of entries, that a log gets by growing from one size to another."""
    for level in range(-1, MAX_LEVEL + 1):
        shift = HEIGHT * max(level, 0)
        old, new = old_size >> shift, new_size >> shift
        if old == new:
            continue
        for number in range(old // WIDTH, (new - 1) // WIDTH + 1):
            yield Tile(level, number, min(WIDTH, new - number * WIDTH))


def node_reader(size: int, read: Callable[[Tile], bytes]) -> Node:
    """How nodes of a log of *size* entries are found in its tiles; each tile is read once.

    Args:
        read: the bytes of a tile.

    Raises (the reader):
        MalformedError: a tile has another size than it must have.
    """
    known: dict[Tile, bytes] = {}

    def hashes(level: int, index: int) -> bytes:
        tile = tile_at(level, index, size)
        if tile is None:
            raise ValueError(f"no node {index} of level {level} among {size} entries")
        if tile not in known:
            data = read(tile)
            if len(data) != tile.width * HASH_BYTES:
                problem = f"got {len(data)} bytes, want {tile.width * HASH_BYTES}"
                raise MalformedError(tile.path, problem)
            known[tile] = data
        at = (index - tile.number * WIDTH) * HASH_BYTES
        return known[tile][at : at + HASH_BYTES]

    def node(level: int, index: int) -> bytes:
        stored, above = divmod(level, HEIGHT)
        found = [hashes(stored, (index << above) + n) for n in range(1 << above)]
        while len(found) > 1:
            found = [node_hash(*found[n : n + 2]) for n in range(0, len(found), 2)]
        return found[0]

    return node


def encode_entries(entries: Sequence[bytes]) -> bytes:
    """A bundle.

    Raises:
        ValueError: an entry is too long, or there are too many.
    """
    if len(entries) > WIDTH or any(len(entry) > MAX_ENTRY_BYTES for entry in entries):
        raise ValueError(f"want at most {WIDTH} entries of at most {MAX_ENTRY_BYTES} bytes")
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def decode_entries(data: bytes, count: int, where: str) -> tuple[bytes, ...]:
    """The *count* entries of a bundle.

    Raises:
        MalformedError: it has more or fewer.
    """
    reader = Reader(data, where, "big")
    found = tuple(reader.sized(2, f"entry {n}", most=MAX_ENTRY_BYTES) for n in range(count))
    reader.end()
    return found
