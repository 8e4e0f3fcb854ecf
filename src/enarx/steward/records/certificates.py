"""What was issued and what of it is revoked.

A row is written with the decision, before the certificate is signed: a certificate that exists is
on record, whatever is killed.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from enarx.steward.records.tables import certificates

if TYPE_CHECKING:
    from sqlalchemy import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """One certificate.

    Args:
        serial: hexadecimal, without leading zeros.
        decision: the identifier of the decision that it stands on.
        key: SHA-256 of the SubjectPublicKeyInfo, hexadecimal.
        workload: the workload digest, or empty.
        instance: the machine as its evidence named it, hexadecimal, or empty.
        not_before, not_after: seconds since 1970.
    """

    serial: str
    decision: str
    key: str
    workload: str
    instance: str
    not_before: int
    not_after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoked:
    """One certificate that must not be believed any more."""

    serial: int
    at: datetime
    reason: str


_INSERT = sa.insert(certificates)


def insert(connection: Connection, issued: Issued) -> None:
    """Record a certificate that is about to be signed."""
    connection.execute(_INSERT, {"reason": "", **asdict(issued)})


def revoke(connection: Connection, serial: str, *, reason: str, now: int) -> bool:
    """Revoke a certificate; false if it is unknown, or revoked already."""
    done = connection.execute(
        sa.update(certificates)
        .where(certificates.c.serial == serial, certificates.c.revoked.is_(None))
        .values(revoked=now, reason=reason)
    )
    return done.rowcount == 1


def revoked(connection: Connection, now: int) -> tuple[Revoked, ...]:
    """What is revoked and would be valid otherwise."""
    rows = connection.execute(
        sa.select(certificates.c.serial, certificates.c.revoked, certificates.c.reason)
        .where(certificates.c.revoked.is_not(None), certificates.c.not_after >= now)
        .order_by(certificates.c.revoked, certificates.c.serial)
    )
    return tuple(
        Revoked(serial=int(serial, 16), at=datetime.fromtimestamp(at, UTC), reason=reason)
        for serial, at, reason in rows
    )
