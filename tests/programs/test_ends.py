"""Every way in which a run can end, or not begin: the exit code, and one clear line."""

from __future__ import annotations

import signal
import socket
import subprocess
from pathlib import Path

import pytest
import wasmtime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tests.programs.conftest import Run, Start

START = '(memory (export "memory") 1) (func (export "_start")'
LOOP = f"(module {START} (loop br 0)))"
TRAP = f"(module {START} unreachable))"
NOTHING = f"(module {START}))"
GROW = f"""(module {START}
  (if (i32.eq (memory.grow (i32.const 1000)) (i32.const -1)) (then unreachable))))"""
# takes one connection, then waits for another
ACCEPT = """(module
  (import "wasi_snapshot_preview1" "sock_accept" (func $accept (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
  (memory (export "memory") 1)
  (func $take (drop (call $accept (i32.const 3) (i32.const 0) (i32.const 0))))
  (func (export "_start")
    (call $take) (drop (call $close (i32.load (i32.const 0)))) (call $take)))"""
# writes "yes\\n" to descriptor 1 until that fails, then traps
YES = """(module
  (import "wasi_snapshot_preview1" "fd_write" (func $w (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\\08\\00\\00\\00\\04\\00\\00\\00yes\\n")
  (func (export "_start")
    (loop (br_if 0 (i32.eqz (call $w (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 64)))))
    unreachable))"""


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """Where a test puts its program."""
    return tmp_path / "app.wasm"


def make(app: Path, text: str) -> Path:
    """Write the program *text* to *app*."""
    app.write_bytes(wasmtime.wat2wasm(text))
    return app


def config(app: Path, text: str) -> tuple[str, Path]:
    """The words that run *app* with the Enarx.toml *text*."""
    path = app.with_name("Enarx.toml")
    path.write_text(text)
    return "--wasmcfgfile", path


def said(done: subprocess.CompletedProcess[bytes]) -> list[str]:
    """The lines of standard error, after checking that each is one of enarx's."""
    lines = done.stderr.decode().splitlines()
    assert all(line.startswith("enarx:") for line in lines)
    return lines


@pytest.mark.parametrize(
    ("program", "line", "hint"),
    [
        (b"hello\n", "not WebAssembly (starts with 68656c6c, want 0061736d)", ""),
        (b"", "not WebAssembly", ""),
        (b"\0asm\1\0\0\0\1", "the module is truncated", "copy or build the file again"),
        ("(module)", "exports no _start function to run", "build an executable"),
        (
            '(module (import "env" "f" (func)) (func (export "_start")))',
            "imports what the keep does not provide: env.f",
            "build for wasm32-wasip1",
        ),
        (
            '(module (memory (export "memory") 1 1 shared) (func (export "_start")))',
            "needs a feature that keeps do not have: threads (shared memory)",
            "without",
        ),
    ],
)
def test_what_is_no_program_is_refused(
    program: str | bytes, line: str, hint: str, app: Path, run: Run
) -> None:
    """A file that is not a program for a keep: exit code 1, what is wrong, what to do."""
    app.write_bytes(program if isinstance(program, bytes) else wasmtime.wat2wasm(program))
    done = run(app)
    first, *rest = said(done)
    assert done.returncode == 1
    assert first.startswith(f"enarx: error: {app}: {line}")
    assert hint in " ".join(rest)


@pytest.mark.parametrize(
    ("text", "line", "hint"),
    [
        ("fils = []", "fils: unknown key", "did you mean 'files'?"),
        ("args = 1", "args: got the integer 1, want an array", ""),
        ("args = [", "", ""),
    ],
)
def test_a_wrong_configuration_is_refused(
    text: str, line: str, hint: str, app: Path, run: Run
) -> None:
    """Exit code 4; the file, the key, and the nearest known one."""
    done = run(*config(app, text), make(app, NOTHING))
    first, *rest = said(done)
    assert done.returncode == 4
    assert first.startswith(f"enarx: error: {app.with_name('Enarx.toml')}: {line}")
    assert hint in " ".join(rest)


@pytest.mark.parametrize(
    "words", [("--mount", "/nonexistent:/x"), ("--mount", ".:../x"), ("--env", "X")]
)
def test_a_wrong_flag_is_refused(words: tuple[str, str], app: Path, run: Run) -> None:
    """Exit code 4, and the flag that is wrong."""
    done = run(*words, make(app, NOTHING))
    assert done.returncode == 4
    assert said(done)[0].startswith(f"enarx: error: {words[0]}: ")


def test_a_port_in_use_is_unavailable(app: Path, run: Run) -> None:
    """Exit code 3, with the address and the reason."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        listen = f'[[files]]\nkind = "listen"\nname = "web"\naddr = "127.0.0.1"\nport = {port}\n'
        done = run(*config(app, listen), make(app, NOTHING))
    assert done.returncode == 3
    assert f"cannot listen on 127.0.0.1:{port}: address already in use" in said(done)[0]


def test_an_unreachable_host_is_unavailable(app: Path, run: Run) -> None:
    """Exit code 3, with the address and the reason."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    connect = f'[[files]]\nkind = "connect"\nprot = "tcp"\nhost = "127.0.0.1"\nport = {port}\n'
    done = run(*config(app, connect), make(app, NOTHING))
    assert done.returncode == 3
    assert f"cannot connect to 127.0.0.1:{port}: connection refused" in said(done)[0]


@pytest.mark.parametrize(
    ("limit", "program", "line"),
    [
        ('wall_time = "200ms"', LOOP, "time limit of 0.2 s reached"),
        ("fuel = 100_000", LOOP, "fuel limit of 100000 reached"),
        ('memory = "1MiB"', GROW, "memory limit of 1048576 bytes reached"),
    ],
)
def test_a_limit_ends_the_keep(limit: str, program: str, line: str, app: Path, run: Run) -> None:
    """Exit code 124, and which limit it was."""
    done = run(*config(app, f"[limits]\n{limit}\n"), make(app, program))
    assert done.returncode == 124
    assert said(done)[0] == f"enarx: error: {app}: {line}"


def test_a_trap_is_told_from_an_exit(app: Path, run: Run) -> None:
    """Exit code 134, and what trapped."""
    done = run(make(app, TRAP))
    assert done.returncode == 134
    assert "trapped: wasm `unreachable` instruction executed" in said(done)[0]


def test_a_lost_reader_is_a_broken_pipe(app: Path, start: Start) -> None:
    """Exit code 141 when the program fails after its output lost its reader."""
    server = start(make(app, YES))
    assert server.process.stdout is not None
    assert server.process.stdout.read(4) == b"yes\n"
    server.process.stdout.close()
    assert server.process.stderr is not None
    err = server.process.stderr.read()
    assert server.process.wait(30) == 141
    assert b"stdout: broken pipe, its reader has gone away" in err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_keep(number: signal.Signals, app: Path, start: Start) -> None:
    """Exit code 128 + n, at most one line, and nothing listens any more."""
    server = start(make(app, ACCEPT))
    assert server.ask(b"") == b""  # it runs: it took this connection and closed it
    server.process.send_signal(number)
    code, out, err = server.finish()
    assert code == 128 + number
    assert out == b""
    assert len(err.splitlines()) <= 1
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port))
