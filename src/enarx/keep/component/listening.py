"""Listening by ``wasi:sockets``: to the ports that Enarx.toml opens, and to no others.

A component binds to an address, while the host has already opened what the configuration names:
binding finds the one with that port, and hands out its connections.  Where the configuration
says ``prot = "tls"``, the keep does the handshakes, and the component reads plain bytes.

Source: wasi:sockets 0.2.12, tcp.wit and TcpSocketOperationalSemantics.md.
"""

from __future__ import annotations

import errno

from enarx.keep.component.error_code import SocketStateError
from enarx.keep.component.pollable import Pollable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enarx.keep.component.addresses import SocketAddress
    from enarx.keep.net.listener import Listener
    from enarx.keep.net.tls_listener import TlsListener
    from enarx.keep.system import Listening
    from enarx.keep.wasi.sockets import Stream

_UNBOUND, _BINDING, _BOUND, _STARTING, _LISTENING = range(5)


class Acceptable(Pollable):
    """Ready when a connection is there to accept."""

    def __init__(self, listener: Listener | TlsListener) -> None:
        self._listener = listener

    def ready(self) -> bool:
        """Go on with the handshakes."""
        return self._listener.ready()

    def interest(self) -> tuple[tuple[int, int], ...]:
        """What brings connections, and their handshakes."""
        return self._listener.interest()


class Binding:
    """What a socket is bound to.

    Args:
        sockets: the listening sockets of the configuration.

    Attributes:
        address: what it is bound to; None while it is not.
    """

    def __init__(self, sockets: tuple[Listening, ...]) -> None:
        self._sockets = sockets
        self._socket: Listening | None = None
        self._state = _UNBOUND
        self.address: SocketAddress | None = None

    def start_bind(self, address: SocketAddress) -> None:
        """Find the configuration's socket with this port.

        Raises:
            PermissionError: there is none.
        """
        if self._state != _UNBOUND:
            raise SocketStateError("invalid-state")
        port = address[1][0]
        found = next((each for each in self._sockets if each.port == port), None)
        if found is None:
            raise PermissionError(errno.EACCES, f"no [[files]] listens to port {port}")
        self._socket, self.address, self._state = found, address, _BINDING

    def finish_bind(self) -> None:
        """It was found already."""
        self._advance(_BINDING)

    def start_listen(self) -> None:
        """The host has listened from the start."""
        if self._state < _BOUND:
            raise SocketStateError("invalid-state")
        self._advance(_BOUND)

    def finish_listen(self) -> None:
        """The host has listened from the start."""
        self._advance(_STARTING)

    def listens(self) -> bool:
        """Whether connections can be accepted."""
        return self._state == _LISTENING

    def accept(self) -> Stream:
        """The next connection.

        Raises:
            BlockingIOError: there is none.
            OSError: it does not listen, or the host has closed the socket.
        """
        return self._listener().accept()

    def subscribe(self) -> Pollable:
        """Ready when ``accept`` would not have to wait."""
        return Acceptable(self._listener()) if self.listens() else Pollable()

    def _listener(self) -> Listener | TlsListener:
        if self._socket is None or not self.listens():
            raise SocketStateError("invalid-state")
        return self._socket.listener

    def _advance(self, state: int) -> None:
        if self._state != state:
            raise SocketStateError(
                "not-in-progress" if self._state < _LISTENING else "invalid-state"
            )
        self._state = state + 1
