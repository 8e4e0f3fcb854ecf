"""How much there is of what the Steward decided: numbers for an operator, of one moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from enarx.steward.records.tables import certificates, decisions, denials

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Numbers of rows.

    Args:
        live: certificates that are neither revoked nor over.
        revoked: certificates that are revoked, those whose time is over too.
        issued: all certificates.
        accepted, refused: decisions.
        denied: entries of the deny list that count now.
    """

    live: int
    revoked: int
    issued: int
    accepted: int
    refused: int
    denied: int


def count(connection: Connection, now: int) -> Counts:
    """The numbers at *now*, in seconds since 1970."""
    revoked = certificates.c.revoked.is_not(None)
    over = certificates.c.not_after < now
    return Counts(
        live=_rows(connection, sa.not_(revoked), sa.not_(over)),
        revoked=_rows(connection, revoked),
        issued=_rows(connection, certificates.c.serial.is_not(None)),
        accepted=_rows(connection, decisions.c.accepted.is_(True)),
        refused=_rows(connection, decisions.c.accepted.is_(False)),
        denied=_rows(connection, denials.c.lifted.is_(None), denials.c.number.is_not(None)),
    )


def _rows(connection: Connection, *conditions: ColumnElement[bool]) -> int:
    return connection.scalar(sa.select(sa.func.count()).where(*conditions)) or 0
