"""C, by zig's compiler or by clang with the distribution's C library for WASI."""

from __future__ import annotations

from typing import TYPE_CHECKING

from enarx.languages import clang, zig_toolchain
from enarx.languages.language import Language, Plan, Project, Recipe

if TYPE_CHECKING:
    from collections.abc import Mapping

    from enarx.languages.language import Found


def _with_zig(project: Project, found: Mapping[str, Found]) -> Plan:
    return zig_toolchain.compile_and_link(project, found["zig"], "cc", (".c",))


def _with_clang(project: Project, found: Mapping[str, Found]) -> Plan:
    return clang.compile_and_link(project, found["clang"], (".c",))


LANGUAGE = Language(
    name="c",
    title="C",
    label="supported",
    target="wasip1",
    marks=("main.c", "src/main.c"),
    recipes=(
        Recipe(
            name="zig",
            tools=(zig_toolchain.ZIG,),
            plan=_with_zig,
            toolchain=zig_toolchain.TOOLCHAIN,
            advice="install zig, or the Python package ziglang",
        ),
        Recipe(
            name="clang",
            tools=(clang.CLANG, clang.LINKER),
            plan=_with_clang,
            files=clang.FILES,
            advice=clang.ADVICE,
        ),
    ),
    templates=("hello", "filter", "http", "client"),
    sockets=True,
    notes=(
        "no threads, fork, signals or dynamic linking",
        "setjmp needs the flags of the guide to exceptions",
    ),
)
