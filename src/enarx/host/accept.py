"""Listen on the keep's behalf and pass each connection on through an accept channel.

What the keep does not take waits in the channel, then in the kernel's backlog: while the channel
is full nothing is accepted.  Sockets are handed over in blocking mode; TLS ends in the keep.
"""

from __future__ import annotations

import errno
import os
import select
import socket
from functools import partial

from enarx import frames
from enarx.host.resolve import family_of, numeric
from enarx.protocol.link import encode_peer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from enarx.host.reactor import Reactor

_BACKLOG = 4096  # the kernel lowers it to net.core.somaxconn
_AT_A_TIME = 64
_CHANNEL_BYTES = 64 * 1024  # some 60 connections on their way to the keep
_PAUSE_S = 0.1
_OUT_OF_RESOURCES = frozenset(
    (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.ETOOMANYREFS)
)
_MAPPED = "::ffff:"


def bind(host: str, port: int) -> list[socket.socket]:
    """Return sockets that listen on *host*: an address, ``localhost`` or ``::`` for everything.

    ``::`` listens on IPv6 and IPv4; ``localhost`` on both loopback addresses; port 0 takes a free
    one.  A machine without IPv6 is served on IPv4.

    Raises:
        OSError: with the place in its text; a name other than ``localhost`` is EADDRNOTAVAIL.
    """
    address = numeric(host)
    if host == "localhost":
        wanted = ["127.0.0.1", "::1"]
    elif address is not None:
        wanted = [address]
    else:
        raise OSError(errno.EADDRNOTAVAIL, f"{host}: is not an address of this machine")
    found: list[socket.socket] = []
    try:
        for one in wanted:
            _bind_where_possible(one, found[0].getsockname()[1] if found else port, found)
        if not found and address == "::":
            _bind_where_possible("0.0.0.0", port, found)  # noqa: S104 - a machine without IPv6
    except OSError as error:
        _close(found)
        raise _cannot(host, port, error.errno or errno.EIO) from error
    if not found:
        raise _cannot(host, port, errno.EADDRNOTAVAIL)
    return found


def _cannot(host: str, port: int, code: int) -> OSError:
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return OSError(code, f"{place}: {os.strerror(code).lower()}")


class Acceptor:
    """Feeds one accept channel from *sockets*, which it owns, until the keep closes its end."""

    def __init__(
        self, reactor: Reactor, sockets: list[socket.socket], closed: Callable[[Acceptor], None]
    ) -> None:
        self._reactor = reactor
        self._sockets = sockets
        self._closed = closed
        self._held: tuple[socket.socket, bytes] | None = None
        try:
            pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        except OSError:
            _close(sockets)
            raise
        self._channel, self.keeps_end = pair
        self._channel.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _CHANNEL_BYTES)
        self.port: int = sockets[0].getsockname()[1]
        self._watch_channel(0)
        self._listen()

    def close(self) -> None:
        """Stop listening and drop what was not delivered."""
        self._reactor.forget(self._channel.fileno())
        self._deaf()
        _close(self._sockets)
        self._channel.close()
        self.keeps_end.close()
        if self._held is not None:
            self._held[0].close()
            self._held = None

    def _listen(self) -> None:
        for sock in self._sockets:
            if sock.fileno() >= 0:
                self._reactor.watch(sock.fileno(), select.POLLIN, partial(self._incoming, sock))

    def _deaf(self) -> None:
        for sock in self._sockets:
            self._reactor.forget(sock.fileno())

    def _watch_channel(self, mask: int) -> None:
        self._reactor.watch(self._channel.fileno(), mask, self._channel_ready)

    def _incoming(self, sock: socket.socket, _events: int) -> None:
        """Accept what is there, up to a bound that lets others have their turn."""
        for _ in range(_AT_A_TIME):
            try:
                connection, peer = sock.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _OUT_OF_RESOURCES:
                    self._pause()
                    return
                continue  # that connection was gone before it was accepted
            connection.setblocking(True)  # noqa: FBT003 - the socket module's name for it
            host = peer[0].removeprefix(_MAPPED) if "." in peer[0] else peer[0]
            if not self._deliver(connection, encode_peer(host, peer[1])):
                return

    def _deliver(self, connection: socket.socket, frame: bytes) -> bool:
        """Pass one connection on; false if it must wait and no other may be accepted."""
        try:
            frames.send(self._channel, frame, (connection.fileno(),), wait=False)
        except BlockingIOError:
            self._held = connection, frame
            self._deaf()
            self._watch_channel(select.POLLOUT)
            return False
        except OSError as error:
            if error.errno in _OUT_OF_RESOURCES:
                self._held = connection, frame
                self._pause()
            else:  # the keep is gone; the hang-up closes the rest
                connection.close()
            return False
        connection.close()
        return True

    def _pause(self) -> None:
        """Wait for the system to have descriptors or memory again instead of spinning."""
        self._deaf()
        self._reactor.later(_PAUSE_S, self._resume)

    def _resume(self) -> None:
        if self._channel.fileno() < 0:
            return
        if self._held is not None:
            held, self._held = self._held, None
            if not self._deliver(*held):
                return
        self._watch_channel(0)
        self._listen()

    def _channel_ready(self, events: int) -> None:
        """There is room again, or the keep has closed its end."""
        if events & (select.POLLHUP | select.POLLERR):
            self.close()
            self._closed(self)
        else:
            self._resume()


def _bind_where_possible(address: str, port: int, found: list[socket.socket]) -> None:
    """Add a listening socket for *address* unless this machine does not have that address."""
    family = family_of(address)
    try:
        sock = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        if error.errno != errno.EAFNOSUPPORT:
            raise
        return
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # inherited by connections
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if address == "::" else 1)
        sock.bind((address, port))
        sock.listen(_BACKLOG)
        sock.setblocking(False)  # noqa: FBT003 - the socket module's name for it
    except OSError as error:
        sock.close()
        if error.errno != errno.EADDRNOTAVAIL:
            raise
        return
    found.append(sock)


def _close(sockets: list[socket.socket]) -> None:
    for sock in sockets:
        sock.close()
