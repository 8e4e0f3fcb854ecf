"""What a program finds: arguments, environment, descriptors in the order of the configuration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.run.conftest import Enarx, Wasm

STREAMS = "".join(f'[[files]]\nkind = "{k}"\n' for k in ("stdin", "stdout", "stderr"))
LISTEN = '[[files]]\nkind = "listen"\nname = "{}"\nprot = "tcp"\naddr = "127.0.0.1"\nport = 0\n'
# Writes its arguments, then its environment, each string with its terminator.
TELL = """(module
 (import "wasi_snapshot_preview1" "environ_sizes_get" (func $es (param i32 i32) (result i32)))
 (import "wasi_snapshot_preview1" "environ_get" (func $eg (param i32 i32) (result i32)))
 (import "wasi_snapshot_preview1" "args_sizes_get" (func $as (param i32 i32) (result i32)))
 (import "wasi_snapshot_preview1" "args_get" (func $ag (param i32 i32) (result i32)))
 (import "wasi_snapshot_preview1" "fd_write" (func $w (param i32 i32 i32 i32) (result i32)))
 (memory (export "memory") 8)
 (func $write (i32.store (i32.const 20) (i32.load (i32.const 4)))
  (drop (call $w (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 24))))
 (func (export "_start") (i32.store (i32.const 16) (i32.const 65536))
  (drop (call $as (i32.const 0) (i32.const 4))) (drop (call $ag (i32.const 256) (i32.const 65536)))
  (call $write)
  (drop (call $es (i32.const 0) (i32.const 4))) (drop (call $eg (i32.const 256) (i32.const 65536)))
  (call $write)))"""
# Ends with 1 for a folder, 2 for another open descriptor, 3 for none.
WHAT_IS = """(module
 (import "wasi_snapshot_preview1" "fd_prestat_get" (func $get (param i32 i32) (result i32)))
 (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
 (memory (export "memory") 1)
 (func (export "_start")
  (if (call $get (i32.const {fd}) (i32.const 64)) (then (call $exit (i32.const 3))))
  (if (i32.load8_u (i32.const 64)) (then (call $exit (i32.const 2))))
  (call $exit (i32.const 1))))"""
FOLDER, OTHER, CLOSED = 1, 2, 3


def told(out: bytes) -> list[bytes]:
    """The strings that TELL wrote."""
    assert out.endswith(b"\0")
    return out[:-1].split(b"\0")


def test_without_a_configuration(enarx: Enarx, wasm: Wasm) -> None:
    """argv[0] is main.wasm, and the three streams are announced, as in 0.7."""
    wasm(TELL)
    assert told(enarx("run", "app.wasm", "one", "", "two words").out) == [
        *(b"main.wasm", b"one", b"", b"two words"),
        *(b"FD_COUNT=3", b"FD_NAMES=stdin:stdout:stderr"),
    ]


def test_secrets_are_what_the_configuration_makes_of_them(
    enarx: Enarx, wasm: Wasm, tmp_path: Path
) -> None:
    """A variable after all others, and no program without one that it needs."""
    wasm(TELL)
    (tmp_path / "c.toml").write_text(f'{STREAMS}[env]\nA = "1"\n[secrets.token]\nenv = "T"\n')
    (tmp_path / "token").write_bytes(b"word")
    words = ("run", "--wasmcfgfile", "c.toml")
    done = enarx(*words, "--secret", "token=token", "--env", "B=2", "app.wasm")
    assert told(done.out)[-3:] == [b"A=1", b"B=2", b"T=word"]
    enarx(*words, "app.wasm").refuses(
        4, "error: c.toml: secrets.token: the owner gave none", "hint: give it: --secret token=FILE"
    )
    (tmp_path / "token").write_bytes(b"word\0")
    enarx(*words, "--secret", "token=token", "app.wasm").refuses(
        4, "error: c.toml: secrets.token: got a NUL, which no variable can have"
    )
    enarx(*words, "--secret", "token", "app.wasm").refuses(4, "error: --secret: want NAME=FILE")


def test_a_secret_of_the_steward_is_not_given_to_a_process(
    enarx: Enarx, wasm: Wasm, tmp_path: Path
) -> None:
    """Which has no evidence; one that may be missing is missing."""
    wasm(TELL)
    text = f'steward = "https://a.example"\n{STREAMS}[secrets.t]\nenv = "T"\nfrom = "steward"\n'
    (tmp_path / "c.toml").write_text(text)
    done = enarx("run", "--wasmcfgfile", "c.toml", "app.wasm")
    assert (done.status, done.out) == (4, b"")
    assert "enarx: error: c.toml: secrets.t: the steward gave none" in done.err
    (tmp_path / "c.toml").write_text(f"{text}optional = true\n")
    done = enarx("run", "--wasmcfgfile", "c.toml", "app.wasm")
    assert (done.status, told(done.out)[-1][:8]) == (0, b"FD_NAMES")


def test_with_a_configuration(enarx: Enarx, wasm: Wasm, tmp_path: Path) -> None:
    """Its arguments come first, its variables after FD_…, the command line's after both."""
    wasm(TELL)
    (tmp_path / "c.toml").write_text(
        'args = ["x"]\nenv = { A = "1", FD_COUNT = "7" }\n'
        f'[[files]]\nkind = "null"\n{STREAMS}{LISTEN.format("web")}'
    )
    words = ("--wasmcfgfile", "c.toml", "--env", "Z=last", "app.wasm", "q")
    # descriptor 1 is standard input here: nothing can be written to it
    assert enarx("run", *words).out == b""
    text = (tmp_path / "c.toml").read_text().replace('[[files]]\nkind = "stdin"\n', "")
    (tmp_path / "c.toml").write_text(text)
    assert told(enarx("run", *words).out) == [
        *(b"main.wasm", b"x", b"q", b"FD_COUNT=4", b"FD_NAMES=null:stdout:stderr:web"),
        *(b"A=1", b"FD_COUNT=7", b"Z=last"),
    ]


def test_nothing_of_the_hosts_environment(enarx: Enarx, wasm: Wasm) -> None:
    """No variable of the shell's is seen; with --no-fd-variables none at all."""
    wasm(TELL)
    out = enarx("run", "--no-fd-variables", "app.wasm", TOLD_TO_NOBODY="x").out
    assert out == b"main.wasm\0"


def test_bytes_that_are_not_utf_8(enarx: Enarx, wasm: Wasm) -> None:
    """Arguments and variables of the command line reach the program as they are."""
    wasm(TELL)
    out = enarx("run", "--no-fd-variables", "--env", b"V=\xfe", "app.wasm", b"\xff").out
    assert told(out) == [b"main.wasm", b"\xff", b"V=\xfe"]


@pytest.mark.parametrize(
    ("fd", "what"), [(2, OTHER), (3, OTHER), (4, OTHER), (5, FOLDER), (6, CLOSED)]
)
def test_folders_come_after_the_files(
    enarx: Enarx, wasm: Wasm, tmp_path: Path, fd: int, what: int
) -> None:
    """Five files, then the one mounted folder; sockets do not end the search for it."""
    wasm(WHAT_IS.format(fd=fd))
    (tmp_path / "c.toml").write_text(f"{STREAMS}{LISTEN.format('a')}{LISTEN.format('b')}")
    ended = enarx("run", "--wasmcfgfile", "c.toml", "--mount", f"{tmp_path}:/data", "app.wasm")
    assert ended.status == what, ended.err


@pytest.mark.parametrize(("fd", "what"), [(0, OTHER), (2, OTHER), (3, FOLDER), (4, CLOSED)])
def test_fewer_than_three_files(
    enarx: Enarx, wasm: Wasm, tmp_path: Path, fd: int, what: int
) -> None:
    """0 to 2 are open all the same, and folders begin at 3."""
    wasm(WHAT_IS.format(fd=fd))
    (tmp_path / "c.toml").write_text('[[files]]\nkind = "stdin"\n')
    ended = enarx("run", "--wasmcfgfile", "c.toml", "--mount", f"{tmp_path}:/data", "app.wasm")
    assert ended.status == what, ended.err


def test_a_package_in_every_form(enarx: Enarx, wasm: Wasm, tmp_path: Path) -> None:
    """A folder, its archive, and its archive unpacked run the same."""
    wasm(TELL, "folder/main.wasm")
    (tmp_path / "folder" / "Enarx.toml").write_text(f'args = ["x"]\n{STREAMS}')
    (tmp_path / "folder" / "data.txt").write_text("data")
    assert enarx("package", "build", "folder", "-o", "a.tar").status == 0
    assert enarx("package", "unpack", "a.tar", "-o", "again").status == 0
    outputs = [enarx("run", form, "y").out for form in ("folder", "a.tar", "again")]
    assert told(outputs[0])[:3] == [b"main.wasm", b"x", b"y"]
    assert outputs[0] == outputs[1] == outputs[2]
