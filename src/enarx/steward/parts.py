"""Which parts the Steward has: the tables of all of them, found by where they stand.

A backup or a migration that forgot a part would lose it silently, so nobody lists them: a part is
a package below `enarx.steward`, and its tables are in its module ``tables``.
"""

from __future__ import annotations

import importlib
import pkgutil

import enarx.steward


def import_tables() -> None:
    """Make the tables of every part known to `records.database.metadata`."""
    for part in pkgutil.walk_packages(enarx.steward.__path__, f"{enarx.steward.__name__}."):
        if part.name.rpartition(".")[2] == _TABLES:
            importlib.import_module(part.name)


_TABLES = "tables"
