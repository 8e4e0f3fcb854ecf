"""Kotlin: its own compiler for WebAssembly, with what its library for WASI does not have.

That library prints, and knows the time; the rest of WASI stands beside this module, in
``kotlin_wasi``, as the package ``enarx.wasi``.  ``CompileToWasi.java`` there drives the compiler:
neither Gradle nor Maven takes part in a build.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from enarx.languages.java import JAVA
from enarx.languages.kotlin_toolchain import FILES, TOOLCHAIN
from enarx.languages.language import Language, Plan, Project, Recipe, Tool, compiling

if TYPE_CHECKING:
    from collections.abc import Mapping

    from enarx.languages.language import Found

_OURS = f"{__file__.rpartition('/')[0]}/kotlin_wasi"
_SUPPORT = tuple(f"{_OURS}/wasi/{name}.kt" for name in ("Calls", "Descriptor", "Files", "Process"))
_START = "enarx-start"
"""What ``CompileToWasi`` calls the module that it makes."""

*_JARS, _LIBRARY = FILES

_BRIEFLY = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
"""For a virtual machine that is gone in seconds: a fifth sooner, with half the processor's time."""

_KOTLIN = Tool(name="kotlin", programs=(f"{{home}}/{FILES[0]}",), version=())


def _plan(project: Project, found: Mapping[str, Found]) -> Plan:
    """Sources and ours, with the libraries of ``lib``, to one module."""
    home, made = found["kotlin"].home, f"{project.build}/kotlin"
    libraries = tuple(
        f"{project.folder}/{klib}" for klib in project.ending(".klib") if klib.startswith("lib/")
    )
    sources = project.ending(".kt")
    argv = (
        found["java"].path,
        *_BRIEFLY,
        *("-cp", ":".join(f"{home}/{jar}" for jar in _JARS)),
        f"{_OURS}/CompileToWasi.java",
        *(project.profile, _OURS, made, ":".join((f"{home}/{_LIBRARY}", *libraries))),
        *project.flags,
        *sources,
        *_SUPPORT,
    )
    step = compiling(sources, argv)
    return Plan(steps=(step,), module=f"{made}/{_START}.wasm")


LANGUAGE = Language(
    name="kotlin",
    title="Kotlin",
    label="supported",
    target="wasip1",
    marks=("Main.kt", "src/Main.kt", "src/main/kotlin/Main.kt"),
    recipes=(
        Recipe(
            name="kotlin",
            tools=(JAVA, _KOTLIN),
            plan=_plan,
            toolchain=TOOLCHAIN,
            advice="install a JDK, 17 or newer; enarx build --install-toolchain gets the rest",
        ),
    ),
    templates=("hello", "filter", "http", "client"),
    sockets=True,
    notes=(
        "Kotlin's library for WASI: no java.*, no threads; files and sockets are enarx.wasi's",
        "the main function is in no package and does not suspend",
        "what is thrown has no stack trace",
    ),
)
