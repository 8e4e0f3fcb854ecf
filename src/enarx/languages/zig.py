"""Zig, by its own compiler."""

from __future__ import annotations

from typing import TYPE_CHECKING

from enarx.languages import zig_toolchain
from enarx.languages.language import Language, Plan, Recipe, Step, Tool

if TYPE_CHECKING:
    from collections.abc import Mapping

    from enarx.languages.language import Found, Project

_MAINS = ("main.zig", "src/main.zig")
_ZIG = Tool(
    name="zig",
    programs=zig_toolchain.ZIG.programs,
    version=zig_toolchain.ZIG.version,
    least=(0, 16),  # the standard library's input and output changed with it
)


def _plan(project: Project, found: Mapping[str, Found]) -> Plan:
    """One command: zig finds the files that the main one imports."""
    main = next((mark for mark in _MAINS if mark in project.sources), _MAINS[0])
    module = f"{project.build}/app.linked.wasm"
    argv = (
        found["zig"].path,
        "build-exe",
        main,
        *zig_toolchain.TARGET,
        "-O",
        "Debug" if project.profile == "debug" else "ReleaseSmall",
        *project.flags,
        f"-femit-bin={module}",
    )
    return Plan(steps=(Step(title=f"compile {main}", argv=argv),), module=module)


LANGUAGE = Language(
    name="zig",
    title="Zig",
    label="supported",
    target="wasip1",
    marks=_MAINS,
    recipes=(
        Recipe(
            name="zig",
            tools=(_ZIG,),
            plan=_plan,
            toolchain=zig_toolchain.TOOLCHAIN,
            advice="install zig, or the Python package ziglang",
        ),
    ),
    templates=("hello", "filter", "http", "client"),
    sockets=True,
    notes=(
        "sockets by std.os.wasi, with main(std.process.Init.Minimal): Init stops at a socket",
        "build.zig and its packages are not used: one command compiles main.zig and its imports",
    ),
    leaves=(".zig-cache", "zig-out"),
)
