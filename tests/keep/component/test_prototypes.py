"""Our declarations of the component C interface against the ones the wasmtime package generates."""

from __future__ import annotations

import ctypes

import pytest
import wasmtime._bindings as theirs

from enarx.keep.component import types, values
from enarx.keep.engine import component
from enarx.keep.engine.library import lib

PROTOTYPES = {**component.PROTOTYPES, **values.PROTOTYPES}
STRUCTURES = [
    (component.ComponentFunc, theirs.wasmtime_component_func),
    (component.ComponentInstance, theirs.wasmtime_component_instance),
    (component.Item, theirs.wasmtime_component_item_t),
]


def width(kind: type | None) -> tuple[int, bool] | None:
    """Size of a C type, and whether it is a pointer."""
    if kind is None:
        return None
    pointer = kind is ctypes.c_void_p or kind is ctypes.c_char_p or hasattr(kind, "contents")
    pointer |= issubclass(kind, ctypes._CFuncPtr)  # type: ignore[attr-defined]
    return ctypes.sizeof(kind), pointer


@pytest.mark.parametrize("name", PROTOTYPES)
def test_prototype(name: str) -> None:
    """Result and parameters have the sizes and kinds of the generated binding."""
    ours, reference = getattr(lib, name), getattr(theirs, f"_{name}")
    assert width(ours.restype) == width(reference.restype)
    assert [width(kind) for kind in ours.argtypes] == [width(kind) for kind in reference.argtypes]


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
        (component.FunctionCallback, theirs.wasmtime_component_func_callback_t),
        (component.DestructorCallback, theirs.wasmtime_component_resource_destructor_t),
    ):
        sizes = [ctypes.sizeof(kind) for kind in reference._argtypes_]
        assert [ctypes.sizeof(kind) for kind in ours._argtypes_] == sizes
