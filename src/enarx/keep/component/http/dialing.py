"""Connections for requests: looked up, connected and, for HTTPS, secured, without waiting.

The broker resolves and connects, and is not trusted: over TLS the server must show a certificate
for the name that was asked for.
"""

from __future__ import annotations

from enarx.keep.component.addresses import numeric
from enarx.keep.component.http.error_code import CodedError
from enarx.keep.http.wire import Wire
from enarx.keep.net.plain import PlainStream
from enarx.keep.net.wait import Background

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enarx.keep.component.outgoing import Connecting, LookingUp, Network
    from enarx.keep.net.handshake import Handshake


class Dialing:
    """A connection on its way: lookup, TCP, TLS."""

    def __init__(self, network: Network, host: str, port: int, *, tls: bool) -> None:
        self._network = network
        self._host, self._port = host, port
        self._tls = tls
        self._addresses: list[str] = []
        self._looking_up: LookingUp | None = None
        self._connecting: Connecting | None = None
        self._handshake: Handshake | None = None
        if numeric(host) is not None:
            self._connecting = network.connect(host.strip("[]"), port)
        else:
            self._looking_up = network.look_up(host)

    def wire(self) -> Wire | None:
        """The connection, None while it is on its way.

        Raises:
            OSError: it cannot be made.
        """
        try:
            if self._looking_up is not None:
                self._addresses = list(self._looking_up.addresses())
                self._looking_up = None
                self._next_address()
            return self._connected()
        except BlockingIOError:
            return None

    def interest(self) -> tuple[tuple[int, int], ...]:
        """What to wait for after None."""
        if self._handshake is not None:
            return ((self._handshake.fileno(), self._handshake.wants),)
        waiting = self._connecting or self._looking_up
        return waiting.interest() if waiting is not None else ()

    def close(self) -> None:
        """Give up."""
        if self._handshake is not None:
            self._handshake.close()
        if self._connecting is not None:
            self._connecting.cancel()

    def _next_address(self) -> None:
        if not self._addresses:
            raise CodedError("DNS-error", (None, None))
        self._connecting = self._network.connect(self._addresses.pop(0), self._port)

    def _connected(self) -> Wire | None:
        while self._connecting is not None:
            try:
                fd, peer = self._connecting.descriptor()
            except BlockingIOError:
                raise
            except OSError:
                if not self._addresses:
                    raise
                self._next_address()
                continue
            self._connecting = None
            if not self._tls:
                return Wire(PlainStream(fd, peer, self._network.background))
            if self._network.tls is None:
                raise CodedError("configuration-error")
            self._handshake = self._network.tls(fd, peer, self._host.strip("[]"))
        if self._handshake is None or not self._handshake.advance():
            return None
        stream = self._handshake.stream(self._network.background or Background())
        self._handshake = None
        return Wire(stream)
