"""Backups: what comes back, into either database, and what is refused."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import sqlalchemy as sa
import zstandard
from sqlalchemy import Engine

from enarx.errors import EnarxError, MalformedError, MisconfiguredError
from enarx.steward.parts import import_tables
from enarx.steward.records import backup, denials
from enarx.steward.records.backup_format import KINDS, VERSION
from enarx.steward.records.database import metadata, open_engine, reading, retrying, writing
from enarx.steward.records.migrations import migrate

import_tables()

MANY = 150
"""Rows, more than are fetched or written at once."""

TEXTS = ("a", "B", "ä", "_", "z", "Z", "\U0001f511", "é")
"""What languages sort in another order than bytes do."""

TABLES = [name for name in sorted(metadata.tables) if name != "steward_writer"]


def value(column: sa.Column[object], number: int) -> object:
    """What stands in *column* in row *number*; rows of all tables with a number belong together."""
    if column.type.python_type is bytes:
        return hashlib.sha256(b"%d" % number).digest() + bytes(range(256))
    if column.type.python_type is str:
        return f"{TEXTS[number % len(TEXTS)]}{number}"
    if column.type.python_type is bool:
        return number % 2 == 0
    if column.nullable and number % 3 == 0:
        return None
    wide = isinstance(column.type, sa.BigInteger) and not column.primary_key
    return number + (1 << 40 if wide and not column.foreign_keys else 1)


def fill(engine: Engine, many: int = MANY) -> Engine:
    """The same rows in every table, whatever tables there are; the database, migrated."""
    migrate(engine)
    with writing(engine) as connection:
        for table in metadata.sorted_tables:
            if table.name not in {"steward_writer", "steward_versions"}:
                rows = [{c.key: value(c, n) for c in table.columns} for n in range(many)]
                connection.execute(sa.insert(table), rows)
    return engine


def dumped(engine: Engine) -> bytes:
    """A backup of *engine*."""
    file = io.BytesIO()
    backup.dump(engine, file)
    return file.getvalue()


def restored(engine: Engine, data: bytes) -> Mapping[str, int]:
    """Restore *data* into *engine*, which is migrated first."""
    migrate(engine)
    return backup.restore(engine, io.BytesIO(data), where="x")


def lines(data: bytes) -> list[bytes]:
    """The lines of a backup."""
    return zstandard.ZstdDecompressor().decompressobj().decompress(data).splitlines()


def packed(found: list[bytes]) -> bytes:
    """A backup of these lines, with the digest that they have; the last is the end."""
    end = json.loads(found[-1])
    end["sha256"] = hashlib.sha256(b"".join(line + b"\n" for line in found[:-1])).hexdigest()
    return compressed([*found[:-1], json.dumps(end, separators=(",", ":")).encode()])


def compressed(found: list[bytes]) -> bytes:
    """Lines as they stand."""
    return zstandard.ZstdCompressor().compress(b"".join(line + b"\n" for line in found))


def rows_in(engine: Engine) -> int:
    """How many rows there are in all, without the migrations' own."""
    with reading(engine) as connection:
        return sum(
            connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0
            for name, table in metadata.tables.items()
            if name != "steward_versions"
        )


@pytest.fixture(scope="session")
def example(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A backup of a full database of SQLite."""
    engine = open_engine(f"sqlite:///{tmp_path_factory.mktemp('full')}/steward.sqlite")
    try:
        return dumped(fill(engine))
    finally:
        engine.dispose()


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Engine]:
    """A migrated database of SQLite."""
    engine = open_engine(f"sqlite:///{tmp_path}/empty.sqlite")
    migrate(engine)
    yield engine
    engine.dispose()


def test_the_same_rows_are_the_same_file_in_either_database(engine: Engine, example: bytes) -> None:
    """Byte by byte, whatever order the database itself gives to text."""
    assert dumped(fill(engine)) == example


def test_a_backup_comes_back_whole(engine: Engine, example: bytes) -> None:
    """What was written on SQLite is in either database afterwards, and is the same backup again."""
    rows = restored(engine, example)
    assert set(rows.values()) == {MANY}
    assert dumped(engine) == example


def test_everything_is_in_a_backup(example: bytes) -> None:
    """The header names every table there is but the lock and the migrations, with all columns."""
    tables = json.loads(lines(example)[0])["tables"]
    assert sorted(t["name"] for t in tables) == sorted(set(TABLES) - {"steward_versions"})
    for table in tables:
        assert [name for name, _ in table["columns"]] == metadata.tables[table["name"]].c.keys()


@pytest.mark.parametrize("name", TABLES)
def test_every_column_can_be_written(name: str) -> None:
    """A table with a type that has no form in a backup fails here, and not on the day of need."""
    assert {c.type.python_type for c in metadata.tables[name].columns} <= set(KINDS)


def test_an_empty_database_has_a_backup_too(engine: Engine, empty: Engine) -> None:
    """It restores to nothing."""
    assert set(restored(engine, dumped(empty)).values()) == {0}
    assert rows_in(engine) == 0


def test_numbers_go_on_after_a_restore(engine: Engine, example: bytes) -> None:
    """The next entry of the deny list gets a number that none had."""
    restored(engine, example)
    retrying(
        engine, lambda c: denials.deny(c, "key", "ab" * 32, reason="", by="me", now=1_800_000_000)
    )
    with reading(engine) as connection:
        assert denials.every(connection)[-1].number == MANY + 1


def test_a_snapshot_is_of_one_moment(engine: Engine) -> None:
    """What is committed after the first row was read, before the last one, is not in a backup."""
    fill(engine, 8)
    before = dumped(engine)
    tables = metadata.tables
    late = [value(c, 100) for c in tables["steward_tokens"].columns]
    wrote: list[str] = []

    def interfere(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        """Commit a row to a table just before it is read."""
        if "FROM steward_tokens" in statement and not wrote:
            wrote.append(statement)
            with writing(engine) as connection:
                connection.execute(sa.insert(tables["steward_tokens"]).values(late))

    sa.event.listen(engine, "before_cursor_execute", interfere)
    assert dumped(engine) == before
    assert wrote
    assert dumped(engine) != before


def test_a_database_with_rows_is_refused(engine: Engine, example: bytes) -> None:
    """Whatever they are; and they stay as they were."""
    fill(engine, 1)
    before = dumped(engine)
    with pytest.raises(MisconfiguredError, match="is not empty"):
        restored(engine, example)
    assert dumped(engine) == before


def test_a_table_of_others_is_not_left_out_silently(engine: Engine) -> None:
    """A part that this version lacks has tables; a backup without them would be none."""
    migrate(engine)
    with writing(engine) as connection:
        connection.execute(sa.text("CREATE TABLE steward_of_tomorrow (x INTEGER)"))
    with pytest.raises(MisconfiguredError, match="steward_of_tomorrow: a table that is not known"):
        dumped(engine)


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
