"""Commands assembled here: how they end, which imports are answered, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import wasmtime

from enarx.errors import MalformedError
from enarx.keep.component.command import run_command
from enarx.keep.component.host import INTERFACES, Host
from enarx.keep.component.resource import NAMES
from enarx.keep.engine.component import compile_component, load_component
from enarx.keep.engine.engine import Engine, Settings
from enarx.keep.engine.memory_limit import MemoryLimit
from enarx.keep.engine.trap import EngineError, Trap
from enarx.keep.system import System

Run = Callable[..., Any]
Command = Callable[..., bytes]

EXIT = {
    "interface": "wasi:cli/exit@0.2.3",
    "function": "exit",
    "signature": '(param "status" (result))',
}
# Two pollables by borrow, in one call: 0 if both are ready.
POLL_TWO = """
(component
  (import "wasi:io/poll@0.2.0" (instance $poll
    (export "pollable" (type $pollable (sub resource)))
    (export "poll" (func (param "in" (list (borrow $pollable))) (result (list u32))))))
  (alias export $poll "pollable" (type $pollable))
  (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
    (alias outer 1 $pollable (type $outer))
    (export "pollable" (type $ours (eq $outer)))
    (export "subscribe-duration" (func (param "when" u64) (result (own $ours))))))
  (core module $memory
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 1024))
  (core instance $m (instantiate $memory))
  (core func $poll_ (canon lower (func $poll "poll")
    (memory (core memory $m "memory")) (realloc (core func $m "realloc"))))
  (core func $subscribe_ (canon lower (func $clock "subscribe-duration")))
  (core module $program
    (import "m" "memory" (memory 1))
    (import "w" "poll" (func $poll (param i32 i32 i32)))
    (import "w" "subscribe" (func $subscribe (param i64) (result i32)))
    (func (export "run") (result i32)
      (i32.store (i32.const 0) (call $subscribe (i64.const 0)))
      (i32.store (i32.const 4) (call $subscribe (i64.const 0)))
      (call $poll (i32.const 0) (i32.const 2) (i32.const 16))
      (i32.ne (i32.load (i32.const 20)) (i32.const 2))))
  (core instance $i (instantiate $program
    (with "m" (instance $m))
    (with "w" (instance (export "poll" (func $poll_)) (export "subscribe" (func $subscribe_))))))
  (func $run (result (result)) (canon lift (core func $i "run")))
  (instance $exported (export "run" (func $run)))
  (export "wasi:cli/run@0.2.0" (instance $exported)))
"""
RANDOM = {"interface": "wasi:random/random@0.2.0", "function": "get-random-u64"}


@pytest.mark.parametrize(("body", "code"), [("i32.const 0", 0), ("i32.const 1", 1)])
def test_what_run_returns_is_the_exit_status(
    run: Run, command: Command, body: str, code: int
) -> None:
    """`ok` is 0 and `err` is 1."""
    assert run(command(body)).code == code


@pytest.mark.parametrize("status", [0, 1])
def test_exit_ends_the_program(run: Run, command: Command, status: int) -> None:
    """Nothing after `wasi:cli/exit` runs."""
    body = f"(call $f (i32.const {status})) unreachable"
    assert run(command(body, core_signature="(param i32)", **EXIT)).code == status


def test_exit_with_code_gives_the_code(run: Run, command: Command) -> None:
    """`exit-with-code` is not cut down to 0 and 1."""
    wasm = command(
        "(call $f (i32.const 42)) unreachable",
        interface="wasi:cli/exit@0.2.12",
        function="exit-with-code",
        signature='(param "status-code" u8)',
        core_signature="(param i32)",
    )
    assert run(wasm).code == 42


@pytest.mark.parametrize("version", ["0.2.0", "0.2.7", "0.2.999"])
def test_every_patch_version_is_answered(run: Run, command: Command, version: str) -> None:
    """Any 0.2.x is taken, for imports and for the entry."""
    wasm = command(
        "(i64.eqz (call $f))",
        interface=f"wasi:random/random@{version}",
        function="get-random-u64",
        signature="(result u64)",
        core_signature="(result i64)",
        entry=f"wasi:cli/run@{version}",
    )
    assert run(wasm).code == 0


@pytest.mark.parametrize(
    ("interface", "function", "named"),
    [
        ("wasi:http/outgoing-handler@0.2.3", "handle", "wasi:http/outgoing-handler@0.2.3"),
        ("wasi:random/random@0.3.0", "get-random-u64", "wasi:random/random@0.3.0"),
        ("wasi:random/random@0.2.0-rc-1", "get-random-u64", "wasi:random/random@0.2.0-rc-1"),
        ("wasi:clocks/timezone@0.2.0", "display", "wasi:clocks/timezone@0.2.0"),
        ("wasi:random/random@0.2.0", "get-luck", "wasi:random/random@0.2.0 get-luck"),
    ],
)
def test_a_missing_import_is_named(
    run: Run, command: Command, interface: str, function: str, named: str
) -> None:
    """The error says which interface, version and function."""
    wasm = command(interface=interface, function=function)
    with pytest.raises(MalformedError, match="does not provide") as refusal:
        run(wasm)
    assert refusal.value.problem.endswith(f": {named}")


def test_a_component_that_is_no_command_is_refused(run: Run, command: Command) -> None:
    """What it exports is named, and what it could be."""
    with pytest.raises(MalformedError, match=r"exports neither wasi:cli/run.*other") as refusal:
        run(command(entry="wasi:http/other@0.2.0"))
    assert "HTTP handler" in refusal.value.hints[0]


@pytest.mark.parametrize(
    ("signature", "core_signature", "body"),
    [
        ('(param "n" u64) (result u64)', "(param i64) (result i64)", "(call $f (i64.const 7))"),
        ("", "", "(call $f) (i64.const 0)"),
    ],
)
def test_parameters_that_the_interface_has_not_are_a_trap(
    run: Run, command: Command, signature: str, core_signature: str, body: str
) -> None:
    """A component cannot declare a function with other parameters or results and call it."""
    wasm = command(
        f"{body} drop i32.const 0", signature=signature, core_signature=core_signature, **RANDOM
    )
    with pytest.raises(Trap, match="types that its interface does not have"):
        run(wasm)


def test_a_number_is_not_taken_for_a_pointer(run: Run, command: Command) -> None:
    """A string declared as a number does not make the keep read from that address."""
    wasm = command(
        "(call $f (i64.const 1)) i32.const 0",
        interface="wasi:cli/exit@0.2.0",
        function="exit",
        signature='(param "status" u64)',
        core_signature="(param i64)",
    )
    with pytest.raises(Trap, match="types that its interface does not have"):
        run(wasm)


def test_a_result_of_another_type_is_refused_by_the_engine(run: Run, command: Command) -> None:
    """`get-random-u64` declared to return a bool ends the run."""
    wasm = command("call $f", signature="(result bool)", core_signature="(result i32)", **RANDOM)
    with pytest.raises((Trap, EngineError), match="mismatch"):
        run(wasm)


def test_two_handles_in_one_call(run: Run) -> None:
    """The engine's bug with two borrowed handles is kept out by the keep's settings."""
    assert run(bytes(wasmtime.wat2wasm(POLL_TWO))).code == 0


def test_a_trap_has_code_and_backtrace(run: Run, command: Command) -> None:
    """As a core module's trap has."""
    with pytest.raises(Trap) as trap:
        run(command("unreachable"))
    assert trap.value.code == "unreachable"
    assert trap.value.message == "wasm `unreachable` instruction executed"
    assert trap.value.backtrace


