"""Our declarations of the component C interface against the ones the wasmtime package generates."""

from __future__ import annotations

import ctypes

import pytest
import wasmtime._bindings as theirs

from enarx.keep.component import types
from enarx.keep.engine import component, component_guest

STRUCTURES = [
    (component_guest.ComponentFunc, theirs.wasmtime_component_func),
    (component_guest.ComponentInstance, theirs.wasmtime_component_instance),
    (component.Item, theirs.wasmtime_component_item_t),
]


@pytest.mark.parametrize(("ours", "reference"), STRUCTURES)
def test_structure(ours: type, reference: type) -> None:
    """Structures have the generated binding's size."""
    assert ctypes.sizeof(ours) == ctypes.sizeof(reference)


def test_value_layout() -> None:
    """A value is 32 bytes with its contents at 8; a record's entry is 48 with the value at 16."""
    value = theirs.wasmtime_component_val
    assert (ctypes.sizeof(value), value.of.offset) == (types.SIZE, 8)
    entry = theirs.wasmtime_component_valrecord_entry
    assert (ctypes.sizeof(entry), entry.val.offset) == (48, 16)
    variant = theirs.wasmtime_component_valvariant
    assert (variant.discriminant.offset, variant.val.offset) == (0, 16)
    result = theirs.wasmtime_component_valresult
    assert (result.is_ok.offset, result.val.offset) == (0, 8)


def test_kinds() -> None:
    """Our numbers of the kinds are the package's."""
    import wasmtime._ffi as constants

    for name, number in vars(types).items():
        if name.startswith("KIND_"):
            their_name = "WASMTIME_COMPONENT_" + name.removeprefix("KIND_")
            assert getattr(constants, their_name).value == number


def test_callbacks() -> None:
    """Callbacks take as many words as the engine passes."""
    for ours, reference in (
        (component_guest.FunctionCallback, theirs.wasmtime_component_func_callback_t),
        (component_guest.DestructorCallback, theirs.wasmtime_component_resource_destructor_t),
    ):
        sizes = [ctypes.sizeof(kind) for kind in reference._argtypes_]
        assert [ctypes.sizeof(kind) for kind in ours._argtypes_] == sizes
