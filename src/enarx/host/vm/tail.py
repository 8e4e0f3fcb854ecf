"""The first and the last line that somebody writes, whatever and however much it is.

Nothing is trusted: lines are cut, and made printable for people.
"""

from __future__ import annotations

MAX_LINE = 200
_MAX_PENDING = 4096


class Tail:
    """Takes bytes and remembers two lines.

    Args:
        unless: a line with this in it does not count as the first.
    """

    def __init__(self, *, unless: str = "") -> None:
        self.first = ""
        self._unless = unless
        self.last = ""
        self._pending = b""

    def feed(self, data: bytes) -> None:
        """Take what was written."""
        *lines, self._pending = (self._pending + data).split(b"\n")
        for line in lines:
            self._line(line)
        self._pending = self._pending[-_MAX_PENDING:]

    def close(self) -> None:
        """Nothing more comes: the rest is a line too."""
        self._line(self._pending)
        self._pending = b""

    def _line(self, line: bytes) -> None:
        text = line[:_MAX_PENDING].decode("utf-8", "replace").strip("\0 \t\r")
        text = "".join(c if c.isprintable() else "?" for c in text)[:MAX_LINE]
        if not text:
            return
        self.last = text
        if not self.first and not (self._unless and self._unless in text):
            self.first = text
