"""Which parts the Steward has: the tables of all of them, found by where they stand.

A backup or a migration that forgot a part would lose it silently, so nobody lists them: a part is
a package of `enarx.steward`, and its tables are in its module ``tables``.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil

import enarx.steward


def import_tables() -> None:
    """Make the tables of every part known to `records.database.metadata`."""
    for part in pkgutil.iter_modules(enarx.steward.__path__, f"{enarx.steward.__name__}."):
        name = f"{part.name}.tables"
        if part.ispkg and importlib.util.find_spec(name) is not None:
            importlib.import_module(name)
