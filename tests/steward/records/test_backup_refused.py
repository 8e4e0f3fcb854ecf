"""Backups that are cut off, damaged or made up are refused, and nothing of them is written."""

from __future__ import annotations

import io
import json
from collections.abc import Callable

import pytest
import zstandard
from sqlalchemy import Engine
from tests.steward.records.backups import (
    MANY,
    compressed,
    dumped,
    lines,
    packed,
    restored,
    rows_in,
)

from enarx.errors import EnarxError, MalformedError
from enarx.steward.records import backup
from enarx.steward.records.backup_format import VERSION
from enarx.steward.records.database import open_engine


@pytest.mark.parametrize("part", [0, 1, 4, 100, 0.25, 0.5, 0.99, -200, -5, -4, -1])
def test_a_file_that_is_cut_off_leaves_nothing(empty: Engine, example: bytes, part: float) -> None:
    """Wherever it is cut, even behind the last row."""
    at = int(part * len(example)) if isinstance(part, float) else int(part)
    with pytest.raises(MalformedError, match=r"cut off|changed"):
        restored(empty, example[:at])
    assert rows_in(empty) == 0


def test_rows_without_an_end_are_refused(empty: Engine, example: bytes) -> None:
    """A whole frame of whole lines, without the last one."""
    with pytest.raises(MalformedError, match="its last line is missing"):
        restored(empty, compressed(lines(example)[:-1]))
    assert rows_in(empty) == 0


@pytest.mark.parametrize("more", [b"\0", b"x" * 2000])
def test_nothing_may_follow_a_backup(empty: Engine, example: bytes, more: bytes) -> None:
    """Neither a byte nor another backup."""
    for data in (example + more, example + example):
        with pytest.raises(MalformedError, match="goes on after its end"):
            restored(empty, data)
    assert rows_in(empty) == 0


def test_damage_is_noticed(empty: Engine, example: bytes) -> None:
    """A bit that changed is refused, in the header of the frame, in a row or in the end."""
    step = len(example) // 20
    for at in (*range(0, len(example), step), len(example) - 1):
        data = bytearray(example)
        data[at] ^= 0x10
        with pytest.raises(MalformedError):
            backup.restore(empty, io.BytesIO(data))
        assert rows_in(empty) == 0


def test_the_digest_is_of_every_row(empty: Engine, example: bytes) -> None:
    """Rows of the right form that are others than those that were written are refused."""
    found = lines(example)
    at = next(n for n, line in enumerate(found) if b"1099511627776" in line)
    found[at] = found[at].replace(b"1099511627776", b"1099511627775")
    with pytest.raises(MalformedError, match="its digest is another one"):
        restored(empty, compressed(found))
    assert rows_in(empty) == 0
    assert set(restored(empty, packed(found)).values()) == {MANY}


def test_nothing_may_follow_where_a_piece_ends(empty: Engine) -> None:
    """However the file comes in pieces: here the frame's end is a piece's end."""

    class Slow(io.BytesIO):
        """A file that gives one byte at a time."""

        def read(self, _size: int | None = -1, /) -> bytes:
            """The next byte."""
            return super().read(1)

    data = dumped(empty)
    assert backup.restore(empty, Slow(data))
    with pytest.raises(MalformedError, match="goes on after its end"):
        backup.restore(empty, Slow(data + b"x"))


def without_a_row(found: list[bytes]) -> list[bytes]:
    """A row of the last table is missing."""
    return [*found[:-2], found[-1]]


def with_a_row_twice(found: list[bytes]) -> list[bytes]:
    """The first row stands there twice."""
    return [found[0], found[1], *found[1:]]


def out_of_order(found: list[bytes]) -> list[bytes]:
    """The last table's last row is the first one."""
    return [found[0], found[-2], *found[1:-2], found[-1]]


def of_no_table(found: list[bytes]) -> list[bytes]:
    """A row of a table that the header does not name."""
    return [*found[:-1], b"[9999]", found[-1]]


def of_true(found: list[bytes]) -> list[bytes]:
    """A row whose table is no number."""
    return [*found[:-1], b"[true]", found[-1]]


def with_a_word(found: list[bytes]) -> list[bytes]:
    """A line that is neither row nor end."""
    return [*found[:-1], b'"word"', found[-1]]


def with_a_short_row(found: list[bytes]) -> list[bytes]:
    """The first row lacks its last column."""
    return [found[0], json.dumps(json.loads(found[1])[:-1]).encode(), *found[2:]]


def with_a_wrong_type(found: list[bytes]) -> list[bytes]:
    """Every cell of the first row is a fraction."""
    row = json.loads(found[1])
    return [found[0], json.dumps([row[0]] + [0.5] * (len(row) - 1)).encode(), *found[2:]]


