"""How a program ends, and what the shell is told: exit, trap, limit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.run.conftest import Enarx, Wasm

STREAMS = "".join(f'[[files]]\nkind = "{k}"\n' for k in ("stdin", "stdout", "stderr"))
GAVE_UP = "hint: the program gave up .*"

GROWING = """(module (memory (export "memory") 1) (func (export "_start")
  (loop (br_if 0 (i32.ge_s (memory.grow (i32.const 1)) (i32.const 0)))) unreachable))"""

TRAPS = {
    "unreachable": ("unreachable", "wasm `unreachable` instruction executed", (GAVE_UP,)),
    "division by zero": (
        "(drop (i32.div_u (i32.const 1) (i32.const 0)))",
        "integer divide by zero",
        (),
    ),
    "overflow": (
        "(drop (i32.div_s (i32.const 0x80000000) (i32.const -1)))",
        "integer overflow",
        (),
    ),
    "conversion": (
        "(drop (i32.trunc_f32_s (f32.const nan)))",
        "invalid conversion to integer",
        (),
    ),
    "memory": (
        "(drop (i32.load (i32.const 65533)))",
        "out of bounds memory access",
        (),
    ),
    "table": (
        "(call_indirect (i32.const 9))",
        "undefined element: out of bounds table access",
        (),
    ),
}


@pytest.mark.parametrize("code", [0, 1, 2, 77, 124, 134, 255])
def test_an_exit_status_is_the_programs(enarx: Enarx, program: Wasm, code: int) -> None:
    """0 to 255 are passed on, silently, also from far inside the program."""
    program(
        f"(func $exit (call $proc_exit (i32.const {code})))"
        '(func $deep (call $exit) unreachable) (func (export "_start") (call $deep))'
    )
    enarx("run", "app.wasm").refuses(code)


@pytest.mark.parametrize("code", [256, 0xFFFF_FFFF])
def test_a_status_that_no_shell_can_show(enarx: Enarx, program: Wasm, code: int) -> None:
    """Larger ones become 1 and are told, as in Enarx 0.7."""
    program(f'(func (export "_start") (call $proc_exit (i32.const {code})))')
    enarx("run", "app.wasm").refuses(1, f"error: app.wasm: exited with {code}, .*")


@pytest.mark.parametrize("name", ["_start", ""])
def test_what_the_entry_returns_is_ignored(enarx: Enarx, wasm: Wasm, name: str) -> None:
    """Enarx 0.7's return_1: the value of the entry function is no exit status."""
    wasm(f'(module (func (export "{name}") (result i32 i64) (i32.const 1) (i64.const 2)))')
    enarx("run", "app.wasm").refuses(0)


@pytest.mark.parametrize("name", sorted(TRAPS))
def test_a_trap_is_told_with_its_place(enarx: Enarx, program: Wasm, name: str) -> None:
    """Status 134, what happened, and the functions it happened in."""
    body, message, hints = TRAPS[name]
    program(f'(table 1 funcref) (func $deep {body}) (func (export "_start") (call $deep))')
    ended = enarx("run", "app.wasm")
    assert ended.status == 134
    lines = ended.err.splitlines()
    assert lines[0] == f"enarx: error: app.wasm: trapped: {message}"
    assert len(lines) == 3 + len(hints)
    assert "at deep+0x" in lines[-2]


def test_names_cannot_forge_messages(enarx: Enarx, program: Wasm) -> None:
    """A function's name is the program's: it starts no line and moves no cursor."""
    program('(func $"f\\nenarx: error: x\\1b[2J" (export "_start") unreachable)')
    ended = enarx("run", "app.wasm")
    assert ended.status == 134
    assert len(ended.err.splitlines()) == 3, ended.err
    assert "\x1b" not in ended.err


def test_a_stack_overflow_is_short(enarx: Enarx, program: Wasm) -> None:
    """Endless recursion is one trap, with the recursion counted and not listed."""
    program('(func $f (export "_start") (call $f))')
    ended = enarx("run", "app.wasm")
    assert ended.status == 134
    assert "call stack exhausted" in ended.err
    assert "hint: endless recursion" in ended.err
    assert len(ended.err.splitlines()) <= 5, ended.err


