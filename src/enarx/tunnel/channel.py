"""One channel of a tunnel: how far each direction is, and what each side may still send.

A direction is open until it ends in one of three ways, and a channel is over when both have ended:

* END: what was sent is all, and the other direction goes on.
* CLOSE: the same, and nobody reads here any more: what still comes is discarded.
* RESET: broken off; what was sent may not have arrived, what still comes is discarded.

An END may be followed by a CLOSE or a RESET, a CLOSE by nothing.
"""

from __future__ import annotations

from enarx.tunnel.records import FRAMES, STREAM

OPEN, ENDED, CLOSED, BROKEN = range(4)
"""States of a direction."""

FRAMES_WINDOW = 256 * 1024
STREAM_WINDOW = 256 * 1024
SMALL_WINDOW = 8 * 1024
"""What a stream begins with, and all that it has when many others have much."""

FRAME_OVERHEAD = 64
"""What a frame costs beside its payload, so that many small ones are not free."""


class Channel:
    """One channel, as one side sees it.

    Attributes:
        kind: FRAMES, FILE or STREAM of ``records``.
        parity: HOST or KEEP, who opened it.
        out, into: the state of what this side sends, and of what it receives.
        credit: bytes that this side may still send.
        window: bytes that the other side may still send.
        most: what the window is when nothing is on its way.
        left: bytes of a file that are still to come or to be sent.
        size: of a file, in bytes.
        unwanted: a file whose content is thrown away.
    """

    __slots__ = (
        "credit", "into", "kind", "left", "most", "number", "out", "owed", "size", "unwanted",
        "window",
    )  # fmt: skip

    def __init__(self, number: int, kind: int, size: int = 0) -> None:
        self.number = number
        self.kind = kind
        self.size = self.left = size
        self.out = self.into = OPEN
        self.credit = self.window = self.most = _FIRST.get(kind, 0)
        self.owed = 0
        self.unwanted = False

    @property
    def parity(self) -> int:
        """Who opened it."""
        return self.number & 1

    @property
    def over(self) -> bool:
        """Both directions have ended."""
        return OPEN not in (self.out, self.into)

    @property
    def discards(self) -> bool:
        """This side has said that it reads no more."""
        return self.out >= CLOSED

    @property
    def deaf(self) -> bool:
        """The other side has said that it reads no more."""
        return self.into >= CLOSED


_FIRST = {FRAMES: FRAMES_WINDOW, STREAM: SMALL_WINDOW}
