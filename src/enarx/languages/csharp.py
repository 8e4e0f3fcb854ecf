"""C#, by the .NET SDK with its experimental workload for WASI: one file with the whole runtime.

The SDK, the workload and the WASI SDK that it links with are the user's: no registry that the
build can ask has them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from enarx.languages.language import Language, Plan, Project, Recipe, Step, Tool

if TYPE_CHECKING:
    from collections.abc import Mapping

    from enarx.languages.language import Found

_DOTNET = Tool(name="dotnet", programs=("dotnet",), least=(8,))
_PROJECT = "app.csproj"


def _with_dotnet(project: Project, found: Mapping[str, Found]) -> Plan:
    bundle = f"{project.build}/bundle"
    argv = (
        found["dotnet"].path,
        "publish",
        _PROJECT,
        "--nologo",
        "--configuration",
        "Debug" if project.profile == "debug" else "Release",
        f"-p:BaseIntermediateOutputPath={project.build}/obj/",
        f"-p:BaseOutputPath={project.build}/bin/",
        f"-p:WasmAppDir={bundle}",
        *project.flags,
    )
    step = Step(
        title=f"publish {_PROJECT}", argv=argv, environment=(("DOTNET_CLI_TELEMETRY_OPTOUT", "1"),)
    )
    return Plan(steps=(step,), module=f"{bundle}/app.wasm")


LANGUAGE = Language(
    name="csharp",
    title="C#",
    label="bring your own",
    target="wasip1",
    marks=(_PROJECT,),
    recipes=(
        Recipe(
            name="dotnet",
            tools=(_DOTNET,),
            plan=_with_dotnet,
            advice="install the .NET 8 SDK, run `dotnet workload install wasi-experimental`, and"
            " set WASI_SDK_PATH to an unpacked WASI SDK",
        ),
    ),
    notes=(
        "the build was never run here: only the templates' sources were, with Mono",
        "the workload is Microsoft's experiment, and ends with .NET 8",
        "no threads and no sockets",
    ),
    leaves=("bin", "obj"),
)