def test_deep_recursion_ends(enarx: Enarx, program: Wasm) -> None:
    """Fifty thousand calls fit, as they would in a native program."""
    program(
        "(func $f (param i32) (result i32) (if (result i32) (local.get 0)"
        " (then (i32.add (i32.const 1) (call $f (i32.sub (local.get 0) (i32.const 1)))))"
        " (else (i32.const 0))))"
        '(func (export "_start")'
        " (if (i32.ne (call $f (i32.const 50000)) (i32.const 50000)) (then unreachable)))"
    )
    ended = enarx("run", "app.wasm")
    assert (ended.status, ended.err) == (0, "")


def test_a_start_section_may_call_wasi(enarx: Enarx, program: Wasm) -> None:
    """Its pointers mean the memory that the module will export; then comes the entry."""
    program('(start $hello) (func (export "_start") (call $hello))')
    ended = enarx("run", "app.wasm")
    assert (ended.status, ended.out) == (0, b"hello\nhello\n"), ended.err


def test_a_start_section_may_end_the_program(enarx: Enarx, program: Wasm) -> None:
    """Exit and trap before the entry are what they are after it."""
    program('(func $s (call $proc_exit (i32.const 9))) (start $s) (func (export "_start"))')
    enarx("run", "app.wasm").refuses(9)
    program('(func $s unreachable) (start $s) (func (export "_start"))')
    assert enarx("run", "app.wasm").status == 134


def test_a_program_without_memory_gets_efault(enarx: Enarx, wasm: Wasm) -> None:
    """Its pointers point nowhere; that is its own mistake and not the keep's."""
    wasm(
        '(module (import "wasi_snapshot_preview1" "random_get" (func $r (param i32 i32)'
        ' (result i32))) (import "wasi_snapshot_preview1" "proc_exit" (func $x (param i32)))'
        ' (func (export "_start") (call $x (call $r (i32.const 0) (i32.const 8)))))'
    )
    enarx("run", "app.wasm").refuses(21)


LIMITS = {
    "memory at the start": (
        "memory = '64KiB'",
        '(module (memory (export "memory") 2) (func (export "_start")))',
        "memory limit of 65536 bytes reached",
    ),
    "memory later": (
        "memory = '1MiB'",
        GROWING,
        "memory limit of 1048576 bytes reached",
    ),
    "a second memory": (
        "memory = '1MiB'",
        '(module (memory 10) (memory 10) (func (export "_start")))',
        "memory limit of 1048576 bytes reached",
    ),
    "a table": (
        "memory = '1MiB'",
        '(module (table 10000000 funcref) (func (export "_start")))',
        "memory limit of 1048576 bytes reached",
    ),
    "fuel": ("fuel = 1000", "loop", "fuel limit of 1000 reached"),
    "time": ("wall_time = 0.2", "loop", "time limit of 0.2 s reached"),
}


@pytest.mark.parametrize("name", sorted(LIMITS))
def test_a_limit(enarx: Enarx, wasm: Wasm, tmp_path: Path, name: str) -> None:
    """Status 124 as of timeout(1), which limit, how much, and where to raise it."""
    limit, module, message = LIMITS[name]
    if module == "loop":
        module = '(module (func (export "_start") (loop (br 0))))'
    wasm(module)
    (tmp_path / "limited.toml").write_text(f"{STREAMS}[limits]\n{limit}\n")
    key = limit.split()[0]
    enarx("run", "--wasmcfgfile", "limited.toml", "app.wasm").refuses(
        124, f"error: app.wasm: {message}", rf"hint: raise {key} in \[limits\] of Enarx.toml, .*"
    )


def test_a_refused_growth_that_is_survived(enarx: Enarx, wasm: Wasm, tmp_path: Path) -> None:
    """A program that gets -1 from memory.grow and goes on has hit no limit."""
    wasm(
        '(module (memory (export "memory") 1) (func (export "_start")'
        " (drop (memory.grow (i32.const 1000)))))"
    )
    (tmp_path / "limited.toml").write_text(f"{STREAMS}[limits]\nmemory = '1MiB'\n")
    enarx("run", "--wasmcfgfile", "limited.toml", "app.wasm").refuses(0)


def test_limits_that_are_not_reached(enarx: Enarx, hello: Path, tmp_path: Path) -> None:
    """All limits together do not disturb a program that stays inside them."""
    (tmp_path / "limited.toml").write_text(
        f"{STREAMS}[limits]\nmemory = '1MiB'\nfuel = 100000\nwall_time = '1m'\nopen_files = 3\n"
    )
    ended = enarx("run", "--wasmcfgfile", "limited.toml", hello)
    assert (ended.status, ended.out, ended.err) == (0, b"hello\n", "")
