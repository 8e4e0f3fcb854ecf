"""Released, then received: who was given which secret, and never more often than its rules say.

A release is counted, recorded and sealed in one transaction in which nobody else writes.  Whatever
is killed before its commit released nothing; after it the same request gets the same sealed bytes
again and counts no more, since nobody but the key that it names can open them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from enarx.seal import receipt as receipts
from enarx.steward.broker import vault
from enarx.steward.broker.tables import released, releases, secrets
from enarx.web.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One release.

    *request* is the SHA-256 of the claims and *key* that of the one-time key, hexadecimal; *sealed*
    can be opened by that key only; *received* is when its receipt came, seconds since 1970.
    """

    id: str
    time: int
    request: str
    key: str
    spki: bytes
    workload: str
    decision: str
    log_index: int
    kem: str
    sealed: bytes
    received: int | None = None


def find(connection: Connection, request: str) -> Release | None:
    """What was answered to *request*, if it was."""
    return _one(connection, releases.c.request == request)


def is_key_used(connection: Connection, key: str) -> bool:
    """Whether something was sealed to the one-time key *key* before."""
    return _one(connection, releases.c.key == key) is not None


def take(connection: Connection, names: Sequence[str], now: int) -> list[Row[tuple[object, ...]]]:
    """Count one use of each of *names*; their rows, in that order.

    Raises:
        Problem: one is not there, has no use left, or its time is not now; the caller's transaction
            must then not be committed.
    """
    return [_take(connection, name, now) for name in sorted(names)]


def record(connection: Connection, release: Release, versions: Sequence[tuple[str, int]]) -> None:
    """Write down *release* of *versions*, each a name and its version."""
    fields = {column.name: getattr(release, column.name, None) for column in releases.columns}
    connection.execute(sa.insert(releases).values(fields))
    connection.execute(
        sa.insert(released),
        [{"release": release.id, "name": name, "version": version} for name, version in versions],
    )


def receive(connection: Connection, release_id: str, receipt: bytes, now: int) -> Release:
    """Complete the release with the keep's signed receipt; a second one changes nothing.

    Raises:
        Problem: there is no such release.
        MalformedError: it is no receipt.
        UnauthenticError: another key signed it, or it is about something else.
    """
    found = _one(connection, releases.c.id == release_id)
    if found is None:
        raise Problem("not-found", f"no release {release_id[:64]}")
    receipts.verify(
        receipt,
        found.spki,
        workload_digest=found.workload,
        claims_sha256=bytes.fromhex(found.request),
        envelope_sha256=hashlib.sha256(found.sealed).digest(),
    )
    connection.execute(
        sa.update(releases)
        .where(releases.c.id == release_id, releases.c.received.is_(None))
        .values(receipt=receipt, received=now)
    )
    return found


def of_secret(connection: Connection, name: str) -> Sequence[tuple[int, Release]]:
    """Every release of *name*, oldest first: the version, and the release."""
    rows = connection.execute(
        sa.select(released.c.version, releases)
        .join(releases, releases.c.id == released.c.release)
        .where(released.c.name == name)
        .order_by(releases.c.time, releases.c.id)
    )
    return [(row.version, _release(row)) for row in rows]


def _take(connection: Connection, name: str, now: int) -> Row[tuple[object, ...]]:
    row = vault.current(connection, name)
    if row is None:
        raise Problem("not-found", f"no secret {name}")
    if not (row.not_before or 0) <= now or (row.not_after is not None and now >= row.not_after):
        raise Problem("forbidden", f"secret {name} is not released at this time")
    done = connection.execute(
        sa.update(secrets)
        .where(
            secrets.c.name == name,
            secrets.c.version == row.version,
            sa.or_(secrets.c.uses.is_(None), secrets.c.used < secrets.c.uses),
        )
        .values(used=secrets.c.used + 1)
    )
    if done.rowcount != 1:
        raise Problem("already-used", f"secret {name} has no use left")
    return row


def _one(connection: Connection, which: sa.ColumnElement[bool]) -> Release | None:
    row = connection.execute(sa.select(releases).where(which)).one_or_none()
    return None if row is None else _release(row)


def _release(row: Row[tuple[object, ...]]) -> Release:
    return Release(**{name: getattr(row, name) for name in Release.__slots__})
