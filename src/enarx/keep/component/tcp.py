"""``tcp-socket``: connections, made here or accepted.

Source: wasi:sockets 0.2.12, tcp.wit and TcpSocketOperationalSemantics.md.
"""

from __future__ import annotations

import errno
import os
import socket

from enarx.keep.component.addresses import host_and_port, socket_address
from enarx.keep.component.error_code import SocketStateError
from enarx.keep.component.listening import Binding
from enarx.keep.component.resource import Resource
from enarx.keep.component.streams import DescriptorInput, InputStream, OutputStream, SocketOutput
from enarx.keep.net.plain import SHUTDOWN_BOTH, SHUTDOWN_READ, SHUTDOWN_WRITE
from enarx.keep.wasi.sockets import StreamDescriptor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enarx.keep.component.addresses import SocketAddress
    from enarx.keep.component.outgoing import Connecting, Network
    from enarx.keep.component.pollable import Pollable
    from enarx.keep.system import Listening
    from enarx.keep.wasi.sockets import Stream

_NS_PER_S = 1_000_000_000
_SHUTDOWN = {"receive": SHUTDOWN_READ, "send": SHUTDOWN_WRITE, "both": SHUTDOWN_BOTH}
_MAPPED = "::ffff:"
_MAX_INT = (1 << 31) - 1
_UNSPECIFIED = {"ipv4": "0.0.0.0", "ipv6": "::"}  # noqa: S104 - an address that is not known


class NetworkHandle(Resource):
    """``network``: the right to use the network, as far as the configuration gives it."""

    wit_name = "network"


class Connection:
    """A connected stream with its users: the socket and the two streams; the last one closes."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self._users = 3

    def release(self) -> None:
        """One user less."""
        self._users -= 1
        if not self._users:
            self.stream.close()


class SocketInput(DescriptorInput):
    """Input from a connection."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(StreamDescriptor(connection.stream))
        self._connection = connection

    def close(self) -> None:
        """One user of the connection less."""
        self._connection.release()


