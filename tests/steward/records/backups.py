"""Databases with rows in every table, and backups of them, for the tests beside."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping

import sqlalchemy as sa
import zstandard
from sqlalchemy import Engine

from enarx.steward.parts import import_tables
from enarx.steward.records import backup
from enarx.steward.records.database import metadata, reading, writing
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
