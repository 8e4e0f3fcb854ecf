"""Open a TCP connection to a name or address without blocking anybody.

Addresses are tried in the resolver's order with IPv6 and IPv4 alternating, the next one when the
last failed or is slow; the first that answers wins (RFC 8305, "happy eyeballs").
"""

from __future__ import annotations

import errno
import os
import select
import socket
from functools import partial
from itertools import zip_longest

from enarx.host.resolve import family_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from enarx.host.reactor import Reactor, Timer
    from enarx.host.resolve import Lookups

    Done: TypeAlias = Callable[["socket.socket | None", "OSError | None"], None]

_NEXT_ATTEMPT_S = 0.25  # RFC 8305 section 5, Connection Attempt Delay


class Connecting:
    """One connection on its way; reports exactly once, unless cancelled."""

    def __init__(
        self,
        reactor: Reactor,
        lookups: Lookups,
        *,
        host: str,
        port: int,
        timeout_s: float,
    ) -> None:
        self._reactor = reactor
        self._lookups = lookups
        self._host = host
        self._port = port
        self._done: Done | None = None
        self._left: list[str] = []
        self._open: dict[int, socket.socket] = {}
        self._error: OSError | None = None
        self._next: Timer | None = None
        self._deadline = reactor.later(timeout_s, self._expire)

    def start(self, done: Done) -> None:
        """Begin; *done* gets a socket in blocking mode, or an error, perhaps at once."""
        self._done = done
        self._lookups.start(self._host, self._resolved)

    def cancel(self) -> None:
        """Give up without a word."""
        self._done = None
        self._finish(None, None)

    def _resolved(self, addresses: tuple[str, ...], error: OSError | None) -> None:
        if self._done is None:
            return
        self._left = _alternate(addresses)
        self._error = error
        self._attempt()

    def _attempt(self) -> None:
        """Start on the next address; if none is left and none is open, that was it."""
        while self._left and self._done is not None:
            address = self._left.pop(0)
            try:
                sock = socket.socket(family_of(address), socket.SOCK_STREAM)
            except OSError as error:
                self._error = error
                continue
            sock.setblocking(False)  # noqa: FBT003 - the socket module's name for it
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            code = sock.connect_ex((address, self._port))
            if code not in (0, errno.EINPROGRESS):
                self._failed(sock, code)
                continue
            self._open[sock.fileno()] = sock
            self._reactor.watch(sock.fileno(), select.POLLOUT, partial(self._ready, sock))
            if self._left:
                self._next = self._reactor.later(_NEXT_ATTEMPT_S, self._attempt)
            return
        if not self._open and self._done is not None:
            self._finish(None, self._error or OSError(errno.EHOSTUNREACH, "has no address"))

    def _ready(self, sock: socket.socket, _events: int) -> None:
        """An attempt succeeded or failed."""
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        self._forget(sock)
        if code == 0:
            sock.setblocking(True)  # noqa: FBT003 - the socket module's name for it
            self._finish(sock, None)
            return
        self._failed(sock, code)
        if self._next is not None:
            self._next.cancel()
        self._attempt()

    def _failed(self, sock: socket.socket, code: int) -> None:
        sock.close()
        self._error = OSError(code, os.strerror(code).lower())

    def _expire(self) -> None:
        self._finish(None, OSError(errno.ETIMEDOUT, "connection timed out"))

    def _forget(self, sock: socket.socket) -> None:
        self._reactor.forget(sock.fileno())
        del self._open[sock.fileno()]

    def _finish(self, sock: socket.socket | None, error: OSError | None) -> None:
        """Clean up and report."""
        self._deadline.cancel()
        if self._next is not None:
            self._next.cancel()
        for other in tuple(self._open.values()):
            self._forget(other)
            other.close()
        self._left.clear()
        done, self._done = self._done, None
        if done is not None:
            done(sock, _named(error, self._host, self._port))


def _alternate(addresses: tuple[str, ...]) -> list[str]:
    """Keep the order within each family but let families take turns, the first one's first."""
    if not addresses:
        return []
    first = family_of(addresses[0])
    one = [a for a in addresses if family_of(a) == first]
    two = [a for a in addresses if family_of(a) != first]
    return [a for pair in zip_longest(one, two) for a in pair if a is not None]


def _named(error: OSError | None, host: str, port: int) -> OSError | None:
    """Say where it could not connect to, once."""
    if error is None:
        return None
    text = error.strerror or str(error)
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    text = text.removeprefix(f"{host}: ")
    return OSError(error.errno or errno.EIO, f"{place}: {text}")
