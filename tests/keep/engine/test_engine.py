"""What the engine accepts, refuses and bounds, with the keep's settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import wasmtime
from hypothesis import given
from hypothesis import strategies as st

from enarx.errors import MalformedError
from enarx.keep.engine.engine import Engine, Settings
from enarx.keep.engine.instance import Linker
from enarx.keep.engine.memory_limit import MemoryLimit
from enarx.keep.engine.refusal import link_refusal, refusal
from enarx.keep.engine.trap import MAX_FRAMES, EngineError, Trap

if TYPE_CHECKING:
    from pathlib import Path

    from tests.keep.engine.conftest import Run

PAGE = 65536
# What compilers of today emit; each runs to its end only if the instruction did what it should.
FEATURES = {
    "exceptions (exnref)": """(tag $e (param i32)) (func (export "_start") (result i32)
        (block $h (result i32 exnref) (try_table (result i32 exnref) (catch_ref $e $h)
          (throw $e (i32.const 7)) ) ) (drop))""",
    "extended constants": "(global i32 (i32.add (i32.const 1) (i32.const 2)))",
    "function references": """(type $f (func)) (func $g) (elem declare func $g)
        (func (export "_start") (call_ref $f (ref.func $g)))""",
    "garbage collection": """(type $p (struct (field i32))) (func (export "_start")
        (drop (struct.get $p 0 (struct.new $p (i32.const 3)))))""",
    "bulk memory": """(memory 1) (func (export "_start")
        (memory.fill (i32.const 0) (i32.const 1) (i32.const 9))
        (memory.copy (i32.const 16) (i32.const 0) (i32.const 9)))""",
    "memory64": '(memory i64 1) (func (export "_start") (drop (i32.load (i64.const 8))))',
    "multiple memories": """(memory 1) (memory $b 1) (func (export "_start")
        (i32.store $b (i32.const 0) (i32.const 1)))""",
    "multiple values": '(func (export "_start") (result i32 i32) (i32.const 1) (i32.const 2))',
    "reference types": '(table 1 externref) (func (export "_start") (drop (table.size 0)))',
    "relaxed SIMD": """(func (export "_start") (drop (i32x4.relaxed_trunc_f32x4_s
        (v128.const f32x4 1 2 3 4))))""",
    "saturating conversion": """(func (export "_start")
        (drop (i32.trunc_sat_f32_s (f32.const nan))))""",
    "SIMD": """(func (export "_start") (drop (i32x4.add (v128.const i32x4 1 2 3 4)
        (v128.const i32x4 1 2 3 4))))""",
    "tail calls": """(func $down (param i32) (if (local.get 0) (then
        (return_call $down (i32.sub (local.get 0) (i32.const 1))))))
        (func (export "_start") (call $down (i32.const 1000000)))""",
    "wide arithmetic": """(func (export "_start") (result i64 i64)
        (i64.mul_wide_u (i64.const -1) (i64.const -1)))""",
}


@pytest.mark.parametrize("name", sorted(FEATURES))
def test_a_feature_of_todays_languages_runs(run: Run, name: str) -> None:
    """It compiles and runs to its end."""
    body = FEATURES[name]
    start = "" if '"_start"' in body else '(func (export "_start"))'
    assert run(f"(module {body} {start})")


def limited(limit: int) -> tuple[Engine, MemoryLimit]:
    """An engine that bounds memory, and the bound."""
    bound = MemoryLimit(limit)
    settings = Settings(memory_limit=limit)
    return Engine(settings, memory_creator=bound.creator), bound


GROW = """(module (memory (export "memory") 1) (global $last (mut i32) (i32.const 0))
  (func (export "_start") (result i32)
    (loop $more (global.set $last (memory.grow (i32.const 1)))
      (br_if $more (i32.ge_s (global.get $last) (i32.const 0))))
    (if (i32.ne (memory.size) (i32.const {pages})) (then unreachable))
    (i32.load8_u (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 1)))))"""


@pytest.mark.parametrize("pages", [1, 2, 17])
def test_memory_grows_to_the_limit_and_no_further(run: Run, pages: int) -> None:
    """The last page is usable, the next is refused, and the refusal is on record."""
    engine, bound = limited(pages * PAGE)
    run(GROW.format(pages=pages), on=engine)
    assert (bound.used, bound.refused) == (pages * PAGE, True)


def test_nothing_is_on_record_without_a_refusal(run: Run) -> None:
    """A program that never asks for too much hit no limit."""
    engine, bound = limited(4 * PAGE)
    run('(module (memory 4) (func (export "_start")))', on=engine)
    assert (bound.used, bound.refused) == (4 * PAGE, False)


def test_limited_memory_is_zero_and_holds_data(run: Run) -> None:
    """Every byte is 0 but those that the module's data sets."""
    engine, _ = limited(3 * PAGE)
    run(
        """(module (memory 2) (data (i32.const 65530) "\\01\\02") (func (export "_start")
          (local $at i32) (local $sum i32)
          (loop $more
            (local.set $sum (i32.add (local.get $sum) (i32.load8_u (local.get $at))))
            (local.set $at (i32.add (local.get $at) (i32.const 1)))
            (br_if $more (i32.lt_u (local.get $at) (i32.const 131072))))
          (if (i32.ne (local.get $sum) (i32.const 3)) (then unreachable))))""",
        on=engine,
    )


