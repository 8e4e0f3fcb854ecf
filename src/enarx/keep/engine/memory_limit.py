"""A bound on guest memory that knows when it was hit.

The engine's own limiter makes ``memory.grow`` return -1 and tells nobody, so a guest that then
aborts looks like any other trap.  Here the memories are ours: growth beyond the limit is refused
*and* recorded, and the end of the run can say which it was.

Source: wasmtime 50.0.1 c-api config.h, ``wasmtime_memory_creator_t``: memory is zeroed, page
aligned, followed by the guard region, and never moves.
"""

from __future__ import annotations

import ctypes
import os

from enarx.keep.engine.library import lib
from enarx.keep.engine.structures import (
    Finalizer,
    LinearMemory,
    MemoryCreator,
    MemoryGet,
    MemoryGrow,
    NewMemory,
)

_PROT_NONE, _PROT_READ_WRITE = 0, 3
_MAP_PRIVATE_ANONYMOUS_NORESERVE = 0x02 | 0x20 | 0x4000
_MAP_FAILED = ctypes.c_void_p(-1).value
_PAGE = 4096


class MemoryLimit:
    """Owns the guest's memories and counts their bytes against *limit*.

    Attributes:
        refused: whether any growth, or the module's first memory, was refused.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0
        self.refused = False
        self._memories: dict[int, _Mapped] = {}
        self._next = 1
        self._new_memory = NewMemory(self._create)
        self._released = Finalizer(self._release)
        self._finalizer = Finalizer(_nothing)
        self.creator = MemoryCreator(None, self._new_memory, self._finalizer)

    def reserve(self, more: int) -> bool:
        """Count *more* bytes; False, and recorded, if they do not fit."""
        if self.used + more > self.limit:
            self.refused = True
            return False
        self.used += more
        return True

    def _create(  # the engine fixes the parameters
        self,
        _env: int,
        _kind: int,
        minimum: int,
        _maximum: int,
        reserved: int,
        guard: int,
        result: ctypes._Pointer[LinearMemory],
    ) -> int:
        if not self.reserve(minimum):
            return _error(
                f"memory limit of {self.limit} bytes, {minimum} bytes wanted at the start"
            )
        # A memory that may grow beyond the engine's reservation must not move either.
        capacity = max(reserved, minimum, self.limit + _PAGE)
        mapped = _Mapped(self, minimum, _round(capacity), guard)
        if not mapped.base:
            return _error("the host has no address space for the guest's memory")
        number, self._next = self._next, self._next + 1
        self._memories[number] = mapped
        result[0] = LinearMemory(number, mapped.get, mapped.grow, self._released)
        return 0

    def _release(self, number: int) -> None:
        """A guest is gone; where guests follow each other, the next one gets its memory."""
        mapped = self._memories.pop(number)
        self.used -= mapped.size
        mapped.unmap()


class _Mapped:
    """One guest memory: a reservation of which the first *size* bytes are accessible."""

    def __init__(self, limit: MemoryLimit, size: int, capacity: int, guard: int) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._libc.mmap.restype = ctypes.c_void_p
        self._libc.mmap.argtypes = [ctypes.c_void_p, *[ctypes.c_size_t] * 5]
        self._libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
        self._libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        base = self._libc.mmap(
            None, capacity + guard, _PROT_NONE, _MAP_PRIVATE_ANONYMOUS_NORESERVE, 2**64 - 1, 0
        )
        self.base = 0 if base in (None, _MAP_FAILED) else base
        self._mapped = capacity + guard
        self.limit, self.size, self.capacity = limit, 0, capacity
        self.get = MemoryGet(self._get)
        self.grow = MemoryGrow(self._grow)
        if self.base and not self._open(size):
            self.base = 0

    def unmap(self) -> None:
        """Give the memory back."""
        self._libc.munmap(self.base, self._mapped)

    def _open(self, size: int) -> bool:
        if size and self._libc.mprotect(self.base, _round(size), _PROT_READ_WRITE) != 0:
            return False
        self.size = size
        return True

    def _get(
        self,
        _env: int,
        size: ctypes._Pointer[ctypes.c_size_t],
        capacity: ctypes._Pointer[ctypes.c_size_t],
    ) -> int:
        size[0], capacity[0] = self.size, self.capacity
        return self.base

    def _grow(self, _env: int, new_size: int) -> int:
        if new_size > self.capacity or not self.limit.reserve(new_size - self.size):
            self.limit.refused = True
            return _error(f"memory limit of {self.limit.limit} bytes")
        if not self._open(new_size):
            return _error(f"the host refused memory: {os.strerror(ctypes.get_errno())}")
        return 0


def _round(size: int) -> int:
    return -(-size // _PAGE) * _PAGE


def _error(text: str) -> int:
    return lib.wasmtime_error_new(text.encode())  # type: ignore[no-any-return]


def _nothing(_env: int) -> None:
    """The creator itself lives as long as the keep."""
