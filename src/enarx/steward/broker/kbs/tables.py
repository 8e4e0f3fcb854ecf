"""The table of guests' sessions."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Text
from sqlalchemy import Table as _Table

from enarx.steward.records.database import metadata


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


sessions = _Table(
    "steward_kbs_sessions",
    metadata,
    Column("id", Text, primary_key=True),
    _text("tee"),
    _text("hash"),
    _text("nonce"),
    Column("expires", BigInteger, nullable=False, index=True),
    Column("answer", Text),
    Column("token", Text),
)
"""*id* is the SHA-256 of the cookie, *answer* that of the attestation that was accepted."""
