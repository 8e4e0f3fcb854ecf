"""Core module or component, and the names it imports and exports."""

from __future__ import annotations

import pytest
import wasmtime
from hypothesis import given
from hypothesis import strategies as st

from enarx.errors import MalformedError
from enarx.package import wasm
from enarx.package.wasm_interface import FUNC, component_names, module_names

MODULE = bytes(
    wasmtime.wat2wasm("""(module
  (import "w" "f" (func (param i32)))
  (import "w" "t" (table 1 2 funcref))
  (import "w" "r" (table 1 (ref null func)))
  (import "w" "m" (memory 1 2))
  (import "w" "g" (global (mut i64)))
  (import "w" "e" (tag (param i32)))
  (func (export "_start")) (memory (export "mem2") 1))""")
)
COMPONENT = bytes(
    wasmtime.wat2wasm("""(component
  (import "a:b/c@1.0.0" (instance (export "f" (func))))
  (import "t" (type $t (sub resource)))
  (import "u" (type (eq $t)))
  (import "m" (core module (export "x" (func))))
  (import "g" (func $g))
  (component (import "hidden" (func)))
  (export "h" (func $g))
  (export "i" (func $g) (func)))""")
)


def test_core_names() -> None:
    """Imports of every kind are stepped over, and exports found."""
    imports, exports = module_names(MODULE)
    assert imports == [("w", name) for name in ("f", "t", "r", "m", "g", "e")]
    assert exports == [("_start", FUNC), ("mem2", 2)]


def test_component_names() -> None:
    """A component's own imports and exports are found, and none of the components inside it."""
    imports, exports = component_names(COMPONENT)
    assert imports == ["a:b/c@1.0.0", "t", "u", "m", "g"]
    assert exports == ["h", "i"]


def test_kinds() -> None:
    """The preamble tells a module from a component."""
    assert wasm.kind_of(MODULE) == wasm.MODULE
    assert wasm.kind_of(COMPONENT) == wasm.COMPONENT


@pytest.mark.parametrize(
    ("data", "hint"),
    [
        (b"  (module)", "this is WebAssembly text"),
        (b"\x7fELF\x02", "this is a native program"),
        (b"\x1f\x8b\x08", "this is compressed"),
    ],
)
def test_common_mistakes_have_a_hint(data: bytes, hint: str) -> None:
    """Text, native programs and compressed files are recognised."""
    with pytest.raises(MalformedError, match="not WebAssembly") as caught:
        wasm.kind_of(data)
    assert caught.value.hints[0].startswith(hint)


@pytest.mark.parametrize("program", [MODULE, COMPONENT])
@given(data=st.data())
def test_a_cut_or_changed_program_raises_only_our_error(
    program: bytes, data: st.DataObject
) -> None:
    """Whatever happened to a program, its names are read or MalformedError is raised."""
    changed = bytearray(program)
    changed[data.draw(st.integers(8, len(program) - 1))] = data.draw(st.integers(0, 255))
    del changed[data.draw(st.integers(9, len(program))) :]
    names = module_names if program is MODULE else component_names
    try:
        imports, exports = names(bytes(changed))
    except MalformedError as e:
        assert e.offset is not None  # noqa: PT017 - the error is the subject
    else:
        names_of = [export if program is COMPONENT else export[0] for export in exports]
        assert all(isinstance(name, str) for name in names_of), imports