def test_memories_share_the_limit(run: Run) -> None:
    """Two memories of three pages need six."""
    text = '(module (memory 3) (memory 3) (func (export "_start")))'
    engine, bound = limited(6 * PAGE)
    run(text, on=engine)
    assert bound.used == 6 * PAGE
    engine, bound = limited(5 * PAGE)
    with pytest.raises(EngineError, match="memory limit"):
        run(text, on=engine)
    assert bound.refused


def test_limited_memory_traps_at_its_end(run: Run) -> None:
    """Beyond the end lies a guard, also right after a growth."""
    engine, _ = limited(3 * PAGE)
    text = '(module (memory 1) (func (export "_start") (drop (i32.load8_u (i32.const {at})))))'
    run(text.format(at=PAGE - 1), on=engine)
    with pytest.raises(Trap, match="out of bounds"):
        run(text.format(at=PAGE), on=engine)
    with pytest.raises(Trap, match="out of bounds"):
        run(text.format(at=-1), on=engine)


def test_a_table_counts_against_the_limit(run: Run) -> None:
    """Its elements are 8 bytes each outside the guest's memory."""
    engine, _ = limited(16 * PAGE)
    with pytest.raises(EngineError, match="table"):
        run('(module (table 10000000 funcref) (func (export "_start")))', on=engine)


def test_fuel_ends_an_endless_loop(run: Run) -> None:
    """The trap has a code of its own; a program that needs less is not disturbed."""
    engine = Engine(Settings(fuel=True))
    with pytest.raises(Trap) as trap:
        run('(module (func (export "_start") (loop (br 0))))', on=engine, fuel=10_000)
    assert trap.value.code == "out_of_fuel"
    run('(module (func (export "_start")))', on=engine, fuel=10_000)


TRAPS = {
    "unreachable": "unreachable",
    "integer_division_by_zero": "(drop (i32.div_u (i32.const 1) (i32.const 0)))",
    "integer_overflow": "(drop (i32.div_s (i32.const 0x80000000) (i32.const -1)))",
    "bad_conversion_to_integer": "(drop (i32.trunc_f32_s (f32.const nan)))",
    "memory_out_of_bounds": "(drop (i32.load (i32.const 65536)))",
    "table_out_of_bounds": "(call_indirect (i32.const 5))",
    "indirect_call_to_null": "(call_indirect (i32.const 0))",
    "bad_signature": "(drop (call_indirect (result i32) (i32.const 1)))",
    "null_reference": "(call_ref $f (ref.null $f))",
    "stack_overflow": "(call $inner)",
    "uncaught_exception": "(throw $e)",
}


