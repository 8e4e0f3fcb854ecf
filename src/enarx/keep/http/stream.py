"""The two directions of a message's body, for somebody who may have to wait for the peer.

How long the peer may keep its reader or writer waiting is bounded over the whole body: a
connection earns time with the bytes that it moves, so a slow one is tolerated and one that
drips is not.
"""

from __future__ import annotations

import errno
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enarx.keep.http.body import Decoder, Encoder
    from enarx.keep.http.fields import Fields
    from enarx.keep.http.wire import Wire

BUFFER = 64 * 1024
"""Bytes of a body that wait for the peer before its writer must."""


_NEXT_TO_NOTHING = 1024


class Patience:
    """How much longer the peer may be waited for.

    Args:
        start_s: what every peer is given, and the most that it can have.
        rate: bytes that earn one second more.
    """

    def __init__(self, start_s: float = 30.0, rate: int = 16 * 1024) -> None:
        self._most = self._left_s = start_s
        self._rate = rate
        self._since_s: float | None = None

    def count(self, moved: int, *, blocked: bool) -> None:
        """Count *moved* bytes, and the time since the peer was found wanting.

        That time is the peer's fault if it brought next to nothing: else it may be the
        application's own, which came back late.

        Raises:
            TimeoutError: the peer has used up its time.
        """
        now = time.monotonic()
        if self._since_s is not None and moved < _NEXT_TO_NOTHING:
            self._left_s -= now - self._since_s
        self._left_s = min(self._most, self._left_s + moved / self._rate)
        self._since_s = now if blocked else None
        if self._left_s <= 0:
            raise TimeoutError(errno.ETIMEDOUT, "the peer is too slow")

    def deadline_ns(self) -> int | None:
        """The instant of the monotonic clock at which it ends; None while nobody waits."""
        if self._since_s is None:
            return None
        return int((self._since_s + self._left_s) * 1e9) + 1


class BodyReader:
    """A body that comes.

    Args:
        wire: the connection.
        decoder: how it is framed.
        patience: with the peer; None waits for ever.
    """

    def __init__(self, wire: Wire, decoder: Decoder, patience: Patience | None = None) -> None:
        self._wire = wire
        self._decoder = decoder
        self._patience = patience
        self._ahead = bytearray()

    @property
    def trailers(self) -> Fields:
        """Fields that came after the body."""
        return self._decoder.trailers

    @property
    def done(self) -> bool:
        """Whether all of it was taken."""
        return self._decoder.done and not self._ahead

    def complete(self) -> bool:
        """Whether all of it is here."""
        return self._decoder.done

    def prefetch(self, most: int) -> int:
        """Take up to *most* bytes in, for ``take``; how many are here."""
        while len(self._ahead) < most and not self._decoder.done:
            data = self._next(most - len(self._ahead))
            if not data:
                break
            self._ahead += data
        return len(self._ahead)

    def take(self, most: int) -> bytes | None:
        """Up to *most* bytes, empty at the end, None if none is here.

        Raises:
            OSError: the body is malformed, cut off, or too slow.
        """
        if self._ahead:
            data = bytes(self._ahead[:most])
            del self._ahead[: len(data)]
            return data
        if self._decoder.done:
            return b""
        data = self._next(most)
        here = bool(data) or self._decoder.done
        if self._patience is not None:
            self._patience.count(len(data), blocked=not here)
        return data if here else None

    def ready(self) -> bool:
        """Whether ``take`` would not say None; a failure is for ``take`` to tell."""
        try:
            if self.prefetch(1) or self.complete():
                return True
            at_ns = self.deadline_ns()
            return at_ns is not None and time.monotonic_ns() >= at_ns
        except OSError:
            return True

    def interest(self) -> tuple[tuple[int, int], ...]:
        """What to wait for after None."""
        return self._wire.interest(read=True, write=True)

    def deadline_ns(self) -> int | None:
        """When patience with the peer ends."""
        return self._patience.deadline_ns() if self._patience is not None else None

    def _next(self, most: int) -> bytes:
        data = self._decoder.take(self._wire.received, most)
        if not data and not self.complete():
            self._wire.send()
            self._wire.receive()
            data = self._decoder.take(self._wire.received, most)
            if not data and not self.complete() and self._wire.ended:
                self._decoder.end()
        return data


class BodyWriter:
    """A body that goes.

    Args:
        wire: the connection.
        encoder: how it is framed.
        patience: with the peer; None waits for ever.

    Attributes:
        ended: it went out whole.
    """

    def __init__(self, wire: Wire, encoder: Encoder, patience: Patience | None = None) -> None:
        self._wire = wire
        self._encoder = encoder
        self._patience = patience
        self.ended = False

    @property
    def written(self) -> int:
        """Bytes that were put."""
        return self._encoder.written

    def room(self) -> int:
        """Bytes that may be put now.

        Raises:
            OSError: the peer is gone, or too slow.
        """
        self._send()
        return max(0, BUFFER - self._wire.waiting())

    def put(self, data: bytes) -> None:
        """Send *data*, or keep it until there is room.

        Raises:
            OSError: more than was announced, or the peer is gone.
        """
        self._wire.check()
        self._wire.queue(self._encoder.frame(data))

    def drained(self) -> bool:
        """Whether everything has gone.

        Raises:
            OSError: the peer is gone, or too slow.
        """
        self._send()
        return not self._wire.waiting()

    def interest(self) -> tuple[tuple[int, int], ...]:
        """What to wait for when there is no room."""
        return self._wire.interest(read=False, write=True)

    def deadline_ns(self) -> int | None:
        """When patience with the peer ends."""
        return self._patience.deadline_ns() if self._patience is not None else None

    def end(self, trailers: Fields) -> None:
        """The body is whole.

        Raises:
            OSError: it is shorter than was announced.
        """
        self._wire.queue(self._encoder.end(trailers))
        self.ended = True

    def _send(self) -> None:
        self._wire.check()
        sent = self._wire.send()
        self._wire.check()
        if self._patience is not None:
            self._patience.count(sent, blocked=bool(self._wire.waiting()))
