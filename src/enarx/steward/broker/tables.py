"""The tables of secrets, and of who was given them.

A secret is sealed with the Steward's key-encryption key; a release is sealed to the keep's key.
Nothing that opens one of them is in the database.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Text,
)
from sqlalchemy import Table as _Table

from enarx.steward.records.database import metadata


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


secrets = _Table(
    "steward_broker_secrets",
    metadata,
    Column("name", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("uses", BigInteger),
    Column("used", BigInteger, nullable=False),
    Column("not_before", BigInteger),
    Column("not_after", BigInteger),
    Column("created", BigInteger, nullable=False),
    Column("removed", BigInteger),
)
"""*uses* is null for any number; *sealed* is empty once the version was removed."""

releases = _Table(
    "steward_broker_releases",
    metadata,
    Column("id", Text, primary_key=True),
    Column("time", BigInteger, nullable=False),
    Column("request", Text, nullable=False, unique=True),
    Column("key", Text, nullable=False, unique=True),
    Column("spki", LargeBinary, nullable=False),
    _text("workload"),
    _text("decision"),
    Column("log_index", BigInteger, nullable=False),
    _text("kem"),
    Column("sealed", LargeBinary, nullable=False),
    Column("receipt", LargeBinary),
    Column("received", BigInteger),
)
"""*request* is the SHA-256 of the claims, *key* of the one-time key that was sealed to."""

released = _Table(
    "steward_broker_released",
    metadata,
    Column("release", Text, ForeignKey(releases.c.id), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    ForeignKeyConstraint(["name", "version"], [secrets.c.name, secrets.c.version]),
    Index("steward_broker_released_by_name", "name"),
)