def with_null(found: list[bytes]) -> list[bytes]:
    """Every cell of the first row is null."""
    row = json.loads(found[1])
    return [found[0], json.dumps([row[0]] + [None] * (len(row) - 1)).encode(), *found[2:]]


def with_two_ends(found: list[bytes]) -> list[bytes]:
    """The end stands there twice, the first with the right digest."""
    return [*lines(packed(found)), found[-1]]


def not_json(found: list[bytes]) -> list[bytes]:
    """A line that is no JSON."""
    return [*found[:-1], b"[0,", found[-1]]


def of_another_step(found: list[bytes]) -> list[bytes]:
    """The tables have had another migration."""
    header = json.loads(found[0])
    header["steps"].append("of tomorrow")
    return [json.dumps(header).encode(), *found[1:]]


def of_another_format(found: list[bytes]) -> list[bytes]:
    """The format is of a later version."""
    header = json.loads(found[0])
    header["version"] = VERSION + 1
    return [json.dumps(header).encode(), *found[1:]]


def of_something_else(found: list[bytes]) -> list[bytes]:
    """Lines of JSON of somebody else."""
    return [b"{}", *found[1:]]


CHANGES: tuple[tuple[Callable[[list[bytes]], list[bytes]], str], ...] = (
    (without_a_row, "rows are missing"),
    (out_of_order, "a row is of no table, or of one before"),
    (of_no_table, "a row is of no table"),
    (of_true, "a row is of no table"),
    (with_a_word, "was changed"),
    (with_a_short_row, "columns, want"),
    (with_a_wrong_type, "got '0.5', want"),
    (with_two_ends, "stands after the end"),
    (not_json, "is not JSON"),
    (of_another_step, "another version of enarx"),
    (of_another_format, "got version 2 of the format, want 1"),
    (of_something_else, "is no backup of a Steward"),
)


@pytest.mark.parametrize(("change", "problem"), CHANGES, ids=lambda x: getattr(x, "__name__", ""))
def test_a_file_that_somebody_made_is_checked(
    empty: Engine, example: bytes, change: Callable[[list[bytes]], list[bytes]], problem: str
) -> None:
    """Though its digest is right, each mistake is named, and nothing of it is written."""
    with pytest.raises(MalformedError, match=problem):
        restored(empty, packed(change(lines(example))))
    assert rows_in(empty) == 0


def test_rows_that_do_not_fit_are_refused(engine: Engine, example: bytes) -> None:
    """What the database itself holds against a row is the file's fault."""
    for change, problem in ((with_a_row_twice, "unique"), (with_null, "null")):
        with pytest.raises(MalformedError, match=problem):
            restored(engine, packed(change(lines(example))))
        assert rows_in(engine) == 0


def test_a_row_that_refers_to_nothing_is_refused(engine: Engine, example: bytes) -> None:
    """A certificate without its decision cannot come into the database."""
    found = lines(example)
    tables = [table["name"] for table in json.loads(found[0])["tables"]]
    decisions = tables.index("steward_decisions")
    kept = [found[0], *(x for x in found[1:-1] if json.loads(x)[0] != decisions), found[-1]]
    with pytest.raises(MalformedError, match="foreign key"):
        restored(engine, packed(kept))
    assert rows_in(engine) == 0


@pytest.mark.parametrize("text", ['"\\ud800"', '"\\u0000"'])
def test_text_that_no_database_takes_is_refused(
    new_postgres: Callable[[], str], example: bytes, text: str
) -> None:
    """Half a surrogate, or NUL in PostgreSQL, is the file's fault."""
    found = lines(example)
    tables = [table["name"] for table in json.loads(found[0])["tables"]]
    at = next(
        n for n, x in enumerate(found) if n and tables[json.loads(x)[0]] == "steward_decisions"
    )
    row = json.loads(found[at])
    cells = [row[0], "MARK", *row[2:]]
    found[at] = json.dumps(cells).replace('"MARK"', text).encode()
    engine = open_engine(new_postgres())
    try:
        with pytest.raises(MalformedError, match="steward_decisions"):
            restored(engine, packed(found))
        assert rows_in(engine) == 0
    finally:
        engine.dispose()


def test_a_bomb_does_not_fill_the_memory(empty: Engine) -> None:
    """A line without end is refused when it is longer than a line may be."""
    compressor = zstandard.ZstdCompressor(level=3).compressobj()
    data = b"".join(compressor.compress(bytes(1 << 20)) for _ in range(256)) + compressor.flush()
    assert len(data) < 1 << 17
    with pytest.raises(MalformedError, match="a line of more than"):
        restored(empty, data)


def test_every_error_is_one_that_a_user_can_read(empty: Engine) -> None:
    """What is no backup at all is said to be none."""
    for data in (b"", b"SQLite format 3\0" * 100, compressed([]), compressed([b"[]", b"{}"])):
        with pytest.raises(EnarxError):
            restored(empty, data)
