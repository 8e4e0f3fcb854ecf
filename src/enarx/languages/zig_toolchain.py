"""zig from PyPI: the compiler of three languages, C, C++ and Zig, with their libraries for WASI."""

from __future__ import annotations

from typing import TYPE_CHECKING

from enarx.languages.language import Pin, Plan, Tool, Toolchain, compiling

if TYPE_CHECKING:
    from enarx.languages.language import Found, Project

_HASHES = (
    "sha256:09953b6af7f64168b915180a42774f520f92d86ef6331b28e33915c7e1f0bb23",
    "sha256:27a8da5f8eaa0e76ebbc7c2594130ed4646c1101ada2ce0aa86fe580c74154b9",
    "sha256:4e0b4b9c02b8d0d220e9948010f860b62ff11d96abb39762eca5fa2ef3f7bc97",
    "sha256:69c3dfc3aff6a297ec4017aa904782c0e450eb988982d7f675d83edce27526fb",
    "sha256:7ec229ead4a08f3bc537ed33fa8c0f811739b81a0d05afbea89db30afb4df1cc",
    "sha256:87f24e5cdca55f5d47c1e20570eebb61a53957fafe4c35c69740e13affe407ba",
    "sha256:ae28f1f1150b95c8b1bb5e185d18e6c542877dc480e2476ccc81dac41f191b71",
    "sha256:b7c5f02fccd40f89b999ee16a1f5ddced56e6182370f8affe494bcf8a28cf07e",
    "sha256:d0549d5db63961ad9ed83ef628a45e3309542410dbcb6010116f4f2a3274d966",
    "sha256:d3bf27478d4593f2df7daf5c59b616a543b8f9e2cc9235bef84d8e54862a4334",
    "sha256:d65ae4223b0c351cb3b4596262b8d9773acc9ca94ef8ea9b5fe3ddfa07dd204f",
    "sha256:ea6cc5d87b033cf0aedfbc8f9549a908cae6c50ac31f1698188fa48a74524b54",
)
"""Of the wheels of every system, and of the source."""

TOOLCHAIN = Toolchain(
    name="zig",
    release="0.17.1",
    kind="pip",
    pins=(Pin(name="ziglang", release="0.17.1", hashes=_HASHES),),
    size_mib=97,
)

ZIG = Tool(
    name="zig",
    programs=("{home}/ziglang/zig", "zig", "{site}/ziglang/zig"),
    version=("version",),
    least=(0, 13),
)
"""The private one, the user's own, or that of the package ``ziglang`` beside this program."""

TARGET = ("-target", "wasm32-wasi")

WITH_EXCEPTIONS = "-mcpu=generic+exception_handling"
EXCEPTIONS = ("-mllvm", "-wasm-enable-sjlj", "-mllvm", "-wasm-use-legacy-eh=false")
"""Exceptions and ``setjmp`` in the standard encoding: the engine refuses the earlier one."""


def beside(home: str) -> str:
    """The program of the private zig, for another toolchain's folder *home*, which needs it."""
    return f"{TOOLCHAIN.beside(home)}/ziglang/zig"


_RELEASE = ("-O2", "-s")
_DEBUG = ("-O1", "-g")


def optimisation(project: Project) -> tuple[str, ...]:
    """The arguments of the profile."""
    return _DEBUG if project.profile == "debug" else _RELEASE


def compile_and_link(
    project: Project, zig: Found, driver: str, suffixes: tuple[str, ...], *more: str
) -> Plan:
    """One command of zig's C or C++ compiler over all sources with these *suffixes*.

    Args:
        driver: "cc" or "c++".
        more: arguments of the language, before those of the project.
    """
    sources = project.ending(*suffixes)
    module = f"{project.build}/app.linked.wasm"
    argv = (
        zig.path,
        driver,
        *TARGET,
        *optimisation(project),
        *more,
        *project.flags,
        *sources,
        "-o",
        module,
    )
    return Plan(steps=(compiling(sources, argv),), module=module)
