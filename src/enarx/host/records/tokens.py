"""Bearer tokens: who may ask this host for keeps.  Only their hashes are kept.

A token is ``enx_ID_SECRET``: the identifier finds the record, the secret, 32 random bytes, proves
it.  A secret of that size needs no slow hash.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from enarx.errors import MisconfiguredError
from enarx.host.records.database import transaction
from enarx.wire.text import to_base64url

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3

SECRET_BYTES = 32
ID_BYTES = 6
MAX_TENANT = 64

_PREFIX = "enx"
_PARTS = 3
_MAX_TOKEN = 128
_TENANT_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-._")


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRecord:
    """What is known of a token; times are seconds since 1970."""

    id: str
    tenant: str
    created: float
    expires: float | None
    revoked: float | None


def create(
    connection: sqlite3.Connection,
    tenant: str,
    *,
    entropy: bytes,
    now: float,
    expires: float | None = None,
) -> str:
    """Make a token for *tenant* out of *entropy*; it is shown now and never again.

    Raises:
        MisconfiguredError: the tenant has an unusable name.
    """
    if not 0 < len(tenant) <= MAX_TENANT or set(tenant) - _TENANT_CHARACTERS:
        raise MisconfiguredError(
            "--tenant",
            f"got {tenant!r}, want up to {MAX_TENANT} of a-z, 0-9, '-', '.' and '_'",
        )
    if len(entropy) != ID_BYTES + SECRET_BYTES:
        raise TypeError("entropy has the wrong size")
    token_id, secret = entropy[:ID_BYTES].hex(), to_base64url(entropy[ID_BYTES:])
    with transaction(connection):
        connection.execute(
            "INSERT INTO tokens VALUES (?, ?, ?, ?, ?, NULL)",
            (token_id, tenant, _digest(secret), now, expires),
        )
    return f"{_PREFIX}_{token_id}_{secret}"


def tenant_of(connection: sqlite3.Connection, token: str, now: float) -> str | None:
    """Whose *token* is; None if it is unknown, expired or revoked."""
    parts = token.split("_", _PARTS - 1)
    if len(token) > _MAX_TOKEN or len(parts) != _PARTS or parts[0] != _PREFIX:
        return None
    row = connection.execute(
        "SELECT tenant, sha256, expires, revoked FROM tokens WHERE id = ?", (parts[1],)
    ).fetchone()
    tenant, known, expires, revoked = row or ("", b"", None, None)
    right = hmac.compare_digest(_digest(parts[2]), known)
    if not right or revoked is not None or (expires is not None and now >= expires):
        return None
    return str(tenant)


def revoke(connection: sqlite3.Connection, token_id: str, now: float) -> bool:
    """End a token at once; false if there is none of that name, or it was revoked before."""
    with transaction(connection):
        cursor = connection.execute(
            "UPDATE tokens SET revoked = ? WHERE id = ? AND revoked IS NULL", (now, token_id)
        )
        return cursor.rowcount == 1


def every(connection: sqlite3.Connection) -> tuple[TokenRecord, ...]:
    """All tokens, the revoked ones too, in the order of their making."""
    rows = connection.execute(
        "SELECT id, tenant, created, expires, revoked FROM tokens ORDER BY created"
    )
    return tuple(
        TokenRecord(id=a, tenant=b, created=c, expires=d, revoked=e) for a, b, c, d, e in rows
    )


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()
