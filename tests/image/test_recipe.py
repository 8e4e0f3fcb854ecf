"""The recipe has what a keep imports: read from its sources, and tried with the interpreter."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import enarx
from enarx.image import recipe

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCES = Path(enarx.__file__).parent


def imported(path: Path) -> Iterator[str]:
    """The top-level modules that *path* imports, inside functions too, types left out."""
    tree = ast.parse(path.read_text())
    types: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            types.update(inner for one in node.body for inner in ast.walk(one))
    for node in ast.walk(tree):
        if node in types:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def test_every_import_of_a_keep_is_in_the_image() -> None:
    """A module that is missing would be noticed by the first application that needs it."""
    files = [
        path
        for name in recipe.OURS
        for path in ([SOURCES / name] if name.endswith(".py") else (SOURCES / name).rglob("*.py"))
    ]
    standard = {
        name for path in files for name in imported(path) if name in sys.stdlib_module_names
    }
    # built into Debian's interpreter: what the running one has, and these of its own
    built_in = {*sys.builtin_module_names, "array", "fcntl", "math", "select", "unicodedata"}
    there = recipe.STANDARD_MODULES | recipe.EXTENSION_MODULES | built_in
    assert standard - there == set()
