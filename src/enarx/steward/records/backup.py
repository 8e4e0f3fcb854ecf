"""A backup: every row of every table at one moment, as a file that either database can be made of.

The rows stand in the order of their keys, text by its bytes, so the same rows are the same file
whichever database they are in.  Rows pass through one by one; no table is ever in memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, cast

import sqlalchemy as sa

from enarx.errors import MalformedError, MisconfiguredError
from enarx.steward.records.backup_format import (
    KINDS,
    Cell,
    LineWriter,
    check_header,
    decode,
    encode,
    header,
    read,
)
from enarx.steward.records.database import metadata, reading, writing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection, Engine, Table

_VERSIONS = "steward_versions"
_APART = frozenset({"steward_writer", _VERSIONS})
"""The first never has rows, those of the second are in the header."""

_PREFIX = "steward_"
_AT_ONCE = 64
"""Rows fetched or written in one exchange with the database."""

_BATCH_BYTES = 4 << 20


def dump(engine: Engine, file: BinaryIO, *, where: str = "backup") -> Mapping[str, int]:
    """Write one state of the migrated database *engine* to *file*; how many rows of each table.

    Others go on reading and writing meanwhile.  The caller imports the tables of all parts
    (`steward.parts.import_tables`) and sees to it that *file* is whole, and private, in the end.

    Raises:
        UnavailableError: the database does not answer.
        MisconfiguredError: it has tables that are not known here.
        MalformedError: a row is too long for a backup.
    """
    with reading(engine) as connection, LineWriter(file, where) as lines:
        _insist_on_known(connection)
        lines.write(_header(connection))
        rows = {
            table.name: _dump_table(connection, lines, number, table)
            for number, table in enumerate(_tables())
        }
        lines.end(rows)
    return rows


def restore(engine: Engine, file: BinaryIO, *, where: str = "backup") -> Mapping[str, int]:
    """Fill the empty, migrated database *engine* from *file*; how many rows of each table.

    All of it or nothing: a file that turns out to be damaged at its end leaves nothing behind.

    Args:
        where: the file's name, for errors.

    Raises:
        MisconfiguredError: the database is not empty.
        MalformedError: the file is damaged, or no backup of this version's tables.
        UnavailableError: the database does not answer.
    """
    with writing(engine) as connection:
        for table in _tables():
            if connection.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first():
                hint = "give an empty one: another --state, or another database"
                raise MisconfiguredError("database", "is not empty", path=table.name, hints=(hint,))
        rows = _insert_all(connection, file, where)
        if connection.dialect.name == "postgresql":
            _advance_sequences(connection)
    return rows


def _tables() -> Sequence[Table]:
    """What is backed up; a table stands after those that its foreign keys name."""
    return [table for table in metadata.sorted_tables if table.name not in _APART]


def _header(connection: Connection) -> dict[str, object]:
    steps = connection.scalars(sa.select(metadata.tables[_VERSIONS].c.step)).all()
    tables = [
        {"name": table.name, "columns": [[c.name, KINDS[_kind(c)]] for c in table.columns]}
        for table in _tables()
    ]
    return header(sorted(steps), tables)


def _insist_on_known(connection: Connection) -> None:
    """Refuse to leave a table out."""
    for name in sorted(sa.inspect(connection).get_table_names()):
        if name.startswith(_PREFIX) and name not in metadata.tables:
            raise MisconfiguredError("database", "a table that is not known here", path=name)


def _kind(column: sa.Column[object]) -> type:
    return column.type.python_type


def _dump_table(connection: Connection, lines: LineWriter, number: int, table: Table) -> int:
    found = connection.execute(
        sa.select(table).order_by(*(_by_bytes(connection, c) for c in table.primary_key)),
        execution_options={"yield_per": _AT_ONCE},
    )
    count = 0
    for row in found:
        lines.write([number, *(encode(cell) for cell in row)])
        count += 1
    return count


def _by_bytes(connection: Connection, column: sa.Column[object]) -> ColumnElement[object]:
    """Text in the order of its bytes, as SQLite has it, whatever language the database speaks."""
    if connection.dialect.name == "postgresql" and _kind(column) is str:
        return cast("ColumnElement[object]", sa.collate(cast("sa.Column[str]", column), "C"))
    return column


def _insert_all(connection: Connection, file: BinaryIO, where: str) -> Mapping[str, int]:
    tables = _tables()
    rows = {table.name: 0 for table in tables}
    values = read(file, where)
    check_header(next(values, None), _header(connection), where)
    batch = _Batch(connection, where)
    for value in values:
        if isinstance(value, list):
            number = _number(value, batch.number, where)
            batch.add(number, value[1:], tables)
            rows[tables[number].name] += 1
        elif value != rows:
            raise MalformedError(where, "was changed: rows are missing, or too many")
    batch.write(tables)
    return rows


def _number(row: Sequence[object], least: int, where: str) -> int:
    """Which table *row* is of; the order of the tables is the one that foreign keys demand."""
    number = row[0] if row else None
    most = len(_tables())
    if not isinstance(number, int) or isinstance(number, bool) or not least <= number < most:
        raise MalformedError(where, "a row is of no table, or of one before")
    return number


class _Batch:
    """Rows of one table that are written together, at most so many and so large."""

    def __init__(self, connection: Connection, where: str) -> None:
        self.number = 0
        self._connection = connection
        self._where = where
        self._rows: list[dict[str, Cell]] = []
        self._bytes = 0

    def add(self, number: int, cells: Sequence[object], tables: Sequence[Table]) -> None:
        """Take one row of table *number*."""
        if number != self.number or len(self._rows) == _AT_ONCE or self._bytes > _BATCH_BYTES:
            self.write(tables)
        self.number = number
        table = tables[number]
        where = f"{self._where}: {table.name}"
        if len(cells) != len(table.columns):
            raise MalformedError(where, f"got {len(cells)} columns, want {len(table.columns)}")
        self._rows.append(
            {
                column.key: decode(cell, _kind(column), f"{where}.{column.name}")
                for column, cell in zip(table.columns, cells, strict=True)
            }
        )
        self._bytes += sum(len(cell) for cell in cells if isinstance(cell, str))

    def write(self, tables: Sequence[Table]) -> None:
        """Write what was taken.

        Raises:
            MalformedError: a row is there twice, or lacks one that it refers to.
        """
        if not self._rows:
            return
        table = tables[self.number]
        try:
            self._connection.execute(sa.insert(table), self._rows)
        except (sa.exc.IntegrityError, sa.exc.DataError) as error:
            problem = str(error.orig).strip().splitlines()[0].lower()
            raise MalformedError(f"{self._where}: {table.name}", problem) from error
        self._rows, self._bytes = [], 0


def _advance_sequences(connection: Connection) -> None:
    """Let numbers that the database gives out go on after those that are taken (PostgreSQL)."""
    for table in _tables():
        column = table.autoincrement_column
        if column is None:
            continue
        sequence = sa.func.pg_get_serial_sequence(table.name, column.name)
        last = sa.select(sa.func.max(column)).scalar_subquery()
        connection.execute(sa.select(sa.func.setval(sequence, last)))
