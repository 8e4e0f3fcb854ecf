"""clang as distributions have it, with their C library for WASI: no installation by us."""

from __future__ import annotations

from typing import TYPE_CHECKING

from enarx.languages.language import Plan, Tool, compiling

if TYPE_CHECKING:
    from enarx.languages.language import Found, Project

CLANG = Tool(name="clang", programs=("clang",), least=(14,))
CLANG_CPP = Tool(name="clang++", programs=("clang++",), least=(14,))
LINKER = Tool(name="wasm-ld", programs=("wasm-ld",), least=(14,))
FILES = ("/usr/lib/wasm32-wasi/libc.a",)
ADVICE = "on Debian: apt install clang lld wasi-libc libclang-rt-14-dev-wasm32"
CPP_FILES = ("/usr/lib/wasm32-wasi/libc++.a",)
CPP_ADVICE = f"{ADVICE} libc++-14-dev-wasm32 libc++abi-14-dev-wasm32"

_RELEASE, _DEBUG = ("-O2", "-s"), ("-O0", "-g")


def compile_and_link(project: Project, clang: Found, suffixes: tuple[str, ...], *more: str) -> Plan:
    """One command over all sources with these *suffixes*.

    Args:
        more: arguments of the language, before those of the project.
    """
    sources = project.ending(*suffixes)
    module = f"{project.build}/app.linked.wasm"
    argv = (
        clang.path,
        "--target=wasm32-wasi",
        *(_DEBUG if project.profile == "debug" else _RELEASE),
        *more,
        *project.flags,
        *sources,
        "-o",
        module,
    )
    return Plan(steps=(compiling(sources, argv),), module=module)
