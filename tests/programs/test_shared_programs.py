"""Programs that other compilers made, from the shared folder: C, C++, Rust, Zig, AssemblyScript.

``wc`` counts words of its input; ``srv`` answers two connections; ``sj`` needs exceptions.
"""

from __future__ import annotations

from pathlib import Path

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tests.programs.conftest import Run, Start

WC = (
    "as/wc.wasm",
    "c/wc-deb.wasm",
    "c/wc-p2.component.wasm",
    "c/wc.wasm",
    "cpp/wc-deb.wasm",
    "cpp/wc.wasm",
    "rust/wc-1.63.wasm",
    "rust/wc.wasm",
    "zig/wc.wasm",
)
SRV = {"as": b"AS", "c": b"C", "rust": b"RUST", "zig": b"ZIG"}


@pytest.mark.parametrize("program", WC)
def test_wc_counts_words(program: str, shared: Path, run: Run) -> None:
    """Arguments, a variable, input and output arrive: wc prints the expected bytes."""
    langs = shared / "langs"
    text = (langs / "in.txt").read_bytes()
    done = run("--env", "WC_TITLE=count", langs / program, "5", stdin=text)
    assert done.stderr == b""
    assert done.stdout == (langs / "expected.txt").read_bytes()
    assert done.returncode == 0


@pytest.mark.parametrize("program", WC)
def test_wc_refuses_empty_input(program: str, shared: Path, run: Run) -> None:
    """An exit code is passed on: wc ends with 2 on empty input, a component with 1."""
    done = run(shared / "langs" / program)
    assert done.stderr == b"wc: empty input\n"
    assert done.returncode == (1 if "component" in program else 2)


@pytest.mark.parametrize("language", SRV)
def test_srv_serves(language: str, shared: Path, start: Start) -> None:
    """A server finds its listening socket as descriptor 3, serves two clients, and ends."""
    server = start(shared / "langs" / language / "srv.wasm")
    answers = [server.ask(word + b"\n") for word in (b"hello", b"keep")]
    code, out, err = server.finish()
    assert err == b""
    assert code == 0
    assert [a.upper() for a in answers] == [SRV[language] + b" HELLO\n", SRV[language] + b" KEEP\n"]
    assert out.rstrip().endswith(b"done") or language == "zig"  # which prints nothing


def test_longjmp(shared: Path, run: Run) -> None:
    """A module with exceptions runs: setjmp and longjmp in C."""
    done = run(shared / "langs" / "c" / "sj.wasm")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"longjmp 4\n", b"")
