"""A cursor over untrusted bytes, for the parts whose length is in the data."""

from __future__ import annotations

from typing import Literal

from enarx.errors import MalformedError

Order = Literal["little", "big"]


class Reader:
    """Takes parts from the front; every take names what it takes.

    Args:
        data: the whole; nothing is copied until it is taken.
        where: what to call it in errors.
        order: byte order of its integers.
    """

    __slots__ = ("_at", "_data", "_order", "where")

    def __init__(self, data: bytes, where: str, order: Order = "little") -> None:
        self._data, self._at, self._order = data, 0, order
        self.where = where

    @property
    def offset(self) -> int:
        """Bytes taken so far."""
        return self._at

    @property
    def left(self) -> int:
        """Bytes not taken yet."""
        return len(self._data) - self._at

    def take(self, size: int, what: str) -> bytes:
        """The next *size* bytes.

        Raises:
            MalformedError: fewer are left, or *size*, computed from hostile lengths, is negative.
        """
        if not 0 <= size <= self.left:
            problem = f"got {self.left} bytes, want {size}"
            raise MalformedError(f"{self.where}.{what}", problem, offset=self._at)
        self._at += size
        return self._data[self._at - size : self._at]

    def uint(self, size: int, what: str) -> int:
        """The next unsigned integer of *size* bytes."""
        return int.from_bytes(self.take(size, what), self._order)

    def sized(self, prefix: int, what: str, *, most: int) -> bytes:
        """The next part, whose length of at most *most* is a *prefix*-byte integer before it.

        Raises:
            MalformedError: the length is larger than *most*, or fewer bytes are left.
        """
        begin = self._at
        size = self.uint(prefix, f"{what} length")
        if size > most:
            problem = f"got length {size}, want at most {most}"
            raise MalformedError(f"{self.where}.{what}", problem, offset=begin)
        return self.take(size, what)

    def zeros(self, size: int, what: str) -> None:
        """Insist that the next *size* bytes, which are reserved, are zero."""
        begin = self._at
        if (found := self.take(size, what)).strip(b"\0"):
            raise not_zero(found, f"{self.where}.{what}", begin)

    def rest(self) -> bytes:
        """All that is left."""
        return self.take(self.left, "rest")

    def end(self) -> None:
        """Insist that nothing is left."""
        if self.left:
            raise MalformedError(self.where, f"{self.left} trailing bytes", offset=self._at)


def not_zero(found: bytes, where: str, offset: int) -> MalformedError:
    """What is wrong with reserved bytes: all of a few, the first that is not zero of many."""
    if len(found) > _SHOWN_BYTES:
        zeros = len(found) - len(found.lstrip(b"\0"))
        found, offset = found[zeros : zeros + 1], offset + zeros
    return MalformedError(where, f"reserved, got {found.hex()}, want zero", offset=offset)


_SHOWN_BYTES = 32
