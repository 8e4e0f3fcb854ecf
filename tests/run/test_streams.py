"""Standard streams that are closed, full, broken, or not what they seem."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.run.conftest import Enarx, Wasm

from itertools import count

ENDING = "(if (local.get $e) (then (call $proc_exit (local.get $e))))"
# Says hello until that fails, then ends with the errno.
CHATTER = f"""(func (export "_start") (local $e i32) (loop $more
  (local.set $e (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 20)))
  {ENDING} (br $more)))"""
# Copies standard input to standard output.
COPY = f"""(data (i32.const 32) "\\00\\01\\00\\00\\00\\10\\00\\00")
(func (export "_start") (local $e i32) (loop $more
  (i32.store (i32.const 36) (i32.const 4096))
  (local.set $e (call $fd_read (i32.const 0) (i32.const 32) (i32.const 1) (i32.const 36))) {ENDING}
  (if (i32.eqz (i32.load (i32.const 36))) (then (return)))
  (local.set $e (call $fd_write (i32.const 1) (i32.const 32) (i32.const 1) (i32.const 64))) {ENDING}
  (br $more)))"""
NOSPC = 51


def shell(environment: dict[str, str], folder: Path, command: str) -> tuple[int, bytes, str]:
    """Run a shell command in which ``$ENARX`` is the program: status, stdout, stderr."""
    import sys

    enarx = Path(sys.executable).with_name("enarx")
    done = subprocess.run(
        ["/bin/bash", "-c", command],
        env=environment | {"ENARX": str(enarx)},
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=30,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr.decode()


def test_a_reader_that_goes_away(
    environment: dict[str, str], program: Wasm, tmp_path: Path
) -> None:
    """`enarx run … | head -1`: status 141 as of SIGPIPE, one line on stderr."""
    program(CHATTER)
    status, out, err = shell(
        environment, tmp_path, '"$ENARX" run app.wasm | head -1; exit ${PIPESTATUS[0]}'
    )
    assert (status, out) == (141, b"hello\n")
    assert err == "enarx: error: app.wasm: stdout: broken pipe, its reader has gone away\n"


def test_a_program_that_survives_a_broken_pipe(
    environment: dict[str, str], program: Wasm, tmp_path: Path
) -> None:
    """One that ends well although its reader went away ended well."""
    program(
        '(func (export "_start") (loop (br_if 0 (i32.eqz (call $fd_write (i32.const 1)'
        " (i32.const 0) (i32.const 1) (i32.const 20))))))"
    )
    status, _, err = shell(
        environment, tmp_path, '"$ENARX" run app.wasm | head -1; exit ${PIPESTATUS[0]}'
    )
    assert (status, err) == (0, "")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"])
def test_streams_that_are_closed(
    environment: dict[str, str], program: Wasm, tmp_path: Path, closed: str
) -> None:
    """A closed stream is an empty one: nothing to read, and output that nobody sees."""
    program(f'{COPY} (func $also (export "also") (call $hello))')
    status, out, err = shell(environment, tmp_path, f'"$ENARX" run app.wasm {closed}')
    assert (status, out, err) == (0, b"", "")


def test_an_error_with_streams_closed(
    environment: dict[str, str], program: Wasm, tmp_path: Path
) -> None:
    """The status says it where stderr cannot."""
    program('(func (export "_start") unreachable)')
    assert shell(environment, tmp_path, '"$ENARX" run app.wasm <&- 2>&-')[0] == 134


def test_a_full_disk(environment: dict[str, str], program: Wasm, tmp_path: Path) -> None:
    """The program gets NOSPC and decides."""
    program(CHATTER)
    assert shell(environment, tmp_path, '"$ENARX" run app.wasm >/dev/full')[0] == NOSPC


def test_output_that_is_only_readable(
    environment: dict[str, str], program: Wasm, tmp_path: Path
) -> None:
    """The program gets BADF."""
    program(CHATTER)
    assert shell(environment, tmp_path, '"$ENARX" run app.wasm 1</dev/null')[0] == 8


def test_two_megabytes_through(enarx: Enarx, program: Wasm) -> None:
    """Enarx 0.7's echo: what goes in comes out."""
    program(COPY)
    data = b"".join(hashlib.sha256(b"%d" % k).digest() for k, _ in zip(count(), range(1 << 16)))
    ended = enarx("run", "app.wasm", stdin=data)
    assert ended.status == 0, ended.err
    assert ended.out == data


def test_help_that_nobody_reads(environment: dict[str, str], tmp_path: Path) -> None:
    """The command line's own output may break its pipe too."""
    status, _, err = shell(environment, tmp_path, '"$ENARX" --help | true; exit ${PIPESTATUS[0]}')
    assert status in {0, 141}
    assert "Traceback" not in err


def test_no_command_shows_help(enarx: Enarx) -> None:
    """Status 2 and the commands there are, on stderr."""
    ended = enarx()
    assert (ended.status, ended.out) == (2, b"")
    assert "Run an application in a keep" in ended.err
    assert os.linesep + "enarx: error" not in ended.err
