"""Jars of a toolchain: which project makes Maven copy them, and what is not taken."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from enarx.adapters import maven_jars, tool_search
from enarx.adapters.tool_search import Places
from enarx.errors import MalformedError, UnavailableError
from enarx.languages import kotlin_toolchain, teavm
from enarx.languages.language import Pin, Plan, Recipe, Tool, Toolchain

CONTENT = b"a jar"
NAMESPACE = "{http://maven.apache.org/POM/4.0.0}"


def chain(digest: str) -> Toolchain:
    """The toolchain of one jar."""
    pin = Pin(name="org.example:tool", release="1.0", hashes=(f"sha256:{digest}",))
    return Toolchain(name="tool", release="1.0", kind="maven", pins=(pin,), size_mib=1)


def test_only_what_is_pinned_is_copied() -> None:
    """Every artifact is a dependency in its release, and none brings another."""
    project = ET.fromstring(maven_jars.project_of(teavm.TOOLCHAIN))  # noqa: S314 - ours
    found = project.findall(f"{NAMESPACE}dependencies/{NAMESPACE}dependency")
    named = [
        (
            f"{one.findtext(NAMESPACE + 'groupId')}:{one.findtext(NAMESPACE + 'artifactId')}",
            one.findtext(NAMESPACE + "version"),
        )
        for one in found
    ]
    assert named == [(pin.name, pin.release) for pin in teavm.TOOLCHAIN.pins]
    excluded = f"{NAMESPACE}exclusions/{NAMESPACE}exclusion/{NAMESPACE}artifactId"
    assert all(one.findtext(excluded) == "*" for one in found)
    assert len(teavm.JARS) == len(set(teavm.JARS)) == len(found)


def test_a_library_may_be_no_jar() -> None:
    """Maven is asked for the type that a pin names, and for jars else."""
    project = ET.fromstring(maven_jars.project_of(kotlin_toolchain.TOOLCHAIN))  # noqa: S314 - ours
    found = project.findall(f"{NAMESPACE}dependencies/{NAMESPACE}dependency")
    *jars, library = found
    assert {one.findtext(f"{NAMESPACE}type") for one in jars} == {"jar"}
    assert library.findtext(f"{NAMESPACE}artifactId") == "kotlin-stdlib-wasm-wasi"
    assert library.findtext(f"{NAMESPACE}type") == "klib"
    release = library.findtext(f"{NAMESPACE}version")
    assert kotlin_toolchain.FILES[-1] == f"kotlin-stdlib-wasm-wasi-{release}.klib"


def test_a_jar_is_held_against_its_pin(tmp_path: Path) -> None:
    """The right bytes are taken, others are named with both digests, none at all is said."""
    with pytest.raises(UnavailableError, match=r"tool-1\.0\.jar: Maven ended well"):
        maven_jars.check(chain("0" * 64), str(tmp_path))
    (tmp_path / "tool-1.0.jar").write_bytes(CONTENT)
    digest = sha256(CONTENT).hexdigest()
    maven_jars.check(chain(digest), str(tmp_path))
    with pytest.raises(MalformedError, match=f"got sha256:{digest}, want sha256:0000"):
        maven_jars.check(chain("0" * 64), str(tmp_path))


def test_a_tool_may_be_a_file(tmp_path: Path) -> None:
    """An interpreter's module is found without being a program; its release is the toolchain's."""
    module = tmp_path / "interpreter.wasm"
    tool = Tool(name="interpreter", programs=("{home}/interpreter.wasm",), version=())
    recipe = Recipe(
        name="x",
        tools=(tool,),
        plan=lambda _project, _found: Plan(steps=(), module=""),
        toolchain=chain("0" * 64),
    )
    places = Places(project="", home=str(tmp_path), path="")
    assert tool_search.locate(recipe, places) == ({}, ["interpreter is not there"])
    module.touch()
    located, missing = tool_search.locate(recipe, places)
    assert (located, missing) == ({"interpreter": str(module)}, [])
    found, problems = tool_search.examine(recipe, located, places)
    assert problems == []
    assert (found["interpreter"].version, found["interpreter"].home) == ("1.0", str(tmp_path))
