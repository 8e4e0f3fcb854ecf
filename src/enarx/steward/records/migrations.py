"""Bring a database to the tables that this version of enarx reads and writes.

The tables of `database.metadata` always say the newest form.  A new database is made in that form;
an older one gets the steps that it has not had, in order, and then the tables that it lacks.  What
a database has had stands in it, so two instances that start at once migrate it once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from enarx.errors import MisconfiguredError
from enarx.steward.records.database import available, metadata, retrying

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection, Engine

_taken = sa.Table(
    "steward_versions", metadata, sa.Column("step", sa.Text, primary_key=True, nullable=False)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One change of tables that are there; never edited once it was released."""

    name: str
    apply: Callable[[Connection], None]


STEPS: tuple[Step, ...] = (Step(name="1", apply=metadata.create_all),)
"""In the order in which they were released."""


def migrate(engine: Engine, steps: Sequence[Step] = STEPS) -> None:
    """Make the tables of `metadata` in the database, or bring those that are there up to date.

    Only tables whose modules are imported are known: a service imports those of all its parts.

    Raises:
        UnavailableError: the database does not answer.
        MisconfiguredError: it was written by a newer version, or its tables have another form.
    """
    if engine.dialect.name == "postgresql":
        # two who start at once: one waits here for the other
        with available(engine), engine.begin() as connection:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
            metadata.create_all(connection, tables=[metadata.tables["steward_writer"]])
    retrying(engine, lambda connection: _migrate(connection, steps))


_LOCK = 0x656E617278
"""Any number that others do not use: "enarx"."""


def _migrate(connection: Connection, steps: Sequence[Step]) -> None:
    new = not sa.inspect(connection).has_table(_taken.name)
    if new:
        metadata.create_all(connection)
    taken = set(connection.scalars(sa.select(_taken.c.step)))
    unknown = taken - {step.name for step in steps}
    if unknown:
        raise MisconfiguredError(
            "database",
            f"got step {min(unknown)}, which this version does not know",
            hints=("it was written by a newer version of enarx",),
        )
    for step in steps:
        if step.name not in taken:
            if not new:
                step.apply(connection)
            connection.execute(sa.insert(_taken).values(step=step.name))
    metadata.create_all(connection)
    _check_form(connection)


def _check_form(connection: Connection) -> None:
    """Insist on the columns that the code names."""
    inspector = sa.inspect(connection)
    for table in metadata.tables.values():
        got = {column["name"] for column in inspector.get_columns(table.name)}
        want = set(table.columns.keys())
        if got != want:
            raise MisconfiguredError(
                "database",
                f"got columns {sorted(got)}, want {sorted(want)}",
                path=table.name,
                hints=("restore a backup, or start with an empty database",),
            )
