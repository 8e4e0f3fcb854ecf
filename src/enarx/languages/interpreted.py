"""Languages whose interpreter is the program; nothing is compiled, the sources are its files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from enarx.languages.language import Content, Plan

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from enarx.languages.language import Found, Project, Tool

FOLDER = "app"
"""Where a project's program is, and where the interpreter finds it."""


def plan_with(interpreter: Tool) -> Callable[[Project, Mapping[str, Found]], Plan]:
    """How a project is built whose sources *interpreter* reads."""

    def plan(project: Project, found: Mapping[str, Found]) -> Plan:
        ours = (source for source in project.sources if source.startswith(f"{FOLDER}/"))
        return Plan(
            steps=(),
            module=found[interpreter.name].path,
            contents=tuple(Content(source=source, into=source) for source in ours),
            strip=False,  # it is measured as its makers built it
        )

    return plan
