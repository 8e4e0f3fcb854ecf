"""Our declarations of the engine's C interface against the ones the wasmtime package generates."""

from __future__ import annotations

import ctypes
import importlib.metadata
from pathlib import Path

import pytest
import wasmtime._bindings as theirs
import wasmtime._ffi as constants

from enarx.errors import MisconfiguredError
from enarx.keep.component import values
from enarx.keep.engine import component, component_guest, library, structures, trap
from enarx.keep.engine.library import PROTOTYPES, VERSION, lib, locate

STRUCTURES = [
    (structures.Vector, theirs.wasm_byte_vec_t),
    (structures.Vector, theirs.wasm_importtype_vec_t),
    (structures.Func, theirs.wasmtime_func),
    (structures.Memory, theirs.wasmtime_memory),
    (structures.Extern, theirs.wasmtime_extern),
    (structures.Instance, theirs.wasmtime_instance),
    (structures.Val, theirs.wasmtime_val),
    (structures.LinearMemory, theirs.wasmtime_linear_memory),
    (structures.MemoryCreator, theirs.wasmtime_memory_creator),
]


def width(kind: type | None) -> tuple[int, bool] | None:
    """Size of a C type, and whether it is a pointer."""
    if kind is None:
        return None
    pointer = kind is ctypes.c_void_p or kind is ctypes.c_char_p or hasattr(kind, "contents")
    pointer |= issubclass(kind, ctypes._CFuncPtr)  # type: ignore[attr-defined]
    return ctypes.sizeof(kind), pointer


DECLARED = {
    **PROTOTYPES,
    **component.PROTOTYPES,
    **component_guest.PROTOTYPES,
    **values.PROTOTYPES,
}


@pytest.mark.parametrize("name", DECLARED)
def test_a_prototype_is_the_packages(name: str) -> None:
    """Result and parameters have the sizes and kinds of the generated binding."""
    ours, reference = getattr(lib, name), getattr(theirs, f"_{name}")
    assert width(ours.restype) == width(reference.restype)
    assert [width(kind) for kind in ours.argtypes] == [width(kind) for kind in reference.argtypes]


@pytest.mark.parametrize(("ours", "reference"), STRUCTURES)
def test_a_structure_is_as_large_as_the_packages(ours: type, reference: type) -> None:
    """And its fields begin where the generated binding's do."""
    assert ctypes.sizeof(ours) == ctypes.sizeof(reference)
    offsets = [getattr(ours, field[0]).offset for field in ours._fields_]  # type: ignore[attr-defined]
    want = [getattr(reference, field[0]).offset for field in reference._fields_]  # type: ignore[attr-defined]
    assert offsets == want[: len(offsets)] or ours in {structures.Memory, structures.Val}


def test_values_lie_at_8() -> None:
    """A value's contents come after its kind, aligned."""
    assert structures.Val.of.offset == theirs.wasmtime_val.of.offset == 8
    assert structures.Extern.of.offset == theirs.wasmtime_extern.of.offset == 8


def test_the_numbers_of_kinds() -> None:
    """Kinds of externals and of values are numbered as the headers do."""
    assert [
        constants.WASMTIME_EXTERN_FUNC.value,
        constants.WASMTIME_EXTERN_GLOBAL.value,
        constants.WASMTIME_EXTERN_TABLE.value,
        constants.WASMTIME_EXTERN_MEMORY.value,
    ] == [
        structures.EXTERN_FUNC,
        structures.EXTERN_GLOBAL,
        structures.EXTERN_TABLE,
        structures.EXTERN_MEMORY,
    ]
    assert [constants.WASM_I32.value, constants.WASM_I64.value] == [0, 1]


def test_every_trap_code_has_its_name() -> None:
    """The package's enumeration and ours agree, number by number."""
    from wasmtime import TrapCode

    for code in TrapCode:
        assert trap.CODES[code.value] == code.name.lower()


def test_the_installed_release_is_the_pinned_one() -> None:
    """The release in code, in the environment and in the package's requirements is one."""
    assert importlib.metadata.version("wasmtime") == VERSION
    assert f"wasmtime=={VERSION}" in (importlib.metadata.requires("enarx") or ())


def test_an_absent_engine_is_told(tmp_path: Path) -> None:
    """No release at all: which one to install."""
    with pytest.raises(MisconfiguredError, match=f"release {VERSION} .* is not installed"):
        locate([str(tmp_path), "/nonexistent"])


def test_another_release_is_refused(tmp_path: Path) -> None:
    """A library without the pinned release's metadata beside it is not loaded."""
    found = Path(locate([str(Path(theirs.__file__).parent.parent)]))
    place = tmp_path / found.parent.relative_to(found.parent.parent.parent)
    place.mkdir(parents=True)
    (place / found.name).touch()
    (tmp_path / "wasmtime-49.0.0.dist-info").mkdir()
    with pytest.raises(MisconfiguredError, match=f"is not {VERSION}"):
        locate([str(tmp_path)])


def test_every_declared_function_is_used() -> None:
    """A prototype that nothing calls is a line that nothing tests."""
    folder = Path(library.__file__).parents[1]
    text = "".join(p.read_text() for p in folder.rglob("*.py") if p.name != "library.py")
    unused = [n for n in PROTOTYPES if f"lib.{n}" not in text and not n.endswith("_set")]
    assert unused == []
