"""Which keeps there are and were, whose they are, and how far each has come."""

from __future__ import annotations

from dataclasses import dataclass

from enarx.host.records.database import transaction
from enarx.protocol.states import ENDS, STATES

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

_ORDER: dict[str, int] = {state: n for n, state in enumerate(STATES)}
_COLUMNS = "id, tenant, name, platform, image, state, reason, workload_digest, created, ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepRecord:
    """One keep.  Times are seconds since 1970; *ended* is None while its process may live.

    *state* is the last one known, and stays what the keep said last; *reason* is a coarse word
    for an end that the application did not choose.
    """

    id: str
    tenant: str
    name: str
    platform: str
    image: str
    created: float
    state: str = "booting"
    reason: str = ""
    workload_digest: str = ""
    ended: float | None = None


def insert(connection: sqlite3.Connection, keep: KeepRecord, *, most: int) -> bool:
    """Record a keep that is about to be made; false if its tenant has *most* that live."""
    with transaction(connection):
        alive = connection.execute(
            "SELECT count(*) FROM keeps WHERE tenant = ? AND ended IS NULL", (keep.tenant,)
        ).fetchone()[0]
        if alive >= most:
            return False
        connection.execute(
            "INSERT INTO keeps (id, tenant, name, platform, image, state, created) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                keep.id,
                keep.tenant,
                keep.name,
                keep.platform,
                keep.image,
                keep.state,
                keep.created,
            ),
        )
    return True


def find(connection: sqlite3.Connection, keep: str, tenant: str) -> KeepRecord | None:
    """The keep *keep* of *tenant*; another tenant's is not there."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM keeps WHERE id = ? AND tenant = ?",  # noqa: S608 - constant
        (keep, tenant),
    ).fetchone()
    return _record(row) if row else None


def page(
    connection: sqlite3.Connection, tenant: str, *, after: str = "", most: int
) -> tuple[KeepRecord, ...]:
    """At most *most* keeps of *tenant*, oldest first, behind *after*."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM keeps WHERE tenant = ? AND number > "  # noqa: S608 - constant
        "coalesce((SELECT number FROM keeps WHERE id = ? AND tenant = ?), 0) "
        "ORDER BY number LIMIT ?",
        (tenant, after, tenant, most),
    )
    return tuple(_record(row) for row in rows)


def alive(connection: sqlite3.Connection) -> tuple[KeepRecord, ...]:
    """Every keep whose process may live."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM keeps WHERE ended IS NULL"  # noqa: S608 - constant
    )
    return tuple(_record(row) for row in rows)


def advance(connection: sqlite3.Connection, keep: str, state: str, workload_digest: str) -> None:
    """Record the state that a keep has come to; older news than what is known changes nothing."""
    with transaction(connection):
        row = connection.execute("SELECT state FROM keeps WHERE id = ?", (keep,)).fetchone()
        if row is not None and _ORDER[state] > _ORDER[row[0]] and row[0] not in ENDS:
            connection.execute(
                "UPDATE keeps SET state = ?, workload_digest = ? WHERE id = ?",
                (state, workload_digest, keep),
            )


def end(connection: sqlite3.Connection, keep: str, reason: str, now: float) -> None:
    """Record that the process is gone; one that had not come to an end has failed."""
    with transaction(connection):
        connection.execute(
            "UPDATE keeps SET ended = ?, reason = CASE WHEN state = 'exited' THEN '' ELSE ? END, "
            "state = CASE WHEN state = 'exited' THEN state ELSE 'failed' END "
            "WHERE id = ? AND ended IS NULL",
            (now, reason, keep),
        )


def delete(connection: sqlite3.Connection, keep: str) -> None:
    """Forget a keep; what it consumed stays consumed."""
    with transaction(connection):
        connection.execute("DELETE FROM keeps WHERE id = ?", (keep,))


def count_by_state(connection: sqlite3.Connection) -> Mapping[str, int]:
    """How many keeps whose process may live are in each state."""
    return dict(
        connection.execute("SELECT state, count(*) FROM keeps WHERE ended IS NULL GROUP BY state")
    )


def _record(row: tuple[str, ...]) -> KeepRecord:
    names = _COLUMNS.split(", ")
    return KeepRecord(**dict(zip(names, row, strict=True)))  # type: ignore[arg-type] # by schema
