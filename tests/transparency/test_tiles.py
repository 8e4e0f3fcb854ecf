"""Tiles: what they are called, and that a log in tiles proves what the log itself does."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.transparency.test_tree import nodes

from enarx.errors import MalformedError
from enarx.transparency.tiles import (
    HEIGHT,
    MAX_ENTRY_BYTES,
    WIDTH,
    Tile,
    decode_entries,
    encode_entries,
    node_reader,
    parse_path,
    tile_at,
    tiles_between,
)
from enarx.transparency.tree import (
    check_inclusion,
    inclusion_proof,
    leaf_hash,
    root_at,
    root_of,
)

NAMES = {
    Tile(0, 0): "tile/0/000",
    Tile(0, 1234067): "tile/0/x001/x234/067",
    Tile(1, 999, 7): "tile/1/999.p/7",
    Tile(-1, 1000, 255): "tile/entries/x001/000.p/255",
}


@pytest.mark.parametrize("tile", NAMES)
def test_the_names_of_tiles(tile: Tile) -> None:
    """As C2SP has them, in groups of three digits."""
    assert tile.path == NAMES[tile]
    assert parse_path(tile.path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "", "tile/0/0", "tile/00/000", "tile/0/x000/000", "tile/0/001/002", "tile/0/000.p/0",
        "tile/0/000.p/256", "tile/8/000", "tile/0/000/", "/tile/0/000", "tile/0/../000",
        "tile/data/000", f"tile/0/{'x999/' * 8}999", "tile/0/000.p/01", "tile/0/000\n",
    ],
)  # fmt: skip
def test_other_names_are_refused(path: str) -> None:
    """Each tile has one name, and nothing else has one."""
    with pytest.raises(MalformedError):
        parse_path(path)


def tiled(count: int) -> tuple[list[bytes], dict[Tile, bytes]]:
    """Leaves, and the tiles of hashes of a log with so many entries."""
    leaves = [leaf_hash(number.to_bytes(3, "big")) for number in range(count)]
    node = nodes(leaves)
    found = {}
    for tile in tiles_between(0, count):
        if tile.level >= 0:
            first = tile.number * WIDTH
            found[tile] = b"".join(node(HEIGHT * tile.level, first + n) for n in range(tile.width))
    return leaves, found


@pytest.mark.parametrize("count", [1, 2, 255, 256, 257, 600, 1000])
def test_proofs_from_tiles(count: int) -> None:
    """The root, and inclusion of entries at the edges, from nothing but tiles."""
    leaves, tiles = tiled(count)
    node = node_reader(count, tiles.__getitem__)
    root = root_of(leaves)
    assert root_at(count, node) == root
    for index in {0, count // 2, count - 1}:
        check_inclusion(leaves[index], index, count, inclusion_proof(index, count, node), root)
    with pytest.raises(ValueError, match="no node"):
        node(0, count)


def test_a_tile_of_another_size_is_refused() -> None:
    """Attack: a truncated tile."""
    _, tiles = tiled(3)
    with pytest.raises(MalformedError, match="got 95 bytes, want 96"):
        root_at(3, node_reader(3, lambda tile: tiles[tile][:-1]))


def test_a_log_grows_by_the_tiles_at_its_edge() -> None:
    """Whole ones stay as they are; partial ones come anew."""
    assert set(tiles_between(0, 1)) == {Tile(-1, 0, 1), Tile(0, 0, 1)}
    assert set(tiles_between(255, 257)) == {
        Tile(-1, 0), Tile(-1, 1, 1), Tile(0, 0), Tile(0, 1, 1), Tile(1, 0, 1),
    }  # fmt: skip
    assert not list(tiles_between(5, 5))
    assert tile_at(1, 0, 255) is None
    assert tile_at(-1, 300, 301) == Tile(-1, 1, 45)


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_entries_come_out_as_they_went_in(entries: list[bytes]) -> None:
    """And not with one more or less."""
    data = encode_entries(entries)
    assert decode_entries(data, len(entries), "bundle") == tuple(entries)
    for wrong in (len(entries) + 1, len(entries) - 1):
        if wrong >= 0:
            with pytest.raises(MalformedError):
                decode_entries(data, wrong, "bundle")


def test_what_no_bundle_can_hold() -> None:
    """Too long, too many."""
    with pytest.raises(ValueError, match="at most"):
        encode_entries([bytes(MAX_ENTRY_BYTES + 1)])
    with pytest.raises(ValueError, match="at most"):
        encode_entries([b""] * (WIDTH + 1))


@settings(max_examples=300)
@given(st.binary(max_size=60), st.integers(0, 5), st.text("tile/0123xp.", max_size=20))
def test_junk_raises_only_our_error(data: bytes, count: int, path: str) -> None:
    """Whatever arrives."""
    with suppress(MalformedError):
        decode_entries(data, count, "bundle")
    with suppress(MalformedError):
        parse_path(path)
