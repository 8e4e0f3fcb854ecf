"""Challenges: each is issued once, lives for minutes, and is consumed at most once.

A nonce that is consumed stays so in the database that all instances share; one that has expired is
forgotten a while later, and forgotten is refused like never issued.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from enarx.errors import Failure
from enarx.steward.records.tables import nonces

if TYPE_CHECKING:
    from sqlalchemy import Connection

FORGET_AFTER_S = 3600
"""Beyond its end; whoever asks again within it is told what became of a nonce."""

_HINT = "ask for a new challenge: POST /v1/challenge"


_INSERT = sa.insert(nonces)
_FORGET = sa.delete(nonces).where(nonces.c.expires < sa.bindparam("before"))
_CONSUME = (
    sa.update(nonces)
    .where(
        nonces.c.nonce == sa.bindparam("which"),
        nonces.c.consumed.is_(None),
        nonces.c.expires > sa.bindparam("now"),
    )
    .values(consumed=sa.bindparam("now"))
)


def issue(connection: Connection, nonce: bytes, *, now: int, expires: int) -> None:
    """Record *nonce*, 32 random bytes, as issued, and forget some that ended long ago."""
    connection.execute(_INSERT, {"nonce": nonce, "expires": expires})
    connection.execute(_FORGET, {"before": now - FORGET_AFTER_S})


def consume(connection: Connection, nonce: bytes, now: int) -> Failure | None:
    """Consume *nonce*; None if this call did, else why it cannot be."""
    done = connection.execute(_CONSUME, {"which": nonce, "now": now})
    return None if done.rowcount == 1 else _why(connection, nonce)


def look(connection: Connection, nonce: bytes, now: int) -> Failure | None:
    """Whether *nonce* could be consumed now; changes nothing."""
    row = connection.execute(sa.select(nonces).where(nonces.c.nonce == nonce)).one_or_none()
    if row is not None and row.consumed is None and row.expires > now:
        return None
    return _why(connection, nonce)


def _why(connection: Connection, nonce: bytes) -> Failure:
    row = connection.execute(sa.select(nonces).where(nonces.c.nonce == nonce)).one_or_none()
    if row is None:
        got = "one that was never issued here, or ended long ago"
    elif row.consumed is not None:
        got = "one that was used before"
    else:
        got = "one that has expired"
    return Failure("nonce", want="a nonce that is issued and not used", got=got, hint=_HINT)
