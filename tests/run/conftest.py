"""``enarx run`` as a process, and programs written as WebAssembly text."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import wasmtime

ENARX = Path(sys.executable).with_name("enarx")
PATIENCE_S = 30.0
WASI = {
    "fd_prestat_get": "i32 i32",
    "fd_read": "i32 i32 i32 i32",
    "fd_write": "i32 i32 i32 i32",
    "proc_exit": "i32",
}

HELLO = """
  (data (i32.const 0) "\\08\\00\\00\\00\\06\\00\\00\\00hello\\n")
  (func $hello (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 20))))"""


def text_of(body: str) -> str:
    """A module with *body*, which may call the functions in ``WASI``, and one page of memory.

    ``$hello`` says hello.
    """
    imports = "".join(
        f'(import "wasi_snapshot_preview1" "{name}" (func ${name} (param {params})'
        f"{'' if name == 'proc_exit' else ' (result i32)'}))"
        for name, params in WASI.items()
    )
    return f'(module {imports} (memory (export "memory") 1) {HELLO} {body})'


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended."""

    status: int
    out: bytes
    err: str

    def refuses(self, status: int, *lines: str) -> None:
        """Nothing on stdout, *status*, and on stderr what ``says`` demands."""
        assert (self.status, self.out) == (status, b""), self.err
        self.says(*lines)

    def says(self, *lines: str) -> None:
        """On stderr *lines*, patterns after "enarx: "; further hints may follow, nothing else."""
        got = self.err.splitlines()
        assert len(got) >= len(lines), self.err
        for line, pattern in zip(got, [*lines, *["hint: .*"] * len(got)], strict=False):
            assert re.fullmatch(f"enarx: {pattern}", line), line
        assert lines or not got, self.err


Enarx = Callable[..., Ended]
Wasm = Callable[..., Path]
Start = Callable[..., "Running"]


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """This environment without ENARX_…, with a cache that the tests of a session share."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ENARX_")}
    return kept | {"XDG_CACHE_HOME": str(tmp_path_factory.mktemp("cache"))}


@pytest.fixture
def enarx(environment: dict[str, str], tmp_path: Path) -> Enarx:
    """``enarx`` to its end: ``enarx("run", "app.wasm", stdin=b"…")``, in the test's folder."""

    def enarx(*words: str | bytes | Path, stdin: bytes = b"", **more: str) -> Ended:
        done = subprocess.run(
            [ENARX, *words],
            input=stdin,
            capture_output=True,
            env=environment | more,
            cwd=tmp_path,
            timeout=PATIENCE_S,
            check=False,
        )
        return Ended(status=done.returncode, out=done.stdout, err=done.stderr.decode())

    return enarx


@pytest.fixture
def wasm(tmp_path: Path) -> Wasm:
    """Make a file of bytes, or of WebAssembly text: ``wasm("(module)", "app.wasm")``."""

    def wasm(text: str | bytes, name: str = "app.wasm") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(wasmtime.wat2wasm(text)) if isinstance(text, str) else text)
        return path

    return wasm


@pytest.fixture
def program(wasm: Wasm) -> Wasm:
    """Make a program of functions that may call WASI: ``program('(func (export "_start"))')``."""
    return lambda body, name="app.wasm": wasm(text_of(body), name)


@pytest.fixture
def hello(program: Wasm) -> Path:
    """A program that says hello."""
    return program('(func (export "_start") call $hello)', "hello.wasm")


@pytest.fixture
def endless(program: Wasm) -> Path:
    """A program that says hello and then never ends."""
    return program('(func (export "_start") call $hello (loop br 0))', "endless.wasm")


class Running:
    """A running ``enarx run`` whose program has said hello."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        (self.zygote,) = children(process.pid)
        (self.keep,) = children(self.zygote)

    def end(self) -> Ended:
        """Wait for the end."""
        out, err = self.process.communicate(timeout=PATIENCE_S)
        return Ended(status=self.process.returncode, out=out, err=err.decode())

    def gone(self) -> bool:
        """Whether zygote and keep end within the test's patience."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            if not any(alive(pid) for pid in (self.zygote, self.keep)):
                return True
            os.sched_yield()
        return False


def children(pid: int) -> list[int]:
    """Processes that *pid* started."""
    return [int(c) for c in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pid: int) -> bool:
    """Whether a process is there and not only waiting to be buried."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def start(environment: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    """Start ``enarx run`` of a program that says hello, and wait until it has."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*words: str | Path) -> Running:
        process = subprocess.Popen(
            [ENARX, "run", *words],
            env=environment,
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.read(6) == b"hello\n", process.communicate()
        return Running(process)

    yield start
    for process in started:
        process.kill()
        process.communicate()
