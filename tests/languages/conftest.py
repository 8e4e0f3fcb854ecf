"""Projects that are built and run as a user would; a missing compiler is a skip with its name."""

from __future__ import annotations

import faulthandler
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from enarx.languages.language import Language

WORK = Path(__file__).parent / "work"
PATIENCE_S = 540.0  # zig makes its C++ library first, once for each of its caches

Enarx = Callable[..., subprocess.CompletedProcess[bytes]]
Build = Callable[..., "Project"]


@pytest.fixture(autouse=True)
def patient() -> None:
    """Compilers take minutes on a busy machine: each process here has a time limit of its own."""
    faulthandler.cancel_dump_traceback_later()


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A folder that was built, and what the build said of itself."""

    folder: Path
    built: dict[str, object]


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """This environment with a cache of compiled programs of the tests' own.

    Compilers keep their caches: without them each would make its library anew.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ENARX_")}
    cache = tmp_path_factory.mktemp("cache")
    compilers = {"ZIG_GLOBAL_CACHE_DIR": str(Path.home() / ".cache" / "zig")}
    return {**compilers, **kept, "XDG_CACHE_HOME": str(cache)}


@pytest.fixture
def enarx(environment: dict[str, str], tmp_path: Path) -> Enarx:
    """``enarx`` to its end: ``enarx("build", "app", stdin=b"…")``, in the test's folder."""

    def enarx(
        *words: str | Path, stdin: bytes = b"", **variables: str
    ) -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "-m", "enarx", *words]
        return subprocess.run(
            command, cwd=tmp_path, input=stdin, capture_output=True, timeout=PATIENCE_S,
            env={**environment, **variables}, check=False,
        )  # fmt: skip

    return enarx


@pytest.fixture
def build(enarx: Enarx, tmp_path: Path) -> Build:
    """Build a folder of the test's; the test is skipped where there is no compiler for it."""

    def build(name: str, *options: str) -> Project:
        done = enarx("build", "--json", *options, name)
        said = done.stderr.decode()
        if done.returncode == 4 and "enarx: error: compiler of " in said:
            reason = next(line for line in said.splitlines() if "compiler of" in line)
            pytest.skip(f"not installed: {reason.removeprefix('enarx: error: ')}")
        assert done.returncode == 0, said
        return Project(folder=tmp_path / name, built=json.loads(done.stdout))

    return build


def copy_work(language: Language, folder: Path) -> None:
    """The work program of *language*, as a project."""
    for layer in ("any", language.name):
        shutil.copytree(WORK / layer, folder, dirs_exist_ok=True)
