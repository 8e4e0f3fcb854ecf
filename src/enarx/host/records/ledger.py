"""Issued, then consumed: each keep's one-time key and each envelope is used once, ever.

An envelope is recorded as consumed before it is handed to its keep.  Whatever is killed between
the two, it is not handed over again: such a keep is ended, and its owner asks for another.
Refusals are recorded, since who replays something is worth knowing.  Nothing is removed when a
keep is forgotten.
"""

from __future__ import annotations

from enarx.host.records.database import transaction

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from typing import Literal, TypeAlias

    Verdict: TypeAlias = Literal["consumed", "envelope-used", "key-used", "not-issued"]

_MOST_REFUSALS = 100_000


def issue(connection: sqlite3.Connection, keep: str, claims_sha256: bytes, now: float) -> None:
    """Record an offer of *keep* before it is given to anybody; only the newest can be used."""
    with transaction(connection):
        connection.execute(
            "INSERT OR IGNORE INTO offers (claims_sha256, keep, issued) VALUES (?, ?, ?)",
            (claims_sha256, keep, now),
        )


def consume(
    connection: sqlite3.Connection,
    keep: str,
    *,
    tenant: str,
    envelope_sha256: bytes,
    claims_sha256: bytes,
    now: float,
) -> Verdict:
    """Record the use of an envelope; only "consumed" allows to hand it to the keep."""
    with transaction(connection):
        verdict = _judge(connection, keep, envelope_sha256, claims_sha256)
        if verdict == "consumed":
            connection.execute(
                "INSERT INTO consumed (keep, envelope_sha256, claims_sha256, consumed) "
                "VALUES (?, ?, ?, ?)",
                (keep, envelope_sha256, claims_sha256, now),
            )
        else:
            connection.execute(
                "INSERT INTO refusals (at, tenant, keep, envelope_sha256, why) "
                "VALUES (?, ?, ?, ?, ?)",
                (now, tenant, keep, envelope_sha256, verdict),
            )
            connection.execute(  # who repeats himself for weeks does not fill the disk
                "DELETE FROM refusals WHERE number <= (SELECT max(number) FROM refusals) - ?",
                (_MOST_REFUSALS,),
            )
    return verdict


def is_consumed(connection: sqlite3.Connection, keep: str) -> bool:
    """An envelope for *keep* was accepted, whether it arrived there or not."""
    found = connection.execute("SELECT 1 FROM consumed WHERE keep = ?", (keep,)).fetchone()
    return found is not None


def save_receipt(connection: sqlite3.Connection, keep: str, receipt: bytes) -> None:
    """Keep what *keep* answered to its envelope."""
    with transaction(connection):
        connection.execute("UPDATE consumed SET receipt = ? WHERE keep = ?", (receipt, keep))


def find_receipt(connection: sqlite3.Connection, keep: str) -> bytes | None:
    """What *keep* answered to its envelope, if that was recorded."""
    row = connection.execute("SELECT receipt FROM consumed WHERE keep = ?", (keep,)).fetchone()
    return row[0] if row else None


def refusals(connection: sqlite3.Connection) -> tuple[tuple[str, str, bytes, str], ...]:
    """(tenant, keep, hash of the envelope, why), oldest first."""
    rows = connection.execute(
        "SELECT tenant, keep, envelope_sha256, why FROM refusals ORDER BY number"
    )
    return tuple(rows)


def _judge(
    connection: sqlite3.Connection, keep: str, envelope_sha256: bytes, claims_sha256: bytes
) -> Verdict:
    used = connection.execute(
        "SELECT keep FROM consumed WHERE envelope_sha256 = ?", (envelope_sha256,)
    ).fetchone()
    if used is not None:
        return "envelope-used"
    if is_consumed(connection, keep):
        return "key-used"
    newest = connection.execute(
        "SELECT claims_sha256 FROM offers WHERE keep = ? ORDER BY number DESC LIMIT 1", (keep,)
    ).fetchone()
    return "consumed" if newest is not None and newest[0] == claims_sha256 else "not-issued"
