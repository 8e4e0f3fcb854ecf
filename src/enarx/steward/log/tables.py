"""The tables of the log: its entries, every node of its tree that will never change, and more.

A node has one number, as if the tree were read in order, from left to right: the one of level *l*
with index *i* stands at ``(2i + 1)·2^l - 1``.  So one integer is the key.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, LargeBinary, Table, Text

from enarx.steward.records.database import metadata

entries = Table(
    "steward_log_entries",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("entry", LargeBinary, nullable=False),
)

nodes = Table(
    "steward_log_nodes",
    metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary, nullable=False),
)

announced = Table(
    "steward_log_announced",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("time", BigInteger, nullable=False),
    Column("salt", LargeBinary, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("number", BigInteger, nullable=False),
)
"""What is in the log once: keys, releases, packages; with what opens the entry."""


def position(level: int, index: int) -> int:
    """The number of a node."""
    return ((2 * index + 1) << level) - 1
