"""Bearer tokens of operators: who may look at all decisions, deny and propose.

A token is ``ens_ID_SECRET``; only hashes are kept.  A secret of 32 random bytes needs no slow one.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from enarx.errors import MisconfiguredError
from enarx.steward.records.tables import tokens
from enarx.wire.text import to_base64url

if TYPE_CHECKING:
    from sqlalchemy import Connection

SECRET_BYTES = 32
ID_BYTES = 6
MAX_NAME = 64

_PREFIX = "ens"
_PARTS = 3
_MAX_TOKEN = 128
_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-._")


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRecord:
    """What is known of a token; times are seconds since 1970."""

    id: str
    name: str
    created: int
    expires: int | None
    revoked: int | None


def create(
    connection: Connection, name: str, *, entropy: bytes, now: int, expires: int | None = None
) -> str:
    """Make a token for the operator *name* out of *entropy*; it is shown now and never again.

    Raises:
        MisconfiguredError: the name is unusable.
    """
    if not 0 < len(name) <= MAX_NAME or set(name) - _CHARACTERS:
        want = f"up to {MAX_NAME} of a-z, 0-9, '-', '.' and '_'"
        raise MisconfiguredError("--name", f"got {name!r}, want {want}")
    if len(entropy) != ID_BYTES + SECRET_BYTES:
        raise TypeError("entropy has the wrong size")
    token_id, secret = entropy[:ID_BYTES].hex(), to_base64url(entropy[ID_BYTES:])
    connection.execute(
        sa.insert(tokens).values(
            id=token_id, name=name, sha256=digest(secret), created=now, expires=expires
        )
    )
    return f"{_PREFIX}_{token_id}_{secret}"


def name_of(connection: Connection, token: str, now: int) -> str | None:
    """Whose *token* is; None if it is unknown, expired or revoked."""
    parts = token.split("_", _PARTS - 1)
    if len(token) > _MAX_TOKEN or len(parts) != _PARTS or parts[0] != _PREFIX:
        return None
    row = connection.execute(sa.select(tokens).where(tokens.c.id == parts[1])).one_or_none()
    right = hmac.compare_digest(digest(parts[2]), row.sha256 if row else b"")
    if row is None or not right or row.revoked is not None:
        return None
    return None if row.expires is not None and now >= row.expires else str(row.name)


def revoke(connection: Connection, token_id: str, now: int) -> bool:
    """End a token at once; false if there is none of that name, or it was revoked before."""
    done = connection.execute(
        sa.update(tokens)
        .where(tokens.c.id == token_id, tokens.c.revoked.is_(None))
        .values(revoked=now)
    )
    return done.rowcount == 1


def every(connection: Connection) -> tuple[TokenRecord, ...]:
    """All tokens, the revoked ones too, in the order of their making."""
    columns = (tokens.c.id, tokens.c.name, tokens.c.created, tokens.c.expires, tokens.c.revoked)
    rows = connection.execute(
        sa.select(*columns).order_by(tokens.c.created, tokens.c.id)
    ).mappings()
    return tuple(TokenRecord(**row) for row in rows)


def digest(secret: str) -> bytes:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()
