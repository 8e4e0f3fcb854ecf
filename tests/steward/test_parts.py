"""That no part of the Steward has tables which a backup would not know of."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import importlib, pkgutil
import enarx.steward
from enarx.steward.parts import import_tables
from enarx.steward.records.database import metadata

import_tables()
found = set(metadata.tables)
for module in pkgutil.walk_packages(enarx.steward.__path__, "enarx.steward."):
    importlib.import_module(module.name)
print(sorted(set(metadata.tables) - found - {"steward_versions"}), len(found))
"""


def test_every_table_stands_where_it_is_looked_for() -> None:
    """No module of any part adds a table beside those of the parts' ``tables`` modules."""
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False
    )
    assert ran.stderr == ""
    beside, number = ran.stdout.rsplit(maxsplit=1)
    assert beside == "[]"
    assert int(number) > 9
