"""AssemblyScript, by its compiler and the shim that gives it WASI, both from npm."""

from __future__ import annotations

from posixpath import relpath
from typing import TYPE_CHECKING

from enarx.languages.language import Language, Pin, Plan, Recipe, Step, Tool, Toolchain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from enarx.languages.language import Found, Project

_MAIN = "assembly/index.ts"
_SHIM = "node_modules/@assemblyscript/wasi-shim/assembly"
_USES = (
    "ASC_WASI=1", "abort=wasi_abort", "trace=wasi_trace", "seed=wasi_seed", "Date=wasi_Date",
    "console=wasi_console", "crypto=wasi_crypto", "performance=wasi_performance",
    "process=wasi_process",
)  # fmt: skip
"""What the shim puts in the place of the language's own: its asconfig.json, whose paths are right
only for a project that has the shim in its own node_modules."""


TOOLCHAIN = Toolchain(
    name="assemblyscript",
    release="0.28.20",
    kind="npm",
    pins=(
        Pin(
            name="assemblyscript",
            release="0.28.20",
            hashes=(
                "sha512-5PM7GZpvcLypHcLmi30aP8mqm5HjU+LL3BdV1xDyA3USGtL2w+iMiUnhtH+vW8+2kOuHlAyPu7M+QgyEw5he1g==",
            ),
        ),
        Pin(
            name="@assemblyscript/wasi-shim",
            release="0.1.0",
            hashes=(
                "sha512-fSLH7MdJHf2uDW5llA5VCF/CG62Jp2WkYGui9/3vIWs3jDhViGeQF7nMYLUjpigluM5fnq61I6obtCETy39FZw==",
            ),
        ),
        Pin(
            name="binaryen",
            release="131.0.0-nightly.20260721",
            hashes=(
                "sha512-AAQIkhfbYXh4FBObwBrlO+5L+6Rp6OOMOjh6AdT0M+GLNLyrwKWgtW+EzmizNgx9CWDfTJPfDtKoZi62QESbtg==",
            ),
        ),
        Pin(
            name="long",
            release="5.3.2",
            hashes=(
                "sha512-mNAgZ1GmyNhD7AuqnTG3/VQ26o760+ZYBPKjPvugO8+nLbYfX6TVpJPseBvopbdY+qpZ/lKUnmEc1LeZYS3QAA==",
            ),
        ),
    ),
    size_mib=20,
)


def optimiser_beside(home: str) -> str:
    """Binaryen's wasm-opt, for another toolchain's folder *home*, which needs this one."""
    return f"{TOOLCHAIN.beside(home)}/node_modules/binaryen/bin/wasm-opt"


def _plan(project: Project, found: Mapping[str, Found]) -> Plan:
    asc = found["asc"]
    home = asc.path.partition("/node_modules/")[0]
    module = f"{project.build}/app.linked.wasm"
    argv = (
        found["node"].path,
        asc.path,
        _MAIN,
        "--lib",
        relpath(f"{home}/{_SHIM}", project.folder),  # an absolute path is taken for a relative one
        *(word for use in _USES for word in ("--use", use)),
        "--exportStart",
        "_start",
        *(("--debug",) if project.profile == "debug" else ("-O3", "--noAssert")),
        *project.flags,
        "--outFile",
        module,
    )
    return Plan(steps=(Step(title=f"compile {_MAIN}", argv=argv),), module=module)


LANGUAGE = Language(
    name="assemblyscript",
    title="AssemblyScript",
    label="supported",
    target="wasip1",
    marks=(_MAIN,),
    recipes=(
        Recipe(
            name="asc",
            tools=(
                Tool(name="node", programs=("node",), least=(20,)),
                Tool(
                    name="asc",
                    programs=tuple(
                        f"{place}/node_modules/assemblyscript/bin/asc.js"
                        for place in ("{home}", "{project}")
                    ),
                    least=(0, 27),
                ),
            ),
            plan=_plan,
            toolchain=TOOLCHAIN,
            advice="in the project: npm install assemblyscript @assemblyscript/wasi-shim",
        ),
    ),
    templates=("hello", "filter", "http", "client"),
    sockets=True,
    notes=(
        "files and sockets by the calls of WASI, declared in the program: the shim has none",
        "no exceptions, closures or regular expressions: the language has none",
    ),
)
