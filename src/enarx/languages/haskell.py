"""Haskell, by Hugs 98, by MicroHs, which writes C for zig, or by GHC's backend for WebAssembly.

No registry that the build can ask has the latter two: they are the user's.  MicroHs compiles with
the C compiler that its target ``environment`` names, so that one step goes all the way; what its
runtime asks of a platform is beside this module, in ``microhs_wasi``: MicroHs has none for WASI.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from enarx.languages import hugs_toolchain, zig_toolchain
from enarx.languages.language import Language, Plan, Project, Recipe, Step, Tool

if TYPE_CHECKING:
    from collections.abc import Mapping

    from enarx.languages.language import Found

_WASI = f"{__file__.rpartition('/')[0]}/microhs_wasi"

_MHS = Tool(name="mhs", programs=("mhs",), least=(0, 16))
_GHC = Tool(name="wasm32-wasi-ghc", programs=("wasm32-wasi-ghc",), least=(9, 10))

_EXCEPTIONS = (zig_toolchain.WITH_EXCEPTIONS, *zig_toolchain.EXCEPTIONS)
"""The runtime's exceptions are ``setjmp`` and ``longjmp``."""

_QUIET = ("-w", "-fno-sanitize=undefined")
"""Its C was written for gcc."""


def _with_hugs(project: Project, found: Mapping[str, Found]) -> Plan:
    return hugs_toolchain.plan(project, found, _main(project))


def _with_microhs(project: Project, found: Mapping[str, Found]) -> Plan:
    module = f"{project.build}/app.linked.wasm"
    optimised = ("-O1", "-g") if project.profile == "debug" else ("-O2", "-s")
    arguments = (*zig_toolchain.TARGET, *optimised, *_EXCEPTIONS, *_QUIET, f"-I{_WASI}")
    step = Step(
        title=f"compile {_main(project)}",
        argv=(
            found["mhs"].path,
            "-tenvironment",
            f"-i{_folder(project)}",
            *project.flags,
            f"-o{module}",
            "Main",
        ),
        environment=(
            ("CC", f"{found['zig'].path} cc"),
            ("MHSCCFLAGS", " ".join(arguments)),
            ("MHSCCLIBS", f"{_WASI}/tag.S"),
            ("MHSCONF", "."),
        ),
    )
    return Plan(steps=(step,), module=module)


def _with_ghc(project: Project, found: Mapping[str, Found]) -> Plan:
    module = f"{project.build}/app.linked.wasm"
    argv = (
        found["wasm32-wasi-ghc"].path,
        "-O0" if project.profile == "debug" else "-O2",
        f"-i{_folder(project)}",
        "-outputdir",
        f"{project.build}/objects",
        *project.flags,
        _main(project),
        "-o",
        module,
    )
    return Plan(steps=(Step(title=f"compile {_main(project)}", argv=argv),), module=module)


def _main(project: Project) -> str:
    return next((each for each in _MARKS if each in project.sources), _MARKS[0])


def _folder(project: Project) -> str:
    """Where modules are looked for: beside the main one."""
    return _main(project).rpartition("/")[0] or "."


_MARKS = ("Main.hs", "src/Main.hs", "app/Main.hs")

LANGUAGE = Language(
    name="haskell",
    title="Haskell",
    label="experimental",
    target="wasip1",
    marks=_MARKS,
    recipes=(
        Recipe(
            name="hugs",
            tools=(hugs_toolchain.HUGS,),
            plan=_with_hugs,
            toolchain=hugs_toolchain.TOOLCHAIN,
        ),
        Recipe(
            name="microhs",
            tools=(_MHS, zig_toolchain.ZIG),
            plan=_with_microhs,
            advice="install MicroHs 0.16 from its source, and the Python package ziglang",
        ),
        Recipe(
            name="ghc",
            tools=(_GHC,),
            plan=_with_ghc,
            advice="install GHC's backend for WebAssembly: wasm32-wasi-ghc in PATH",
        ),
    ),
    notes=(
        "Hugs 98: Haskell 98 with Hugs's extensions, none of GHC's; interpreted, so slow",
        "Hugs 98: evaluation nests 5000 deep; deeper is Hugs's error or a trap",
        "Hugs 98: a program has no foreign imports of its own",
        "Hugs 98: ByteString's output wants hSetBinaryMode first",
        "no sockets",
        "MicroHs 0.16: exitWith has no status but 0 and 1, and rotate does not end",
        "MicroHs and GHC's backend are the user's own, and were not tried with these templates",
    ),
)
