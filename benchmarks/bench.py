"""What every benchmark is given: compiled guests and natives, pinned cores, interleaved rounds.

Guests are built here and now with the pinned compiler, into ``.build/benchmarks``; so is what they
are compared with.  Cached code lies there too, not in the user's cache.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from figures import Skipped

HERE = Path(__file__).parent
GUESTS = HERE / "guests"
BUILT = HERE.parent / ".build" / "benchmarks"
ENARX = Path(sys.executable).with_name("enarx")
STREAMS = "".join(f'[[files]]\nkind = "{kind}"\n' for kind in ("stdin", "stdout", "stderr"))
"""The first descriptors of an Enarx.toml."""

TIMEOUT_S = 120.0
_UNWANTED = {"PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "ENARX_LOG", "ENARX_BACKEND"}
_FLAGS = ("-O2", "-std=gnu17", "-Wall", "-Wextra", "-Werror")


def environment() -> dict[str, str]:
    """This environment, with a cache of the benchmarks' own.

    Python may save what it compiles, as it does for a package that pip has installed.
    """
    kept = {name: value for name, value in os.environ.items() if name not in _UNWANTED}
    return {**kept, "XDG_CACHE_HOME": str(BUILT / "cache")}


def guest(name: str) -> Path:
    """The WebAssembly module compiled from ``guests/<name>.c``."""
    return _compile(name, f"{name}.wasm", "-target", "wasm32-wasi", "-s")


def component(name: str) -> Path:
    """The component assembled from ``guests/<name>.wat``."""
    import wasmtime

    made = BUILT / f"{name}.component.wasm"
    made.write_bytes(bytes(wasmtime.wat2wasm((GUESTS / f"{name}.wat").read_text())))
    return made


def native(name: str) -> Path:
    """``guests/<name>.c`` compiled for this machine, by the same compiler."""
    return _compile(name, name)


def needs(*packages: str) -> None:
    """Skip the benchmark unless these Python packages are installed."""
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise Skipped(f"the Python package {package} is not installed")


def program(name: str) -> str:
    """The path of a program beside this Python or on the search path."""
    found = shutil.which(name, path=str(ENARX.parent)) or shutil.which(name)
    if found is None:
        raise Skipped(f"the program {name} is not installed")
    return found


def output(command: list[str | Path], **options: object) -> str:
    """What *command* prints; a failure shows its words."""
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
        **{"env": environment(), **options},
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def alternate(rounds: int, *actions: Callable[[], float]) -> list[list[float]]:
    """Take every action once a round, in turns, so that a slow moment hits all of them."""
    columns: list[list[float]] = [[] for _ in actions]
    for number in range(rounds):
        turn = list(zip(columns, actions, strict=True))
        for column, action in turn if number % 2 else reversed(turn):
            column.append(action())
    return columns


@contextmanager
def pinned(core: int | None) -> Iterator[None]:
    """What is started inside runs on one core; None leaves it free."""
    before = os.sched_getaffinity(0)
    if core is not None:
        ranked = sorted(before)
        os.sched_setaffinity(0, {ranked[core % len(ranked)]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@cache
def _compile(name: str, target: str, *flags: str) -> Path:
    needs("ziglang")
    source, made = GUESTS / f"{name}.c", BUILT / target
    if made.exists() and made.stat().st_mtime > source.stat().st_mtime:
        return made
    compiler = [sys.executable, "-m", "ziglang", "cc"]
    subprocess.run([*compiler, *_FLAGS, *flags, str(source), "-o", str(made)], check=True)
    return made
