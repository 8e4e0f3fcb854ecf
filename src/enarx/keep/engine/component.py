"""Components: compile, load and save them, say what they import and export.

The same life as a core module's (``engine``), through the component half of the C interface;
``component_guest`` runs them.

Source: wasmtime 50.0.1, crates/c-api/include/wasmtime/component (component.h, types/component.h).
"""

from __future__ import annotations

import ctypes

from enarx.keep.engine.library import declare, lib
from enarx.keep.engine.refusal import refusal
from enarx.keep.engine.structures import Vector
from enarx.keep.engine.trap import EngineError, raise_error, take_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enarx.keep.engine.engine import Engine

PROTOTYPES = {
    # components
    "wasmtime_component_deserialize_file": "pppp",
    "wasmtime_component_new": "pppzp",
    "wasmtime_component_serialize": "ppp",
    "wasmtime_component_type": "pp",
    # what a component imports and exports
    "wasmtime_component_extern_delete": "vp",
    "wasmtime_component_extern_type": "vpp",
    "wasmtime_component_instance_type_export_count": "zpp",
    "wasmtime_component_instance_type_export_nth": "bppzppp",
    "wasmtime_component_item_delete": "vp",
    "wasmtime_component_type_delete": "vp",
    "wasmtime_component_type_export_count": "zpp",
    "wasmtime_component_type_export_nth": "bppzppp",
    "wasmtime_component_type_import_count": "zpp",
    "wasmtime_component_type_import_nth": "bppzppp",
}

# wasmtime_component_item_kind_t
ITEM_INSTANCE, ITEM_FUNC, ITEM_RESOURCE = 1, 3, 4


class Item(ctypes.Structure):
    """``wasmtime_component_item_t``: a kind and the largest member of its union."""

    _fields_ = (("kind", ctypes.c_uint8), ("of", ctypes.c_void_p), ("more", ctypes.c_void_p))


class Component:
    """One compiled ``wasmtime_component_t``."""

    __slots__ = ("_engine", "pointer")

    def __init__(self, engine: Engine, pointer: int | None) -> None:
        self._engine = engine
        self.pointer = pointer

    def serialize(self) -> bytes:
        """The compiled code, for the ahead-of-time cache."""
        vector = Vector()
        raise_error(lib.wasmtime_component_serialize(self.pointer, ctypes.byref(vector)))
        return take_bytes(vector)

    def imports(self) -> dict[str, dict[str, int]]:
        """Import name to the kinds of what is asked of it, by name; of a non-instance, nothing."""
        return self._items("import")

    def exports(self) -> dict[str, dict[str, int]]:
        """Export name to the kinds of what it holds, by name; of a non-instance, nothing."""
        return self._items("export")

    def _items(self, direction: str) -> dict[str, dict[str, int]]:
        kind = lib.wasmtime_component_type(self.pointer)
        try:
            found = {}
            for name, item in _nth_items(
                getattr(lib, f"wasmtime_component_type_{direction}_count"),
                getattr(lib, f"wasmtime_component_type_{direction}_nth"),
                kind,
                self._engine.pointer,
            ):
                found[name] = self._instance_items(item.of) if item.kind == ITEM_INSTANCE else {}
                lib.wasmtime_component_item_delete(ctypes.byref(item))
            return found
        finally:
            lib.wasmtime_component_type_delete(kind)

    def _instance_items(self, kind: int) -> dict[str, int]:
        found = {}
        for name, item in _nth_items(
            lib.wasmtime_component_instance_type_export_count,
            lib.wasmtime_component_instance_type_export_nth,
            kind,
            self._engine.pointer,
        ):
            found[name] = item.kind
            lib.wasmtime_component_item_delete(ctypes.byref(item))
        return found


def compile_component(engine: Engine, wasm: bytes, *, where: str) -> Component:
    """Compile a component.

    Raises:
        MalformedError: not a valid component, or one that needs a feature the keep has not.
    """
    result = ctypes.c_void_p()
    try:
        raise_error(
            lib.wasmtime_component_new(engine.pointer, wasm, len(wasm), ctypes.byref(result))
        )
    except EngineError as error:
        raise refusal(str(error), where=where) from error
    return Component(engine, result.value)


def load_component(engine: Engine, path: str) -> Component:
    """Map compiled code from *path* and trust it completely, as ``Engine.load_file`` does.

    Raises:
        EngineError: made by another engine, for another processor or with other settings.
    """
    result = ctypes.c_void_p()
    raise_error(
        lib.wasmtime_component_deserialize_file(
            engine.pointer, path.encode() + b"\0", ctypes.byref(result)
        )
    )
    return Component(engine, result.value)


def _nth_items(count: object, nth: object, kind: int, engine: int) -> list[tuple[str, Item]]:
    """Every (name, item) of a type; the caller deletes the items."""
    found = []
    name, size, extern = ctypes.c_void_p(), ctypes.c_size_t(), ctypes.c_void_p()
    for index in range(count(kind, engine)):  # type: ignore[operator]
        nth(  # type: ignore[operator]
            kind, engine, index, ctypes.byref(name), ctypes.byref(size), ctypes.byref(extern)
        )
        item = Item()
        lib.wasmtime_component_extern_type(extern, ctypes.byref(item))
        lib.wasmtime_component_extern_delete(extern)
        found.append((ctypes.string_at(name.value or 0, size.value).decode(), item))
    return found


declare(lib, PROTOTYPES)
