"""Builds the demo's guest from its source: ``python demo/source/build.py OUTPUT``.

The compiler is the one that requirements/bench.txt pins, so the same source gives the same bytes
on every machine; a test compares them with the checked-in file, so nobody has to trust that one.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = Path(__file__).with_name("server.c")
FLAGS = ("-target", "wasm32-wasi", "-O2", "-s", "-std=gnu17", "-Wall", "-Wextra", "-Werror")


def build(output: Path) -> None:
    """Compile the server to *output*; relative names and a fresh cache leave no path in it."""
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "ZIG_LOCAL_CACHE_DIR": cache}
        made = Path(cache) / "server.wasm"
        compiler = (sys.executable, "-m", "ziglang", "cc")
        command = (*compiler, *FLAGS, SOURCE.name, "-o", str(made))
        subprocess.run(command, check=True, cwd=SOURCE.parent, env=environment)
        output.write_bytes(made.read_bytes())


if __name__ == "__main__":
    build(Path(sys.argv[1]).absolute())
