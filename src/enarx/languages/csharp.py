"""C#, by Mono's compiler and interpreter, or by the .NET SDK with its workload for WASI.

Mono's runtime is the program, and the assemblies are its files.  The SDK, its experimental workload
and the WASI SDK that it links with are the user's: no registry that the build can ask has them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from enarx.languages import mono_toolchain
from enarx.languages.language import Content, Language, Plan, Project, Recipe, Step, Tool, compiling

if TYPE_CHECKING:
    from collections.abc import Mapping

    from enarx.languages.language import Found

_DOTNET = Tool(name="dotnet", programs=("dotnet",), least=(8,))
_PROJECT = "app.csproj"
_FOLDER = "app"
"""Where the runtime finds ``app.exe`` and what that refers to."""


def _with_mono(project: Project, found: Mapping[str, Found]) -> Plan:
    home = found["runtime"].home
    assembly = f"{project.build}/app.exe"
    libraries = project.ending(".dll")
    sources = project.ending(".cs")
    argv = (
        found["mono"].path,
        "--config",
        f"{home}/etc/mono/config",
        found["mcs"].path,
        "-nologo",
        "-optimize-" if project.profile == "debug" else "-optimize+",
        f"-lib:{home}/lib",
        *(f"-r:{name}.dll" for name in _REFERRED),
        *(f"-r:{library}" for library in libraries),
        f"-out:{assembly}",
        *project.flags,
        *sources,
    )
    compiled = replace(compiling(sources, argv), environment=mono_toolchain.environment(home))
    ours = (Content(source=each, into=f"{_FOLDER}/{each.rpartition('/')[2]}") for each in libraries)
    return Plan(
        steps=(compiled,),
        module=found["runtime"].path,
        contents=(
            Content(source=f"{home}/lib", into=_FOLDER),
            Content(source=assembly, into=f"{_FOLDER}/app.exe"),
            *ours,
        ),
        strip=False,  # it is measured as the toolchain made it
    )


_REFERRED = ("System.Core", "System.Numerics", "System.Xml", "System.Xml.Linq")
"""Beside those that the compiler refers to by itself."""


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
    # The runtime is inside the module: the folder is there for those who mount it.
    mounted = Content(source=_PROJECT, into=f"{_FOLDER}/{_PROJECT}")
    return Plan(steps=(step,), module=f"{bundle}/app.wasm", contents=(mounted,))


LANGUAGE = Language(
    name="csharp",
    title="C#",
    label="experimental",
    target="wasip1",
    marks=("Program.cs", _PROJECT),
    recipes=(
        Recipe(
            name="mono",
            tools=(mono_toolchain.RUNTIME, mono_toolchain.MONO, mono_toolchain.COMPILER),
            plan=_with_mono,
            toolchain=mono_toolchain.TOOLCHAIN,
            advice="its toolchain needs Debian's apt and Node.js",
        ),
        Recipe(
            name="dotnet",
            tools=(_DOTNET,),
            plan=_with_dotnet,
            advice="install the .NET 8 SDK, run `dotnet workload install wasi-experimental`, and"
            " set WASI_SDK_PATH to an unpacked WASI SDK",
        ),
    ),
    notes=(
        "interpreted: C# 7 and the .NET Framework's library of Mono 6.8",
        "one thread: tasks run when they are waited for; Thread, Timer and Task.Delay fail",
        "recursion: 5,000 calls deep work, and 10,000 end the program with a trap",
        "finalizers run when the program waits for them",
        "no sockets, no processes, no compression, no calls into C libraries",
        "with the .NET SDK the build was never run here, and its workload ends with .NET 8",
    ),
    leaves=("bin", "obj"),
)