def test_fuel_runs_out(run: Run, command: Command) -> None:
    """An endless loop ends with the code that the keep reports as a limit."""
    metered = Engine(Settings(fuel=True))
    with pytest.raises(Trap) as trap:
        run(command("(loop $l (br $l)) i32.const 0"), engine=metered, fuel=10_000)
    assert trap.value.code == "out_of_fuel"


def test_the_memory_limit_holds(run: Run, command: Command) -> None:
    """Growth beyond the limit fails in the guest and is recorded."""
    limit = MemoryLimit(2 << 20)
    bounded = Engine(Settings(memory_limit=2 << 20), memory_creator=limit.creator)
    wasm = command(
        "(i32.ne (memory.grow (i32.const 1024)) (i32.const -1))",
        core='(memory 1) (data (i32.const 0) "data")',
    )
    assert run(wasm, engine=bounded).code == 0
    assert limit.refused


def test_guests_follow_each_other(command: Command, system: System) -> None:
    """A guest that is closed gives its memory back: ten fit where two would not."""
    limit = MemoryLimit(100 << 10)
    bounded = Engine(Settings(memory_limit=100 << 10), memory_creator=limit.creator)
    wasm = command(core='(memory 1) (data (i32.const 0) "data")')
    host = Host(bounded, compile_component(bounded, wasm, where="test.wasm"), system, "test.wasm")
    for _ in range(10):
        guest = host.guest()
        assert limit.used == 1 << 16
        guest.close()
        assert limit.used == 0
    held = host.guest()
    with pytest.raises(EngineError):
        host.guest()
    held.close()


def test_compiled_code_comes_back_from_a_file(
    engine: Engine, command: Command, system: System, tmp_path: Path
) -> None:
    """Serialised and mapped again, a component runs."""
    path = tmp_path / "component.cwasm"
    path.write_bytes(compile_component(engine, command(), where="test.wasm").serialize())
    run_command(engine, load_component(engine, str(path)), system, where="test.wasm")


def test_junk_is_not_loaded(engine: Engine, tmp_path: Path) -> None:
    """A file that is no compiled component is an engine's error."""
    path = tmp_path / "component.cwasm"
    path.write_bytes(b"\x7fELF" + bytes(100))
    with pytest.raises(EngineError):
        load_component(engine, str(path))


def test_a_damaged_component_is_malformed(engine: Engine, command: Command) -> None:
    """A truncated component names the file."""
    with pytest.raises(MalformedError) as refusal:
        compile_component(engine, command()[:-5], where="test.wasm")
    assert refusal.value.where == "test.wasm"


def test_a_c_program_counts_words(run: Run, engine: Engine, shared: Path) -> None:
    """A preview 1 program behind an adapter: arguments, environment, input, output, status."""
    languages = shared / "langs"
    wasm = (languages / "c" / "wc-p2.component.wasm").read_bytes()
    component = compile_component(engine, wasm, where="wc.wasm")
    text = (languages / "in.txt").read_bytes()
    ended = run(component, "5", env=((b"WC_TITLE", b"count"),), stdin=text)
    assert ended.code == 0
    assert ended.stdout == (languages / "expected.txt").read_bytes()
    failed = run(component)
    assert (failed.code, failed.stderr) == (1, b"wc: empty input\n")


def test_every_declared_function_is_answered(system: System) -> None:
    """Each name in the interfaces' tables leads to a method of the class beside it."""
    for interface in INTERFACES.values():
        assert interface.bind(system) or interface.methods
        for resource, methods in interface.methods.items():
            assert resource.wit_name in NAMES
            for name in methods:
                assert callable(getattr(resource, name.replace("-", "_")))
