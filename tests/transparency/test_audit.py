"""A whole log, checked tile by tile: whatever was changed in it is noticed."""

from __future__ import annotations

import pytest

from enarx.errors import MalformedError, UnauthenticError
from enarx.transparency.audit import growth, inclusion, most_bytes, must_extend, recompute
from enarx.transparency.checkpoint import Checkpoint
from enarx.transparency.tiles import HEIGHT, WIDTH, Tile, encode_entries, tiles_between
from enarx.transparency.tree import EMPTY_ROOT, Frontier, leaf_hash

SIZES = (0, 1, 2, 255, 256, 257, 600)


class Files:
    """A log as its tiles, for every size that it had; a test may change them."""

    def __init__(self, size: int, word: str = "entry") -> None:
        self.entries = [f"{word} {n}".encode() for n in range(size)]
        self.tiles: dict[Tile, bytes] = {}
        self.read: list[Tile] = []
        self._roots = [EMPTY_ROOT]
        levels: dict[int, list[bytes]] = {}
        frontier = Frontier()
        for entry in self.entries:
            for level, _, found in frontier.append(leaf_hash(entry)):
                levels.setdefault(level, []).append(found)
            self._roots.append(frontier.root())
        for known in (*SIZES, size):
            for tile in tiles_between(0, min(known, size)):
                at = slice(tile.number * WIDTH, tile.number * WIDTH + tile.width)
                self.tiles[tile] = (
                    encode_entries(self.entries[at])
                    if tile.level < 0
                    else b"".join(levels[tile.level * HEIGHT][at])
                )

    def head(self, size: int) -> Checkpoint:
        """What the log said when it had *size* entries."""
        return Checkpoint(origin="log.example", size=size, root=self._roots[size])

    def __call__(self, tile: Tile) -> bytes:
        """The bytes of a tile."""
        self.read.append(tile)
        return self.tiles[tile]


LOG, OTHER = Files(600), Files(600, "other")


@pytest.mark.parametrize("size", SIZES)
def test_a_log_is_what_it_says(size: int) -> None:
    """Every tile is read once, and no other; whatever was seen before is among it."""
    files = Files(600)
    recompute(files.head(size), files)
    assert sorted(files.read, key=str) == sorted(tiles_between(0, size), key=str)
    for known in SIZES:
        if known <= size:
            recompute(files.head(size), files, files.head(known))
            must_extend(files.head(known), files.head(size), files)
            found = growth(files.head(known), files.head(size), files)
            assert list(found) == files.entries[known:size]


@pytest.mark.parametrize("tile", list(tiles_between(0, 600)), ids=lambda tile: tile.path)
def test_a_changed_tile_is_noticed(tile: Tile) -> None:
    """Attack: one bit of one tile; with the entries, the log would say something else."""
    files = Files(600)
    data = files.tiles[tile]
    files.tiles[tile] = data[:-1] + bytes([data[-1] ^ 1])
    with pytest.raises(UnauthenticError):
        recompute(files.head(600), files)
    files.tiles[tile] = data[:-1]
    with pytest.raises((UnauthenticError, MalformedError)):
        recompute(files.head(600), files)


def test_a_checkpoint_of_another_log() -> None:
    """All tiles fit each other, and not what was signed."""
    with pytest.raises(UnauthenticError, match="root of 600 entries"):
        recompute(OTHER.head(600), LOG)


@pytest.mark.parametrize("known", [1, 256, 599, 600])
def test_a_rewritten_log_is_noticed(known: int) -> None:
    """Attack: a log that is right in itself, and another than the one of before."""
    old, new = OTHER.head(known), LOG.head(600)
    with pytest.raises(UnauthenticError, match="consistency") as error:
        recompute(new, LOG, old)
    assert "keep both" in error.value.hints[0]
    with pytest.raises(UnauthenticError, match="consistency"):
        must_extend(old, new, LOG)
    with pytest.raises(UnauthenticError, match="consistency"):
        growth(old, new, LOG)


def test_a_log_that_lost_entries_is_noticed() -> None:
    """Attack: what was seen is gone; it may be an old copy, so that is said."""
    for check in (must_extend, growth):
        with pytest.raises(UnauthenticError, match="at least 600 entries") as error:
            check(LOG.head(600), LOG.head(256), LOG)
        assert "old copy" in error.value.hints[0]
    with pytest.raises(UnauthenticError, match="at least 600 entries"):
        recompute(LOG.head(256), LOG, LOG.head(600))


def test_an_empty_log_with_a_root() -> None:
    """Nobody can have seen a log of no entries with another root than that of nothing."""
    wrong = Checkpoint(origin="log.example", size=0, root=bytes(32))
    with pytest.raises(UnauthenticError):
        recompute(LOG.head(2), LOG, wrong)
    with pytest.raises(UnauthenticError):
        recompute(wrong, LOG)


def test_entries_that_were_made_up_are_not_shown() -> None:
    """Attack: the checkpoints are right, the entries between them are others."""
    files = Files(600)
    bundle = Tile(-1, 2, 88)
    files.tiles[bundle] = OTHER.tiles[bundle]
    with pytest.raises(UnauthenticError, match="root of 600 entries"):
        growth(files.head(256), files.head(600), files)


@pytest.mark.parametrize("index", [0, 255, 256, 511, 512, 599])
def test_an_entry_and_its_proof(index: int) -> None:
    """Are found in the tiles, and checked; of a changed log they are refused."""
    entry, proof = inclusion(LOG.head(600), index, LOG)
    assert entry == LOG.entries[index]
    assert len(proof) in (4, 5, 6, 7, 8, 9, 10)
    with pytest.raises(UnauthenticError, match="inclusion"):
        inclusion(OTHER.head(600), index, LOG)


def test_an_entry_that_is_not_there() -> None:
    """Has no proof."""
    with pytest.raises(ValueError, match="no entry"):
        inclusion(LOG.head(256), 256, LOG)


def test_how_large_tiles_may_be() -> None:
    """As many hashes, or entries of the largest size, as they are wide."""
    assert most_bytes(Tile(3, 0)) == 256 * 32
    assert most_bytes(Tile(-1, 0, 2)) == 2 * 65_537
