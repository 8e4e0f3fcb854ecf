"""Nodes of the log's tree, read together: what a computation will need is found out first."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import sqlalchemy as sa

from enarx.errors import MisconfiguredError
from enarx.steward.log import tables
from enarx.transparency.tree import HASH_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sqlalchemy import Connection

    from enarx.transparency.tree import Node

_Result = TypeVar("_Result")

_LAST = sa.select(sa.func.max(tables.entries.c.number))
_AT = sa.select(tables.nodes.c.position, tables.nodes.c.hash).where(
    tables.nodes.c.position.in_(sa.bindparam("positions", expanding=True))
)
_MOST = 8192
"""Parameters in one statement; SQLite takes 32,766, PostgreSQL 65,535."""


def size_of(connection: Connection) -> int:
    """How many entries there are."""
    last = connection.scalars(_LAST).one()
    return 0 if last is None else int(last) + 1


def hashes(connection: Connection, positions: Iterable[int]) -> dict[int, bytes]:
    """Those of the nodes at *positions* that are there."""
    wanted = sorted(set(positions))
    found: dict[int, bytes] = {}
    for at in range(0, len(wanted), _MOST):
        rows = connection.execute(_AT, {"positions": wanted[at : at + _MOST]})
        found |= {position: bytes(value) for position, value in rows}
    return found


def computed(connection: Connection, compute: Callable[[Node], _Result]) -> _Result:
    """The result of *compute*, whose nodes are read with one statement.

    It runs twice: first on hashes of nothing, to see which nodes it asks for.

    Raises:
        MisconfiguredError: a node that must be there is not.
    """
    asked: set[int] = set()

    def note(level: int, index: int) -> bytes:
        asked.add(tables.position(level, index))
        return bytes(HASH_BYTES)

    compute(note)
    found = hashes(connection, asked)
    if missing := asked - found.keys():
        raise MisconfiguredError(
            "database",
            f"node {min(missing)} of the log's tree is missing",
            hints=("the database is damaged: restore its newest backup",),
        )
    return compute(lambda level, index: found[tables.position(level, index)])
