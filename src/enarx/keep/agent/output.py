"""What the application wrote on one standard stream: the last of it, in bounded memory.

Readers have a position of their own.  As long as one that must miss nothing is behind, no more is
taken from the application than there is room for: the application waits, as it would for a slow
pipe.  All others may lose what is overwritten, and are told how much.
"""

from __future__ import annotations


class Output:
    """The last *limit* bytes of a stream.

    Attributes:
        start: position of the oldest byte that is still here.
        end: position behind the newest: how much was ever written.
        ended: no more will come.
        held: positions of the readers that must miss nothing, by reader.
    """

    __slots__ = ("_kept", "end", "ended", "held", "limit", "start")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.start = 0
        self.end = 0
        self.ended = False
        self.held: dict[object, int] = {}
        self._kept = bytearray()

    @property
    def room(self) -> int:
        """Bytes that can be written before a reader that must miss nothing misses some."""
        if not self.held:
            return self.limit
        return max(0, self.limit - (self.end - min(self.held.values())))

    def write(self, data: bytes) -> None:
        """Append *data*, which is not longer than ``room``; the oldest bytes make place."""
        self._kept += data
        self.end += len(data)
        excess = self.end - self.start - self.limit
        if excess > 0:
            del self._kept[:excess]
            self.start += excess

    def read(self, position: int, most: int) -> tuple[int, bytes]:
        """Return (where it begins, at most *most* bytes) of what follows *position*.

        It begins later than *position* where what was there has been overwritten.
        """
        position = max(position, self.start)
        offset = position - self.start
        return position, bytes(self._kept[offset : offset + most])
