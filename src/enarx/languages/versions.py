"""Whether a tool is new enough, by what it prints about itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from enarx.languages.language import Tool


def version_in(output: str, tool: Tool) -> tuple[int, ...]:
    """The numbers of *tool*'s version in its *output*; empty if it names none."""
    found = re.search(tool.pattern, output)
    return tuple(int(part) for part in found.groups() if part) if found else ()


def problem_with(version: tuple[int, ...], tool: Tool) -> str:
    """Why *version* will not do, empty if it will."""
    if not version:
        return "does not say its version"
    if version < tool.least:
        return f"is too old (got {dotted(version)}, want {dotted(tool.least)} or newer)"
    return ""


def dotted(version: tuple[int, ...]) -> str:
    """``0.17.1``."""
    return ".".join(map(str, version))
