"""Python components, by componentize-py: CPython with the program inside it, already imported."""

from __future__ import annotations

from typing import TYPE_CHECKING

from enarx.languages.language import Pin, Plan, Recipe, Step, Tool, Toolchain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from enarx.languages.language import Found, Project

MAIN = "app/component.py"

_TOOLCHAIN = Toolchain(
    name="componentize-py",
    release="0.25.1",
    kind="pip",
    pins=(
        Pin(
            name="componentize-py",
            release="0.25.1",
            hashes=(
                "sha256:8623cd8cab8453cb0cd8bf03f3c7103420d06f2f3d360186a280a70a1ca5e89f",
                "sha256:7b6a87c520358166843af0daa86d2312d7af4cbcbbf1e598951085cf7f2991ca",
                "sha256:65fbc4a94df1de8acf7da50a1f5ed1711230188844e53e6332d99029be4e0afa",
                "sha256:a556991534cc496207a9d2ca733c4b0f17ed38ef56a8d6b5f1847fdf1225dd1b",
            ),
        ),
    ),
    size_mib=17,
)

_TOOL = Tool(
    name="componentize-py",
    programs=("{home}/bin/componentize-py", "{bin}/componentize-py", "componentize-py"),
    least=(0, 25),
    environment=(("PYTHONPATH", "{home}"),),
)


def _plan(project: Project, found: Mapping[str, Found]) -> Plan:
    tool, module = found["componentize-py"], f"{project.build}/app.component.wasm"
    library = ("-p", "app/lib") if any(s.startswith("app/lib/") for s in project.sources) else ()
    argv = (
        tool.path, "--quiet", "--wit-path", "wit", *project.flags, "componentize", "component",
        "-p", "app", *library, "--output", module,
    )  # fmt: skip
    environment = (
        ("RUST_BACKTRACE", "0"),  # of its own, below the traceback of the program
        *((("PYTHONPATH", tool.home),) if tool.home else ()),
    )
    step = Step(title=f"compile {MAIN}", argv=argv, environment=environment)
    return Plan(steps=(step,), module=module, strip=False)


RECIPE = Recipe(
    name="componentize-py",
    tools=(_TOOL,),
    plan=_plan,
    toolchain=_TOOLCHAIN,
    advice="or install the Python package componentize-py beside enarx",
    marks=(MAIN,),
    target="wasip2",
)
