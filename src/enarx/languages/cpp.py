"""C++, by the same compilers as C.

Both have a C++ library that is built without exceptions; for zig's there is another, with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from enarx.languages import clang, cpp_library, zig_toolchain
from enarx.languages.language import Language, Plan, Recipe, Step, Tool, compiling

if TYPE_CHECKING:
    from collections.abc import Mapping

    from enarx.languages.language import Found, Project

_SUFFIXES = (".cc", ".cpp", ".cxx")
_STANDARD = "-std=c++20"
_FLAGS = (_STANDARD, "-fno-exceptions")
_ZIG = Tool(
    name="zig",
    programs=(zig_toolchain.beside("{home}/../zig-cpp"),),
    version=zig_toolchain.ZIG.version,
)
_LIBRARY = Tool(name="libc++", programs=(f"{{home}}/{cpp_library.ARCHIVE}",), version=())


def _with_exceptions(project: Project, found: Mapping[str, Found]) -> Plan:
    """A command a source, then one that links as C is linked: without zig's own C++ library."""
    zig, module = found["zig"].path, f"{project.build}/app.linked.wasm"
    flags = (
        *zig_toolchain.TARGET, zig_toolchain.WITH_EXCEPTIONS,
        *zig_toolchain.optimisation(project), *cpp_library.FLAGS,
    )  # fmt: skip
    own = (_STANDARD, *project.flags)
    objects = {
        source: f"{project.build}/{number}.o"
        for number, source in enumerate(project.ending(*_SUFFIXES))
    }
    compiled = tuple(
        compiling((source,), (zig, "c++", *flags, *own, "-c", source, "-o", to))
        for source, to in objects.items()
    )
    parts = (*objects.values(), cpp_library.TAGS, found["libc++"].path)
    linked = (zig, "cc", *flags, *project.flags, *parts, "-o", module)
    return Plan(steps=(*compiled, Step(title="link", argv=linked)), module=module)


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
            tools=(_ZIG, _LIBRARY),
            plan=_with_exceptions,
            toolchain=cpp_library.TOOLCHAIN,
            advice="only --install-toolchain brings a C++ library with exceptions",
        ),
        Recipe(
            name="zig-without-exceptions",
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
    templates=("hello", "filter", "http", "client"),
    sockets=True,
    notes=(
        "exceptions only by the zig of --install-toolchain, which makes its C++ library with them",
        "of <filesystem> only paths",
        "no threads, fork, signals or dynamic linking",
    ),
)
