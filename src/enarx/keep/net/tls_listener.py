"""A listening TLS socket: connections are accepted by the guest when their handshake is done.

Handshakes go on side by side, whenever the guest waits for anything; a client that says nothing
holds up nobody and is dropped after the time-out.  Both numbers an attacker could drive up are
bounded: handshakes at a time, and finished connections that the guest has not accepted yet;
beyond them connections wait in the accept channel, and then in the host's backlog.  When the
first bound is reached, the oldest handshake makes room for a new connection after `GRACE_S`, so
that silent clients cannot keep others out for the whole time-out.
"""

from __future__ import annotations

import errno
import os
import select
import time
from collections import deque

from enarx.keep.net.handshake import Handshake, timed_out

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from enarx.keep.net.channel import AcceptChannel
    from enarx.keep.net.tls import TlsStream
    from enarx.keep.net.tls_context import TlsContext
    from enarx.keep.net.wait import Background

    Refused = Callable[[tuple[str, int], OSError], None]

CONCURRENT = 128  # handshakes: about 50 KiB each
GRACE_S = 1.0  # what a handshake may take even when others wait: three slow round trips
FINISHED = 128  # connections the guest has not accepted: what a usual backlog holds
_TURN = 16  # handshakes advanced before the guest gets its turn: about 0.3 ms of work each
_EVENTS = {select.POLLIN: select.EPOLLIN, select.POLLOUT: select.EPOLLOUT}


class TlsListener:
    """TLS connections out of the accept channel.

    Args:
        channel: where the broker puts them.
        context: the server's side of TLS.
        background: pumps this listener while the guest waits for something else.
        clock: seconds since 1970, for the certificates of clients.
        refused: told about each handshake that failed, with its peer; for the log.
        renewed: gives the context of the next connection, where *context* may grow old; it raises
            OSError while there is none, and the connection is refused.
    """

    __slots__ = (
        "_background",
        "_channel",
        "_clock",
        "_context",
        "_epoll",
        "_finished",
        "_handshakes",
        "_listening",
        "_refused",
        "_renewed",
    )

    def __init__(
        self,
        channel: AcceptChannel,
        context: TlsContext,
        background: Background,
        *,
        clock: Callable[[], float],
        refused: Refused | None = None,
        renewed: Callable[[], TlsContext] | None = None,
    ) -> None:
        self._channel = channel
        self._context = context
        self._background = background
        self._clock = clock
        self._refused = refused
        self._renewed = renewed
        self._handshakes: dict[int, Handshake] = {}
        self._finished: deque[TlsStream] = deque()
        # One descriptor that is readable when any handshake, or the channel, can go on.
        self._epoll = select.epoll()
        self._epoll.register(channel.fileno(), select.EPOLLIN)
        self._listening = True  # whether the channel is in the epoll set
        background.add(self)

    def accept(self) -> TlsStream:
        """The next connection whose handshake is done.

        Raises:
            BlockingIOError: none is.
            OSError: EINVAL when the host has closed the socket.
        """
        if not self.ready():
            raise BlockingIOError(errno.EAGAIN, "no handshake is done")
        if not self._finished:
            raise OSError(errno.EINVAL, "the host has closed this listening socket")
        stream = self._finished.popleft()
        self._balance()
        return stream

    def ready(self) -> bool:
        """Whether `accept` would not block; goes on with the handshakes."""
        self.pump()
        return self.known()

    def known(self) -> bool:
        """Whether `accept` would not block, without going on with anything."""
        return bool(self._finished) or (self._channel.ended and not self._handshakes)

    def interest(self) -> tuple[tuple[int, int], ...]:
        """What to wait for when `ready` said no."""
        return ((self._epoll.fileno(), select.POLLIN),)

    def wait(self, deadline: float | None = None) -> None:
        """Sleep until something happened that `accept` should look at, or *deadline*."""
        self._background.wait(self.interest(), deadline)

    def deadline(self) -> float | None:
        """When the first unfinished handshake is due to be dropped, or may have to make room."""
        if not self._handshakes:
            return None
        oldest = next(iter(self._handshakes.values()))  # all have the same time-out
        if self._is_full() and not self._listening:
            return min(oldest.deadline, self._grace_end(oldest))
        return oldest.deadline

    def pump(self) -> None:
        """Take new connections and go on with handshakes, a bounded number, never blocking."""
        for fd, _ in self._epoll.poll(0, _TURN):
            if fd in self._handshakes:
                self._advance(self._handshakes[fd])
            else:
                self._take()
        if self._handshakes:
            self._expire()
        self._balance()

    def close(self) -> None:
        """Stop listening; connections the guest has not accepted are dropped."""
        self._background.discard(self)
        for handshake in self._handshakes.values():
            handshake.close()
        self._handshakes.clear()
        while self._finished:
            self._finished.popleft().close()
        self._epoll.close()
        self._channel.close()

    def _take(self) -> None:
        """Begin the handshake of the next connection in the channel."""
        try:
            fd, peer = self._channel.receive()
            if not self._has_context(fd, peer):
                return
            if self._is_full():
                oldest = next(iter(self._handshakes.values()))
                self._drop(oldest, OSError(errno.EBUSY, "made room for another connection"))
            handshake = Handshake(
                fd,
                peer,
                self._context,
                deadline=time.monotonic() + self._context.settings.handshake_timeout_s,
                now_s=self._clock(),
            )
        except OSError:
            return  # nothing there, the end of the channel, or no socket: `_balance` looks at it
        self._handshakes[handshake.fileno()] = handshake
        self._epoll.register(handshake.fileno(), select.EPOLLIN)
        self._advance(handshake)

    def _has_context(self, fd: int, peer: tuple[str, int]) -> bool:
        """Whether a new connection can be served; one that cannot is closed."""
        if self._renewed is None:
            return True
        try:
            self._context = self._renewed()
        except OSError as e:
            os.close(fd)
            if self._refused is not None:
                self._refused(peer, e)
            return False
        return True

    def _advance(self, handshake: Handshake) -> None:
        fd = handshake.fileno()
        before = handshake.wants
        try:
            done = handshake.advance()
        except OSError as e:
            self._drop(handshake, e)
            return
        if done:
            self._forget(handshake)
            self._finished.append(handshake.stream(self._background))
        elif handshake.wants != before:
            self._epoll.modify(fd, _EVENTS[handshake.wants])

    def _expire(self) -> None:
        now = time.monotonic()
        for handshake in [each for each in self._handshakes.values() if each.deadline <= now]:
            self._drop(handshake, timed_out())

    def _drop(self, handshake: Handshake, reason: OSError) -> None:
        self._forget(handshake)
        handshake.close()
        if self._refused is not None:
            self._refused(handshake.peer, reason)

    def _forget(self, handshake: Handshake) -> None:
        del self._handshakes[handshake.fileno()]
        self._epoll.unregister(handshake.fileno())

    def _is_full(self) -> bool:
        return len(self._handshakes) >= CONCURRENT

    def _grace_end(self, handshake: Handshake) -> float:
        return handshake.deadline - self._context.settings.handshake_timeout_s + GRACE_S

    def _has_room(self) -> bool:
        if self._channel.ended or len(self._finished) >= FINISHED:
            return False
        if not self._is_full():
            return True
        return self._grace_end(next(iter(self._handshakes.values()))) <= time.monotonic()

    def _balance(self) -> None:
        """Listen to the channel only while there is room for what comes out of it."""
        room = self._has_room()
        if room and not self._listening:
            self._epoll.register(self._channel.fileno(), select.EPOLLIN)
        elif not room and self._listening:
            self._epoll.unregister(self._channel.fileno())
        self._listening = room
