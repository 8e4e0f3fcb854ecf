"""All tables of a Steward: a database is made and checked with every part's."""

from __future__ import annotations

import importlib

_PARTS = (
    "enarx.steward.broker.tables",
    "enarx.steward.log.tables",
    "enarx.steward.records.tables",
)


def load() -> None:
    """Import every part's, so that ``records.migrations.migrate`` knows them."""
    for part in _PARTS:
        importlib.import_module(part)
