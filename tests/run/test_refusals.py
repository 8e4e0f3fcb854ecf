"""Packages that cannot run: one line says what is wrong, hints say what to do."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.run.conftest import Enarx, Wasm

START = '(func (export "_start"))'
IMPORTS = "".join(f'(import "env" "{name}" (func))' for name in range(9))
COMPONENT = """(component
  (core module $m (func (export "f"))) (core instance $i (instantiate $m))
  (func $f (canon lift (core func $i "f"))) (export "f" (func $f)))"""
OTHER_TYPE = (
    r"app.wasm: imports wasi_snapshot_preview1.fd_close with a type that it does not have: "
    r"the module wants \(func \(param i64\)\), got \(func \(param i32\) \(result i32\)\)"
)
NO_FEATURE = "app.wasm: needs a feature that keeps do not have: "
# A function with a legacy try block; no assembler writes it any more.
LEGACY = bytes.fromhex(
    "0061736d01000000 0104016000 00 03020100 070a01065f7374617274 0000 0a08010600 0640190b0b"
)

REFUSED = {
    "no entry": (
        "(module)",
        r"app.wasm: exports no _start function to run \(functions exported: none\)",
    ),
    "a library": (
        '(module (func (export "_initialize")) (func (export "f")))',
        r"app.wasm: exports no _start function to run \(functions exported: _initialize, f\)",
    ),
    "an entry with parameters": (
        '(module (func (export "_start") (param i32)))',
        "app.wasm: its entry function _start takes 1 parameters.*",
    ),
    "a foreign import": (
        f'(module (import "env" "f" (func)) {START})',
        "app.wasm: imports what the keep does not provide: env.f.*",
    ),
    "many foreign imports": (
        f"(module {IMPORTS} {START})",
        r"app.wasm: imports what the keep does not provide: env.0.*, env.4.* and 4 more",
    ),
    "a function of another type": (
        f'(module (import "wasi_snapshot_preview1" "fd_close" (func (param i64))) {START})',
        OTHER_TYPE,
    ),
    "a memory from outside": (
        f'(module (import "env" "memory" (memory 1)) {START})',
        "app.wasm: imports what the keep does not provide: env.memory.*",
    ),
    "a global by the name of a function": (
        f'(module (import "wasi_snapshot_preview1" "fd_close" (global i32)) {START})',
        "app.wasm: imports what the keep does not provide: wasi_snapshot_preview1.fd_close.*",
    ),
    "64-bit addresses": (
        f'(module (memory (export "memory") i64 1) {START})',
        "app.wasm: its memory has 64-bit addresses, and WASI preview 1 has 32-bit pointers",
    ),
    "threads": (f"(module (memory 1 1 shared) {START})", rf"{NO_FEATURE}threads.*"),
    "threads from outside": (
        f'(module (import "env" "memory" (memory 1 1 shared)) {START})',
        "app.wasm: imports what the keep does not provide: env.memory.*",
    ),
    "stack switching": (
        f"(module (type $f (func)) (type $c (cont $f)) {START})",
        rf"{NO_FEATURE}stack switching.*",
    ),
    "legacy exceptions": (LEGACY, rf"{NO_FEATURE}legacy exception handling.*"),
    "custom page sizes": (
        f"(module (memory 1 (pagesize 1)) {START})",
        rf"{NO_FEATURE}custom page sizes.*",
    ),
    "a component that is no command": (
        COMPONENT,
        r"app.wasm: is a component that exports neither wasi:cli/run@0.2 nor .*@0.2 \(exports: f\)",
    ),
    "text": (b"(module)", r"app.wasm: not WebAssembly \(starts with 286d6f64, want 0061736d\)"),
    "garbage after the preamble": (
        b"\0asm\1\0\0\0" + b"\xff" * 64,
        r"app.wasm: not a valid WebAssembly module \(.*\)",
    ),
}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_a_module_that_cannot_run(enarx: Enarx, wasm: Wasm, name: str) -> None:
    """One error line with the reason, one hint, status 1."""
    module, error = REFUSED[name]
    wasm(module)
    enarx("run", "app.wasm").refuses(1, f"error: {error}", "hint: .*")


def test_a_module_cut_anywhere(enarx: Enarx, hello: Path) -> None:
    """Cut off at any of ten places, it is refused with one line that does not blame the keep."""
    whole = hello.read_bytes()
    for size in (0, 3, 4, 7, *range(9, len(whole), len(whole) // 6)):
        hello.write_bytes(whole[:size])
        ended = enarx("run", "hello.wasm")
        assert ended.status == 1, size
        assert ended.err.startswith("enarx: error: hello.wasm: "), ended.err
        assert "keep" not in ended.err, ended.err
        assert len(ended.err.splitlines()) <= 2, ended.err


def test_places_without_a_program(enarx: Enarx, tmp_path: Path) -> None:
    """Nothing there, an empty file, a device, an empty folder, a folder with several programs."""
    (tmp_path / "empty.wasm").touch()
    (tmp_path / "folder").mkdir()
    enarx("run", "nothing.wasm").refuses(4, "error: nothing.wasm: no such file or directory")
    enarx("run", "empty.wasm/").refuses(4, "error: empty.wasm/: no such file or directory")
    enarx("run", "empty.wasm").refuses(1, "error: empty.wasm: not WebAssembly: the file is empty")
    enarx("run", "/dev/zero").refuses(4, "error: /dev/zero: is not a file or directory")
    enarx("run", "folder").refuses(1, "error: folder: no program in this directory", "hint: .*")


def test_a_file_that_may_not_be_read(enarx: Enarx, hello: Path) -> None:
    """The system's reason is passed on."""
    hello.chmod(0)
    if os.access(hello, os.R_OK):
        pytest.skip("root reads everything")
    enarx("run", "hello.wasm").refuses(3, "error: hello.wasm: permission denied")


def test_a_program_out_of_a_pipe(enarx: Enarx, hello: Path, tmp_path: Path) -> None:
    """A named pipe is read to its end, as with a shell's <(…)."""
    os.mkfifo(tmp_path / "fifo")
    whole = hello.read_bytes()
    writer = threading.Thread(target=lambda: (tmp_path / "fifo").write_bytes(whole))
    writer.start()
    ended = enarx("run", "fifo")
    writer.join()
    assert (ended.status, ended.out) == (0, b"hello\n"), ended.err


def test_a_name_that_is_not_utf_8(enarx: Enarx, hello: Path) -> None:
    """Any name a file can have will do, for the program and its arguments."""
    name = hello.with_name(os.fsdecode(b"\xff\xfe.wasm"))
    hello.rename(name)
    ended = enarx("run", name, b"\xff")
    assert (ended.status, ended.out) == (0, b"hello\n"), ended.err


def test_the_error_names_the_file_in_a_folder(enarx: Enarx, wasm: Wasm) -> None:
    """A package's folder is named by the path the user gave."""
    wasm("(module)", "folder/main.wasm")
    enarx("run", "./folder").refuses(1, "error: ./folder.*: exports no _start .*", "hint: .*")