class ConnectionOutput(SocketOutput):
    """Output to a connection; dropping it ends the sending, as the interface says."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(StreamDescriptor(connection.stream))
        self._connection = connection

    def close(self) -> None:
        """Send what is waiting; one user of the connection less."""
        try:
            self._drain()
        finally:
            self._connection.release()


class TcpSocket(Resource):
    """One TCP socket: unbound, connecting, connected, or bound and listening."""

    wit_name = "tcp-socket"

    def __init__(
        self, network: Network | None, family: str, sockets: tuple[Listening, ...] = ()
    ) -> None:
        self._binding = Binding(sockets)
        self._network = network
        self._family = family
        self._connecting: Connecting | None = None
        self._connection: Connection | None = None
        self._options: dict[tuple[int, int], int] = {}

    def close(self) -> None:
        """Its streams go on."""
        if self._connecting is not None:
            self._connecting.cancel()
        if self._connection is not None:
            self._connection.release()

    def start_connect(self, _network: NetworkHandle, remote: SocketAddress) -> None:
        """Ask for the connection."""
        if self._connecting is not None:
            raise SocketStateError("concurrency-conflict")
        if self._connection is not None or self._binding.address is not None:
            raise SocketStateError("invalid-state")
        if remote[0] != self._family:
            raise OSError(errno.EINVAL, "an address of the other family")
        host, port = host_and_port(remote)
        if self._network is None:
            raise PermissionError(errno.EACCES, "there is no [network] connect")
        self._connecting = self._network.connect(host, port)

    def finish_connect(self) -> tuple[InputStream, OutputStream]:
        """The streams of the connection."""
        if self._connecting is None:
            raise SocketStateError("not-in-progress")
        try:
            stream = self._connecting.stream()
        except BlockingIOError:
            raise
        except OSError:
            self._connecting = None
            raise
        self._connecting = None
        self._connection = connection = Connection(stream)
        try:
            for option, value in self._options.items():
                self._apply(option, value)
        except OSError:
            self._connection = None
            stream.close()
            raise
        return SocketInput(connection), ConnectionOutput(connection)

    def subscribe(self) -> Pollable:
        """Ready when ``finish-connect``, or ``accept``, would not have to wait."""
        return self._connecting or self._binding.subscribe()

    def shutdown(self, how: str) -> None:
        """End a direction."""
        self._connected().stream.shutdown(_SHUTDOWN[how])

    def local_address(self) -> SocketAddress:
        """Where the connection starts, or what was bound to.

        The host chose where it starts, and through a tunnel it does not say.
        """
        if self._binding.address is not None:
            return self._binding.address
        with self._duplicate() as duplicate:
            if duplicate.family == socket.AF_UNIX:
                return socket_address(_UNSPECIFIED[self._family], 0)
            host, port = duplicate.getsockname()[:2]
        return self._address(host, port)

    def remote_address(self) -> SocketAddress:
        """Where the connection leads."""
        return self._address(*self._connected().stream.peer)

    def is_listening(self) -> bool:
        """Whether connections can be accepted."""
        return self._binding.listens()

    def address_family(self) -> str:
        """``ipv4`` or ``ipv6``, as it was made."""
        return self._family

    # listening

    def start_bind(self, _network: NetworkHandle, address: SocketAddress) -> None:
        """To a port that the configuration opens."""
        if address[0] != self._family:
            raise OSError(errno.EINVAL, "an address of the other family")
        self._binding.start_bind(address)

    def finish_bind(self) -> None:
        """Done."""
        self._binding.finish_bind()

    def start_listen(self) -> None:
        """Begin to take connections."""
        self._binding.start_listen()

    def finish_listen(self) -> None:
        """Done."""
        self._binding.finish_listen()

    def accept(self) -> tuple[TcpSocket, InputStream, OutputStream]:
        """The next connection."""
        made = TcpSocket(self._network, self._family)
        made._connection = connection = Connection(self._binding.accept())
        return made, SocketInput(connection), ConnectionOutput(connection)

    def set_listen_backlog_size(self, size: int) -> None:
        """The host's own, whatever is asked for."""
        _positive(size, _MAX_INT)

    # options: kept until there is a connection, and set on it then; a tunnel has none

    def keep_alive_enabled(self) -> bool:
        """SO_KEEPALIVE."""
        return bool(self._get((socket.SOL_SOCKET, socket.SO_KEEPALIVE), 0))

    def set_keep_alive_enabled(self, value: bool) -> None:  # noqa: FBT001 - the interface's own
        """SO_KEEPALIVE."""
        self._set((socket.SOL_SOCKET, socket.SO_KEEPALIVE), int(value))

    def keep_alive_idle_time(self) -> int:
        """TCP_KEEPIDLE, in ns."""
        return self._get((socket.IPPROTO_TCP, socket.TCP_KEEPIDLE), 7200) * _NS_PER_S

    def set_keep_alive_idle_time(self, duration: int) -> None:
        """TCP_KEEPIDLE."""
        self._set((socket.IPPROTO_TCP, socket.TCP_KEEPIDLE), _seconds(duration))

    def keep_alive_interval(self) -> int:
        """TCP_KEEPINTVL, in ns."""
        return self._get((socket.IPPROTO_TCP, socket.TCP_KEEPINTVL), 75) * _NS_PER_S

    def set_keep_alive_interval(self, duration: int) -> None:
        """TCP_KEEPINTVL."""
        self._set((socket.IPPROTO_TCP, socket.TCP_KEEPINTVL), _seconds(duration))

    def keep_alive_count(self) -> int:
        """TCP_KEEPCNT."""
        return self._get((socket.IPPROTO_TCP, socket.TCP_KEEPCNT), 9)

    def set_keep_alive_count(self, count: int) -> None:
        """TCP_KEEPCNT; the kernel takes at most 127."""
        self._set((socket.IPPROTO_TCP, socket.TCP_KEEPCNT), _positive(count, 127))

    def hop_limit(self) -> int:
        """IP_TTL or IPV6_UNICAST_HOPS."""
        return self._get(self._hop_option(), 64)

    def set_hop_limit(self, limit: int) -> None:
        """IP_TTL or IPV6_UNICAST_HOPS."""
        self._set(self._hop_option(), _positive(limit, 255))

    def receive_buffer_size(self) -> int:
        """SO_RCVBUF."""
        return self._get((socket.SOL_SOCKET, socket.SO_RCVBUF), 1 << 17)

    def set_receive_buffer_size(self, size: int) -> None:
        """SO_RCVBUF; the kernel bounds it."""
        self._set((socket.SOL_SOCKET, socket.SO_RCVBUF), _positive(size, _MAX_INT))

    def send_buffer_size(self) -> int:
        """SO_SNDBUF."""
        return self._get((socket.SOL_SOCKET, socket.SO_SNDBUF), 1 << 17)

    def set_send_buffer_size(self, size: int) -> None:
        """SO_SNDBUF; the kernel bounds it."""
        self._set((socket.SOL_SOCKET, socket.SO_SNDBUF), _positive(size, _MAX_INT))

    def _address(self, host: str, port: int) -> SocketAddress:
        """In the socket's family: a host that listens to both gives IPv4 in IPv6."""
        return socket_address(host.removeprefix(_MAPPED), port)

    def _hop_option(self) -> tuple[int, int]:
        if self._family == "ipv4":
            return socket.IPPROTO_IP, socket.IP_TTL
        return socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS

    def _get(self, option: tuple[int, int], default: int) -> int:
        if option in self._options or self._connection is None:
            return self._options.get(option, default)
        with self._duplicate() as duplicate:
            if duplicate.family == socket.AF_UNIX:
                return default
            return duplicate.getsockopt(*option)

    def _set(self, option: tuple[int, int], value: int) -> None:
        if self._connection is not None:
            self._apply(option, value)
        self._options[option] = value

    def _apply(self, option: tuple[int, int], value: int) -> None:
        with self._duplicate() as duplicate:
            if duplicate.family != socket.AF_UNIX:
                duplicate.setsockopt(*option, value)

    def _duplicate(self) -> socket.socket:
        """The same connection as Python's own socket; the caller closes it."""
        return socket.socket(fileno=os.dup(self._connected().stream.fileno()))

    def _connected(self) -> Connection:
        if self._connection is None:
            raise SocketStateError("invalid-state")
        return self._connection


def _seconds(duration: int) -> int:
    """Whole seconds, at least one, as the kernel takes them."""
    return _positive(max(duration, duration and _NS_PER_S) // _NS_PER_S, 32767)


def _positive(value: int, most: int) -> int:
    if not value:
        raise OSError(errno.EINVAL, "zero")
    return min(value, most)
