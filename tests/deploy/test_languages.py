"""The work program of each language in keeps that proved themselves, on each simulated platform."""

from __future__ import annotations

import faulthandler
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.deploy.conftest import Owner

from enarx.languages.language import Language
from enarx.languages.registry import LANGUAGES

WORK = Path(__file__).parent.parent / "languages" / "work"
PATIENCE_S = 540.0
PLATFORMS = ("snp", "tdx", "sgx")


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES, ids=lambda one: one.name)
def test_work_is_the_same_everywhere(language: Language, owner: Owner) -> None:
    """Output, exit status and digest are those of the build, wherever it is deployed."""
    faulthandler.cancel_dump_traceback_later()  # a compiler may take minutes, and has a limit
    for layer in ("any", language.name):
        shutil.copytree(WORK / layer, owner.folder / "work", dirs_exist_ok=True)
    digest = build(owner)
    text = (WORK / "any" / "stdin.txt").read_bytes()
    for platform in PLATFORMS:
        done = owner.deploy("--platform", platform, "work", "three", stdin=text)
        assert (done.returncode, done.stdout.decode()) == (7, expected()), done.stderr
    receipts = [
        json.loads(path.read_text())
        for path in (owner.folder / "state" / "enarx" / "deployments").glob("*.json")
    ]
    assert {receipt["platform"] for receipt in receipts} == set(PLATFORMS)
    assert {receipt["workload_digest"] for receipt in receipts} == {digest}


def build(owner: Owner) -> str:
    """Build the program with the toolchains of whoever runs the tests; its digest."""
    mine = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    chains = Path(mine) / "enarx" / "toolchains"
    if chains.is_dir():
        (Path(owner.environment["XDG_DATA_HOME"]) / "enarx" / "toolchains").symlink_to(chains)
    owner.environment.setdefault("ZIG_GLOBAL_CACHE_DIR", str(Path.home() / ".cache" / "zig"))
    done = subprocess.run(
        [sys.executable, "-m", "enarx", "build", "--json", "work"],
        cwd=owner.folder, env=owner.environment, capture_output=True, check=False,
        timeout=PATIENCE_S,
    )  # fmt: skip
    said = done.stderr.decode()
    if done.returncode == 4 and "compiler of" in said:
        pytest.skip(f"not installed: {said.splitlines()[0].removeprefix('enarx: error: ')}")
    assert done.returncode == 0, said
    return str(json.loads(done.stdout)["digest"])


def expected() -> str:
    """What ``tests/languages/work/reference.py`` says that it prints."""
    spec = importlib.util.spec_from_file_location("reference", WORK / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return str(module.expected("three"))
