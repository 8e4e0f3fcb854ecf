"""The log as everybody sees it: over HTTP and as a directory, the same bytes."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine
from tests.steward.log.conftest import Counted, Kept, Serve

from enarx.errors import MisconfiguredError, UnavailableError
from enarx.steward.log import tables
from enarx.steward.log.export import export
from enarx.steward.log.log import Log
from enarx.steward.records.database import open_engine, writing
from enarx.steward.records.migrations import migrate
from enarx.transparency.tiles import HEIGHT, WIDTH, encode_entries, tiles_between
from enarx.transparency.tree import Frontier, leaf_hash

SIZE = 70_000
ENTRIES = [b"%d" % n for n in range(SIZE)]


@pytest.fixture(scope="module")
def expected() -> dict[str, bytes]:
    """Every tile of a log of ``ENTRIES``, from the tree alone."""
    frontier = Frontier()
    levels: dict[int, list[bytes]] = {}
    for entry in ENTRIES:
        for level, _, found in frontier.append(leaf_hash(entry)):
            levels.setdefault(level, []).append(found)
    tiles = {}
    for tile in tiles_between(0, SIZE):
        at = slice(tile.number * WIDTH, tile.number * WIDTH + tile.width)
        if tile.level < 0:
            tiles[tile.path] = encode_entries(ENTRIES[at])
        else:
            tiles[tile.path] = b"".join(levels[tile.level * HEIGHT][at])
    return tiles


@pytest.mark.slow
def test_every_tile_is_that_of_the_tree(
    kept: Kept, serve: Serve, expected: dict[str, bytes], tmp_path: Path
) -> None:
    """All levels, whole and partial, entries too; and the directory has the same, no more."""
    for begin in range(0, SIZE, 9_999):
        kept.append(*ENTRIES[begin : begin + 9_999])
    assert len(expected) == 274 * 2 + 2 + 1  # the example of C2SP tlog-tiles, "Partial Tiles"
    with httpx.Client(base_url=serve(kept), trust_env=False) as client:
        for path, data in expected.items():
            assert client.get(f"/{path}").content == data, path
        checkpoint = client.get("/checkpoint").content
    assert export(kept.log, tmp_path / "log") == SIZE
    files = {
        str(path.relative_to(tmp_path / "log")): path.read_bytes()
        for path in (tmp_path / "log").rglob("*")
        if path.is_file()
    }
    assert files == {**expected, "checkpoint": checkpoint}


def test_what_may_be_kept_for_how_long(kept: Kept, serve: Serve) -> None:
    """Tiles for ever; a checkpoint not at all; types as C2SP tlog-tiles has them."""
    kept.append(*ENTRIES[:257])
    with httpx.Client(base_url=serve(kept), trust_env=False) as client:
        for path in ("tile/0/000", "tile/0/001.p/1", "tile/entries/000", "tile/1/000.p/1"):
            found = client.get(f"/{path}")
            assert found.headers["content-type"] == "application/octet-stream"
            assert found.headers["cache-control"] == "public, max-age=31536000, immutable"
            assert client.head(f"/{path}").headers["content-length"] == str(len(found.content))
        found = client.get("/checkpoint")
        assert found.headers["content-type"] == "text/plain; charset=utf-8"
        assert found.headers["cache-control"] == "no-cache"


STRANGE = (
    "tile/0/001", "tile/0/001.p/2", "tile/entries/001", "tile/entries/001.p/2", "tile/1/000",
    "tile/2/000", "tile/2/000.p/1", "tile/0/1", "tile/00/000", "tile/8/000", "tile/0/x000/000",
    "tile/entries/000.p/0", "tile/entries/000.p/256", "tile/", "tile", "other",
    "tile/7/x999/x999/x999/x999/999", "tile/0/x010/x000/x000/x000/x000/000",
    "tile/entries/x018/x014/x398/x509/x481/984",
)  # fmt: skip


def test_what_is_no_tile_of_this_log(kept: Kept, serve: Serve) -> None:
    """Larger than the log, or spelt otherwise: there is no such thing, and nobody keeps that."""
    kept.append(*ENTRIES[:257])
    with httpx.Client(base_url=serve(kept), trust_env=False) as client:
        for path in STRANGE:
            found = client.get(f"/{path}")
            assert found.status_code == 404, path
            assert found.headers["cache-control"] == "no-store"


def test_strangers_make_no_metrics(kept: Kept, serve: Serve, counted: Counted) -> None:
    """Attack: many paths, each of which would be counted by itself for ever."""
    url = serve(kept)
    for tile in ("0/000", "entries/x001/000", "7/a/b/c/" + "d" * 400, "x" * 400):
        httpx.get(f"{url}/tile/{tile}", trust_env=False)
    labels = {
        sample.labels["route"] for metric in counted.registry.collect() for sample in metric.samples
    }
    assert labels == {"/log/tile/{tile}"}


def test_an_export_is_continued(kept: Kept, tmp_path: Path) -> None:
    """A later one writes what is new, and leaves whole tiles as they are."""
    kept.append(*ENTRIES[:300])
    export(kept.log, tmp_path)
    whole = tmp_path / "tile" / "0" / "000"
    before = whole.stat()
    kept.append(*ENTRIES[300:600])
    assert export(kept.log, tmp_path) == 600
    assert whole.stat() == before
    assert (tmp_path / "checkpoint").read_bytes() == kept.log.checkpoint()
    assert (tmp_path / "tile" / "0" / "001").stat().st_size == 256 * 32
    assert not list(tmp_path.rglob("*.partial"))
    export(kept.log, tmp_path)


def test_an_export_of_another_log(kept: Kept, tmp_path: Path) -> None:
    """Two logs do not share a directory; nor does one that was put back go on."""
    kept.append(b"first")
    export(kept.log, tmp_path / "log")
    other = Log(kept.engine, "other.example", Ed25519PrivateKey.generate())
    with pytest.raises(MisconfiguredError, match="is of another log"):
        export(other, tmp_path / "log")
    engine = open_engine(f"sqlite:///{tmp_path}/other.sqlite")
    migrate(engine)
    same = Log(engine, kept.log.origin, Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
    with writing(engine) as connection:
        same.append(connection, [b"another"])
    with pytest.raises(MisconfiguredError, match="the first 1 entries are others"):
        export(same, tmp_path / "log")
    engine.dispose()
    (tmp_path / "file").touch()
    with pytest.raises(UnavailableError, match="not a directory"):
        export(kept.log, tmp_path / "file" / "log")


def test_an_export_of_a_damaged_database(kept: Kept, engine: Engine, tmp_path: Path) -> None:
    """An entry that is missing stops it before the checkpoint is written."""
    kept.append(*ENTRIES[:3])
    with writing(engine) as connection:
        connection.execute(sa.delete(tables.entries).where(tables.entries.c.number == 1))
    with pytest.raises(MisconfiguredError, match=r"entries/000\.p/3 of the log is missing"):
        export(kept.log, tmp_path)
    assert not (tmp_path / "checkpoint").exists()