@pytest.mark.parametrize("code", sorted(TRAPS))
def test_a_trap_has_its_code_and_place(run: Run, code: str) -> None:
    """The engine's code by name, one line of text, and the functions from the inside out."""
    with pytest.raises(Trap) as trap:
        run(
            f"""(module (type $f (func)) (tag $e) (memory 1) (table 2 funcref)
              (elem (i32.const 1) func $inner)
              (func $inner {TRAPS[code]}) (func (export "_start") (call $inner)))"""
        )
    assert trap.value.code == code
    assert "\n" not in trap.value.message
    assert trap.value.backtrace[0].split("+")[0] == "inner"


def test_recursion_is_counted_and_not_listed(run: Run) -> None:
    """A trace has a few lines whatever the depth."""
    with pytest.raises(Trap) as trap:
        run('(module (func $f (export "_start") (call $f)))')
    assert len(trap.value.backtrace) <= 4
    assert trap.value.backtrace[-1].endswith("more")


def test_a_trace_is_bounded(run: Run) -> None:
    """Forty functions deep, at most MAX_FRAMES of them are named."""
    chain = "".join(f"(func $f{k} (call $f{k + 1}) (nop))" for k in range(40))
    with pytest.raises(Trap) as trap:
        run(f'(module {chain} (func $f40 unreachable) (func (export "_start") (call $f0)))')
    assert 2 < len(trap.value.backtrace) <= MAX_FRAMES + 1


def test_code_is_saved_and_mapped(engine: Engine, tmp_path: Path) -> None:
    """What was serialized runs in another engine with the same settings, and in no other."""
    text = '(module (memory (export "memory") 1) (func (export "_start")))'
    module = engine.compile(bytes(wasmtime.wat2wasm(text)), where="app.wasm")
    path = tmp_path / "code"
    path.write_bytes(module.serialize())
    another = Engine(Settings())
    guest = Linker(another).instantiate(another.load_file(str(path)), where="app.wasm")
    guest.run(guest.entry())
    with pytest.raises(EngineError):
        Engine(Settings(fuel=True)).load_file(str(path))


def test_settings_that_differ_have_other_fingerprints() -> None:
    """The cache keeps their code apart."""
    bound = MemoryLimit(PAGE)
    prints = {
        Engine(Settings()).fingerprint(),
        Engine(Settings(fuel=True)).fingerprint(),
        Engine(Settings(memory_limit=PAGE), memory_creator=bound.creator).fingerprint(),
    }
    assert len(prints) == 3


@given(st.binary(max_size=200))
def test_junk_is_refused_as_malformed(engine: Engine, junk: bytes) -> None:
    """Whatever follows the preamble, the engine's refusal is one of our errors."""
    said = "app.wasm: nothing"
    try:
        engine.compile(b"\0asm\1\0\0\0" + junk, where="app.wasm")
    except MalformedError as error:
        said = str(error)
    assert said.startswith("app.wasm: ")
    assert "\n" not in said


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("threads must be enabled for shared memories", "threads"),
        ("unexpected end-of-file (at offset 0xa)", "truncated"),
        ("shared memory support is disabled for this engine", "threads"),
        ("some proposal support is not enabled", "needs a feature"),
        ("type mismatch", "not a valid WebAssembly module (type mismatch)"),
        ("", "no reason given"),
        ("outer\n\nCaused by:\n    0: middle\n    1: innermost", "(innermost)"),
    ],
)
def test_refusals_in_plain_words(text: str, says: str) -> None:
    """Known causes are named, unknown ones are passed on whole, on one line."""
    problem = refusal(text, where="app.wasm").problem
    assert says in problem
    assert "\n" not in problem


def test_what_cannot_be_linked_is_passed_on_whole() -> None:
    """A text that no row knows loses nothing but its line breaks."""
    error = link_refusal("mmap failed\n\nCaused by:\n    no memory", where="app.wasm")
    assert str(error) == "app.wasm: the engine refused to run it: mmap failed Caused by: no memory"
