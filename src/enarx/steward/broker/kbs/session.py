"""Sessions of guests: a challenge that is answered once, and what came of the answer.

A session is in the database that all instances share, under the digest of its cookie.  It ends
after minutes.  Its nonce is consumed by the first answer that is accepted; the same answer again
gets the same token, another one nothing.

Source: trustee, kbs/docs/kbs_attestation_protocol.md and kbs/src/attestation/session.rs.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from enarx.steward.broker.kbs.tables import sessions
from enarx.wire.text import to_base64

if TYPE_CHECKING:
    from sqlalchemy import Connection

COOKIE = "kbs-session-id"
LIFETIME_S = 300
"""Of a session, as Trustee's default."""

_COOKIE_BYTES = 16
_NONCE_BYTES = 32
_FORGET_AFTER_S = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One session, as it is on record; *answer* and *token* once it was attested."""

    id: str
    tee: str
    hash: str
    nonce: str
    expires: int
    answer: str | None = None
    token: str | None = None


def make(tee: str, hash_: str, now: int) -> tuple[str, Session]:
    """A cookie and its new session, which is nowhere on record yet."""
    cookie = os.urandom(_COOKIE_BYTES).hex()
    nonce = to_base64(os.urandom(_NONCE_BYTES))
    expires = now + LIFETIME_S
    return cookie, Session(id=id_of(cookie), tee=tee, hash=hash_, nonce=nonce, expires=expires)


def begin(connection: Connection, session: Session, now: int) -> None:
    """Record *session*, and forget those that ended long ago."""
    fields = {name: getattr(session, name) for name in Session.__slots__}
    connection.execute(sa.insert(sessions).values(fields))
    connection.execute(sa.delete(sessions).where(sessions.c.expires < now - _FORGET_AFTER_S))


def find(connection: Connection, cookie: str, now: int) -> Session | None:
    """The session of *cookie*, if there is one that has not ended."""
    row = connection.execute(
        sa.select(sessions).where(sessions.c.id == id_of(cookie), sessions.c.expires > now)
    ).one_or_none()
    if row is None:
        return None
    return Session(**{name: getattr(row, name) for name in Session.__slots__})


def complete(
    connection: Connection, cookie: str, *, answer: str, token: str, now: int
) -> str | None:
    """Consume the nonce of the session with *answer*; the token that the session has then.

    That is the token of the same answer where it was given before; None where another one was, or
    the session has ended.
    """
    done = connection.execute(
        sa.update(sessions)
        .where(sessions.c.id == id_of(cookie), sessions.c.token.is_(None), sessions.c.expires > now)
        .values(answer=answer, token=token)
    )
    if done.rowcount == 1:
        return token
    found = find(connection, cookie, now)
    return found.token if found is not None and found.answer == answer else None


def id_of(cookie: str) -> str:
    """What a cookie is recorded as, so that the database lets nobody continue a session."""
    return hashlib.sha256(cookie.encode("utf-8", "surrogateescape")).hexdigest()
