"""C++, by the same compilers as C.  Both have a C++ library that is built without exceptions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from enarx.languages import clang, zig_toolchain
from enarx.languages.language import Language, Recipe

if TYPE_CHECKING:
    from collections.abc import Mapping

    from enarx.languages.language import Found, Plan, Project

_SUFFIXES = (".cc", ".cpp", ".cxx")
_FLAGS = ("-std=c++20", "-fno-exceptions")


def _with_zig(project: Project, found: Mapping[str, Found]) -> Plan:
    return zig_toolchain.compile_and_link(project, found["zig"], "c++", _SUFFIXES, *_FLAGS)


def _with_clang(project: Project, found: Mapping[str, Found]) -> Plan:
    return clang.compile_and_link(project, found["clang++"], _SUFFIXES, *_FLAGS)


LANGUAGE = Language(
    name="cpp",
    title="C++",
    label="supported",
    target="wasip1",
    marks=tuple(f"{folder}main{suffix}" for suffix in _SUFFIXES for folder in ("", "src/")),
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
            tools=(clang.CLANG_CPP, clang.LINKER),
            plan=_with_clang,
            files=(*clang.FILES, *clang.CPP_FILES),
            advice=clang.CPP_ADVICE,
        ),
    ),
    templates=("hello", "filter", "http"),
    sockets=True,
    notes=(
        "no exceptions: the C++ libraries of both compilers are built without",
        "no threads, fork, signals or dynamic linking",
    ),
)
