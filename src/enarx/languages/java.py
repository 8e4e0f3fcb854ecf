"""Java: the user's javac, then TeaVM, which compiles class files to wasip1.

TeaVM's class library leaves standard input, environment, exit and the secure random generator
empty for this target; what stands in their place lies beside this module, in ``java_wasi``, and
``CompileToWasi.java`` there drives TeaVM: neither Maven nor Gradle takes part in a build.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from enarx.languages.language import Language, Plan, Project, Recipe, Step, Tool
from enarx.languages.teavm import JARS, TOOLCHAIN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from enarx.languages.language import Found

_OURS = f"{__file__.rpartition('/')[0]}/java_wasi"

_SUPPORT = tuple(
    f"{_OURS}/{name}.java"
    for name in (
        "Start",
        "enarx/wasi/Calls",
        "enarx/wasi/Descriptor",
        "enarx/wasi/Listener",
        "enarx/wasi/Substitutes",
    )
)

_RELEASE = "17"
"""Of the language: what TeaVM itself is compiled for."""

_BRIEFLY = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
"""For a virtual machine that is gone in seconds: its best compiler would not pay off."""

_JAVAC = Tool(name="javac", programs=("javac",), version=("-version",), least=(17,))
JAVA = Tool(name="java", programs=("java",), version=("-version",), least=(17,))
_TEAVM = Tool(name="teavm", programs=(f"{{home}}/{JARS[0]}",), version=())


def _plan(project: Project, found: Mapping[str, Found]) -> Plan:
    """Sources and ours to class files; those and the jars of ``lib`` to one module."""
    home = found["teavm"].home
    classes, module = f"{project.build}/classes", f"{project.build}/app.linked.wasm"
    libraries = tuple(jar for jar in project.ending(".jar") if jar.startswith("lib/"))
    sources = project.ending(".java")
    api = tuple(f"{home}/{jar}" for jar in JARS if jar.startswith(("teavm-core", "teavm-interop")))
    javac = (
        found["javac"].path,
        *(f"-J{option}" for option in _BRIEFLY),
        *("--release", _RELEASE, "-encoding", "UTF-8", "-g" if _debug(project) else "-g:none"),
        *("-d", classes, "-cp", ":".join((*api, *libraries))),
        *project.flags,
        *sources,
        *_SUPPORT,
    )
    teavm = (
        found["java"].path,
        *_BRIEFLY,
        *("-cp", ":".join(f"{home}/{jar}" for jar in JARS)),
        f"{_OURS}/CompileToWasi.java",
        *(project.profile, "Start", module, classes, *libraries),
    )
    what = sources[0] if len(sources) == 1 else f"{len(sources)} files"
    return Plan(
        steps=(
            Step(title=f"compile {what}", argv=javac),
            Step(title="compile the classes to WebAssembly", argv=teavm),
        ),
        module=module,
    )


def _debug(project: Project) -> bool:
    return project.profile == "debug"


LANGUAGE = Language(
    name="java",
    title="Java",
    label="supported",
    target="wasip1",
    marks=("Main.java", "src/Main.java", "src/main/java/Main.java"),
    recipes=(
        Recipe(
            name="teavm",
            tools=(_JAVAC, JAVA, _TEAVM),
            plan=_plan,
            toolchain=TOOLCHAIN,
            advice="install a JDK, 17 or newer; enarx build --install-toolchain gets the rest",
        ),
    ),
    templates=("hello", "filter", "http", "client"),
    sockets=True,
    notes=(
        "TeaVM's class library: no java.net sockets, MessageDigest, processes or class loading",
        "no parallel threads, little reflection",
        "the main class is called Main and is in no package",
    ),
)
