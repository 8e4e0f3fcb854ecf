"""Compilers on this machine: where they are, which release they are, and whether they will do."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass

from enarx.errors import MisconfiguredError
from enarx.languages.language import Found
from enarx.languages.versions import dotted, problem_with, version_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from enarx.languages.language import Recipe, Tool

_TIMEOUT_S = 60  # a Java virtual machine on a busy machine


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """What stands for the braces of ``Tool.programs``.

    Args:
        home: of the private toolchain; empty where it is not installed.
        path: the variable PATH.
    """

    project: str
    home: str
    path: str

    def fill(self, program: str) -> str:
        """Where *program* would be; empty where that place does not exist."""
        if "{home}" in program and not self.home:
            return ""
        if "{site}" in program:
            package = program.removeprefix("{site}/").partition("/")[0]
            spec = importlib.util.find_spec(package)
            folder = os.path.dirname(os.path.dirname(spec.origin)) if spec and spec.origin else ""
            return program.replace("{site}", folder) if folder else ""
        values = {
            "{home}": self.home,
            "{project}": self.project,
            "{bin}": os.path.dirname(sys.executable),
        }
        for name, value in values.items():
            program = program.replace(name, value)
        return program


def locate(recipe: Recipe, places: Places) -> tuple[dict[str, str], list[str]]:
    """The paths of the tools of *recipe*, by name, and what is missing, a text each."""
    found, missing = {}, []
    for tool in recipe.tools:
        path = locate_tool(tool, places)
        if path:
            found[tool.name] = path
        else:
            missing.append(f"{tool.name} is not there")
    missing += [f"{path} is not there" for path in recipe.files if not os.path.exists(path)]
    return found, missing


def examine(
    recipe: Recipe, located: Mapping[str, str], places: Places
) -> tuple[dict[str, Found], list[str]]:
    """The tools with their versions, and what is wrong with them, a text each."""
    found, problems = {}, []
    release = recipe.toolchain.release if recipe.toolchain else ""
    for tool in recipe.tools:
        path = located[tool.name]
        private = bool(places.home) and path.startswith(f"{places.home}/")
        environment = {n: places.fill(v) for n, v in tool.environment} if private else {}
        said = _output((path, *tool.version), environment) if tool.version else release
        version = version_in(said, tool)
        problem = problem_with(version, tool)
        if not problem and tool.probe:
            problem = _lack(_output((path, *tool.probe), environment).strip(), tool)
        if problem:
            problems.append(f"{path} {problem}")
        home = places.home if private else ""
        found[tool.name] = Found(path=path, version=dotted(version), home=home)
    return found, problems


def _lack(named: str, tool: Tool) -> str:
    """Why what a probe of *tool* named will not do, empty if it will."""
    if named and os.path.exists(named):
        return ""
    return f"lacks what `{' '.join((tool.name, *tool.probe))}` names"


def identity(path: str) -> str:
    """What tells the program at *path* from another that may be there later, without running it."""
    status = os.stat(path)
    return f"{os.path.realpath(path)} {status.st_size} {status.st_mtime_ns}"


def locate_tool(tool: Tool, places: Places) -> str:
    """The path of *tool*; empty if it is in none of its places."""
    for candidate in tool.programs:
        program = places.fill(candidate)
        if os.path.isabs(program) and os.path.isfile(program):
            return program  # a script for an interpreter need not be executable
        found = shutil.which(program, path=places.path) if program else None
        if found:
            return os.path.abspath(found)
    return ""


def require_client(name: str, hint: str) -> str:
    """The path of the program that talks to a registry.

    Raises:
        MisconfiguredError: it is not in PATH; *hint* says how to come by it.
    """
    path = shutil.which(name)
    if path is None:
        raise MisconfiguredError("--install-toolchain", f"{name} is not there", hints=(hint,))
    return path


def _output(argv: tuple[str, ...], environment: Mapping[str, str]) -> str:
    """What a program prints, on both streams; nothing if it fails or cannot be run."""
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
            timeout=_TIMEOUT_S, check=False, env={**os.environ, **environment},
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout + done.stderr if done.returncode == 0 else ""
