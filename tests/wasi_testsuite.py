"""Runs the preview 1 part of WebAssembly/wasi-testsuite through ``enarx run``.

``make wasi-testsuite SUITE=DIR``, where DIR is a checkout of the branch ``prod/testsuite-base``.
Each module gets what its .json asks for: arguments, environment, a folder as ``/`` (a fresh copy,
because tests write into it), and it must end with that exit code and that output.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ENARX = Path(sys.executable).with_name("enarx")
FOLDER = "tests/*/testsuite/wasm32-wasip1"
TIMEOUT_S = 60


def main() -> int:
    """Run every module; 0 if all pass."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suite", type=Path)
    parser.add_argument("-k", dest="part", default="", help="only modules with this in their path")
    chosen = parser.parse_args()
    modules = sorted(chosen.suite.glob(f"{FOLDER}/*.wasm"))
    modules = [m for m in modules if chosen.part in str(m)]
    if not modules:
        sys.exit(f"no {FOLDER}/*.wasm under {chosen.suite}")
    failed = 0
    for module in modules:
        start = time.monotonic()
        problem = run(module)
        failed += bool(problem)
        took = time.monotonic() - start
        name = f"{module.parents[2].name}/{module.stem}"
        print(f"{'FAIL' if problem else 'ok  '} {name} ({took:.2f} s)", flush=True)
        if problem:
            print("     " + problem.replace("\n", "\n     "))
    print(f"{len(modules) - failed} of {len(modules)} passed")
    return 1 if failed else 0


def run(module: Path) -> str:
    """Run one module; what is wrong with how it went, empty if nothing."""
    want: dict[str, Any] = {}
    if (described := module.with_suffix(".json")).exists():
        want = json.loads(described.read_text())
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        config = folder / "Enarx.toml"
        config.write_text(enarx_toml(want))
        command = [str(ENARX), "run", "--no-fd-variables", "--wasmcfgfile", str(config)]
        if "root" in want:
            shutil.copytree(module.parent / want["root"], folder / "root", symlinks=True)
            command += ["--mount", f"{folder / 'root'}:/:rw"]
        command.append(str(module))
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
            )
        except subprocess.TimeoutExpired:
            return f"still running after {TIMEOUT_S} s"
    return judge(want, done)


def enarx_toml(want: dict[str, Any]) -> str:
    """An Enarx.toml with the arguments and the environment that a test asks for."""
    lines = [f"args = {json.dumps(want.get('args', []))}", "[env]"]
    lines += [f"{json.dumps(k)} = {json.dumps(v)}" for k, v in want.get("env", {}).items()]
    for kind in ("stdin", "stdout", "stderr"):
        lines += ["[[files]]", f'kind = "{kind}"']
    return "\n".join(lines) + "\n"


def judge(want: dict[str, Any], done: subprocess.CompletedProcess[str]) -> str:
    """Compare what was wanted with what came."""
    problems = []
    if done.returncode != want.get("exit_code", 0):
        problems.append(f"exit code {done.returncode}, want {want.get('exit_code', 0)}")
    if "stdout" in want and done.stdout != want["stdout"]:
        problems.append(f"stdout {done.stdout!r}, want {want['stdout']!r}")
    if problems and done.stderr:
        problems.append(done.stderr.rstrip())
    return "\n".join(problems)


if __name__ == "__main__":
    sys.exit(main())
