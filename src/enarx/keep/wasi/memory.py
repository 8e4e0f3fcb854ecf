"""Guest memory, read and written only inside its bounds.

One view over the whole memory is kept and renewed when the guest has grown it: the address
never changes, so a pointer is checked by one comparison.  A slice of a memoryview clamps
silently at the end, which is why nothing here slices before it has compared.
"""

from __future__ import annotations

import ctypes
import struct

from enarx.keep.wasi.errno import FAULT, INVAL, NAMETOOLONG, WasiError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# wasi-libc's IOV_MAX is 1024; a count beyond it is refused, as the kernel does
MAX_IOVECS = 1024
MAX_PATH = 1 << 16
_MAX_TRANSFER = 0xFFFF_FFFF  # buffers may overlap, so their sum may be beyond any address
_IOVEC_SIZE = 8
_iovec = struct.Struct("<II")
_u32 = struct.Struct("<I")
_u64 = struct.Struct("<Q")


class GuestMemory:
    """The memory a guest exports.

    Args:
        base: host address of the memory.
        size: answers the present size in bytes.
    """

    __slots__ = ("_base", "_end", "_size", "view", "words")

    def __init__(self, base: int, size: Callable[[], int]) -> None:
        self._base = base
        self._size = size
        self._end = 0
        self.view = memoryview(b"")
        self.words = self.view  # the same as 32-bit integers: one look-up where a struct takes two
        self._renew()

    def _renew(self) -> None:
        end = self._size()
        if end and end != self._end:
            array = (ctypes.c_char * end).from_address(self._base)
            self.view = memoryview(array).cast("B")
            self.words = self.view.cast("I")
            self._end = end

    def span(self, at: int, size: int) -> memoryview:
        """The *size* bytes at *at*, readable and writable.

        Raises:
            WasiError: FAULT, some of them lie outside the memory.
        """
        end = at + size
        if end > self._end:
            self._renew()
            if end > self._end:
                raise WasiError(FAULT)
        return self.view[at:end]

    def buffer(self, at: int) -> memoryview:
        """The buffer that the one iovec at *at* describes; most calls have one."""
        if not at & 3 and at + _IOVEC_SIZE <= self._end:
            words = self.words
            base = words[at >> 2]
            end = base + words[(at >> 2) + 1]
            if end <= self._end:
                return self.view[base:end]
        base, size = _iovec.unpack(self.span(at, _IOVEC_SIZE))
        return self.span(base, size)

    def spans(self, at: int, count: int) -> list[memoryview]:
        """The buffers that *count* iovecs at *at* describe, empty ones left out.

        Raises:
            WasiError: FAULT; INVAL for too many, or for more bytes together than a result can say.
        """
        if count > MAX_IOVECS:
            raise WasiError(INVAL)
        table = self.span(at, count * _IOVEC_SIZE)
        found = [self.span(base, size) for base, size in _iovec.iter_unpack(table) if size]
        if sum(map(len, found)) > _MAX_TRANSFER:
            raise WasiError(INVAL)
        return found

    def path(self, at: int, size: int) -> bytes:
        """A copy of the path at *at*; its form is checked where it is resolved."""
        if size > MAX_PATH:
            raise WasiError(NAMETOOLONG)
        return bytes(self.span(at, size))

    def put_u32(self, at: int, value: int) -> None:
        """Store four bytes, little-endian."""
        if at & 3 or at + 4 > self._end:
            _u32.pack_into(self.span(at, 4), 0, value)
        else:
            self.words[at >> 2] = value

    def put_u64(self, at: int, value: int) -> None:
        """Store eight bytes, little-endian."""
        if at + 8 > self._end:
            self.span(at, 8)
        _u64.pack_into(self.view, at, value)

    def put(self, at: int, data: bytes) -> None:
        """Store *data*."""
        self.span(at, len(data))[:] = data


NO_MEMORY = GuestMemory(0, lambda: 0)
"""Every pointer into it is bad; what a guest has that exports none."""
