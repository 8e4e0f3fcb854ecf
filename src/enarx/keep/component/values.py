"""Memory of the engine for the values of one guest, and the guest's resources.

Everything allocated here is handed over to the engine with the result of a host function, which
frees it; nothing is kept.

Source: wasmtime 50.0.1, crates/c-api/include/wasmtime/component/val.h and resource.h.
"""

from __future__ import annotations

import ctypes
import struct

from enarx.keep.component.types import KIND_U8, SIZE
from enarx.keep.engine.library import declare, lib
from enarx.keep.engine.structures import Vector
from enarx.keep.engine.trap import Trap, raise_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

PROTOTYPES = {
    "wasm_byte_vec_new": "vpzp",
    "wasmtime_component_resource_any_delete": "vp",
    "wasmtime_component_resource_any_to_host": "pppp",
    "wasmtime_component_resource_host_delete": "vp",
    "wasmtime_component_resource_host_new": "pbii",
    "wasmtime_component_resource_host_rep": "ip",
    "wasmtime_component_resource_host_to_any": "pppp",
    "wasmtime_component_val_new": "pp",
    "wasmtime_component_valflags_new": "vpzp",
    "wasmtime_component_vallist_new": "vpzp",
    "wasmtime_component_valrecord_new": "vpzp",
    "wasmtime_component_valtuple_new": "vpzp",
}

_address = struct.Struct("<Q")

# Bounds what a guest can make the keep hold; the default of [limits] open_files, twice over,
# because a stream or a pollable is a resource of its own.
MAX_RESOURCES = 8192


class Values:
    """Allocations in the engine, and the table of the resources that the guest holds."""

    def __init__(self, context: int) -> None:
        self._context = context
        self._vector = Vector()
        self._vector_address = ctypes.addressof(self._vector)
        self._pointer = ctypes.c_void_p()
        self._pointer_address = ctypes.addressof(self._pointer)
        self._scratch = ctypes.create_string_buffer(SIZE)
        self._scratch_address = ctypes.addressof(self._scratch)
        self._elements = ctypes.create_string_buffer(SIZE)
        self._element_bytes = memoryview(self._elements).cast("B")
        self._element_bytes[0] = KIND_U8
        self._resources: dict[int, Any] = {}
        self._next = 1

    # allocations

    def box(self, packed: bytes) -> int:
        """A value on the heap."""
        ctypes.memmove(self._scratch_address, packed, SIZE)
        return lib.wasmtime_component_val_new(self._scratch_address)  # type: ignore[no-any-return]

    def name(self, text: bytes) -> tuple[int, int]:
        """Size and address of a copy of *text*."""
        lib.wasm_byte_vec_new(self._vector_address, len(text), text)
        return self._vector.size, self._vector.data or 0

    def list_of(self, packed: bytes, count: int) -> tuple[int, int]:
        """Size and address of a list of *count* values."""
        return self._new(lib.wasmtime_component_vallist_new, packed, count)

    def tuple_of(self, packed: bytes, count: int) -> tuple[int, int]:
        """Size and address of a tuple of *count* values."""
        return self._new(lib.wasmtime_component_valtuple_new, packed, count)

    def record_of(self, packed: bytes, count: int) -> tuple[int, int]:
        """Size and address of a record of *count* entries."""
        return self._new(lib.wasmtime_component_valrecord_new, packed, count)

    def flags_of(self, packed: bytes, count: int) -> tuple[int, int]:
        """Size and address of *count* flags."""
        return self._new(lib.wasmtime_component_valflags_new, packed, count)

    def byte_list(self, data: bytes | bytearray | memoryview) -> tuple[int, int]:
        """Size and address of a ``list<u8>``.

        The elements are laid out in a buffer that is kept, with the kinds already in place:
        a third of the time of filling the engine's own.
        """
        size = len(data)
        if size * SIZE > len(self._elements):
            self._elements = ctypes.create_string_buffer(size * SIZE)
            self._element_bytes = memoryview(self._elements).cast("B")
            self._element_bytes[::SIZE] = bytes((KIND_U8,)) * size
        self._element_bytes[8 : size * SIZE : SIZE] = data
        lib.wasmtime_component_vallist_new(
            self._vector_address, size, ctypes.addressof(self._elements)
        )
        return self._vector.size, self._vector.data or 0

    def _new(self, function: Callable[..., None], packed: bytes, count: int) -> tuple[int, int]:
        function(self._vector_address, count, packed)
        return self._vector.size, self._vector.data or 0

    # resources

    def new_resource(self, value: object, number: int) -> int:
        """Enter *value*; the address of a handle of type *number* for the guest.

        Raises:
            Trap: the guest holds ``MAX_RESOURCES``.
        """
        if len(self._resources) >= MAX_RESOURCES:
            raise Trap(f"more than {MAX_RESOURCES} resources open")
        rep = self._next
        while rep in self._resources:
            rep = rep % 0x7FFF_FFFF + 1
        self._next = rep % 0x7FFF_FFFF + 1
        self._resources[rep] = value
        host = lib.wasmtime_component_resource_host_new(True, rep, number)
        error = lib.wasmtime_component_resource_host_to_any(
            self._context, host, self._pointer_address
        )
        lib.wasmtime_component_resource_host_delete(host)
        raise_error(error)
        return self._pointer.value or 0

    def forget_handle(self, packed: bytes) -> None:
        """Free the handle of *packed*, an argument of a call that is over."""
        lib.wasmtime_component_resource_any_delete(_address.unpack_from(packed, 8)[0])

    def resource(self, handle: int) -> object:
        """What is behind a handle that was passed as ``borrow``; to be asked once a handle."""
        return self._resources.get(self._representation(handle))

    def taken(self, handle: int) -> object:
        """What is behind a handle that was passed as ``own``: the guest holds it no longer."""
        return self._resources.pop(self._representation(handle), None)

    def drop(self, rep: int) -> None:
        """The guest dropped its handle: close what was behind it."""
        dropped = self._resources.pop(rep, None)
        if dropped is not None:
            dropped.close()

    def drop_all(self) -> None:
        """Close what the guest still held at its end; failures there have nobody to hear them."""
        for rep in list(self._resources):
            try:
                self.drop(rep)
            except OSError:
                continue

    def _representation(self, handle: int) -> int:
        raise_error(
            lib.wasmtime_component_resource_any_to_host(
                self._context, handle, self._pointer_address
            )
        )
        host = self._pointer.value
        rep: int = lib.wasmtime_component_resource_host_rep(host)
        lib.wasmtime_component_resource_host_delete(host)
        return rep


declare(lib, PROTOTYPES)
