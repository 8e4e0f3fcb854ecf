"""``wasi:sockets``: its tables; ``tcp`` and ``outgoing`` answer.

UDP is there to be imported and always refused: language runtimes import all of it.

Source: wasi:sockets 0.2.12, network.wit, tcp.wit, udp.wit, ip-name-lookup.wit.
"""

from __future__ import annotations

import errno

from enarx.keep.component.addresses import (
    IP_ADDRESS,
    IP_ADDRESS_FAMILY,
    IP_SOCKET_ADDRESS,
    numeric,
)
from enarx.keep.component.error_code import NETWORK, SocketStateError
from enarx.keep.component.interface import Func, Interface, func
from enarx.keep.component.pollable import Pollable
from enarx.keep.component.resource import Resource
from enarx.keep.component.streams import InputStream, IoError, OutputStream
from enarx.keep.component.tcp import NetworkHandle, TcpSocket
from enarx.keep.component.types import (
    BOOL,
    STRING,
    U8,
    U32,
    U64,
    Borrow,
    Enum,
    Option,
    Own,
    Result,
    Tuple,
    Type,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from enarx.keep.component.addresses import IpAddress
    from enarx.keep.component.outgoing import LookingUp
    from enarx.keep.system import System


class AddressStream(Resource):
    """``resolve-address-stream``."""

    wit_name = "resolve-address-stream"

    def __init__(self, looking_up: LookingUp | None, address: IpAddress | None = None) -> None:
        self._looking_up = looking_up
        self._found: Iterator[IpAddress] | None = iter([address]) if address else None

    def resolve_next_address(self) -> IpAddress | None:
        """The next address, None after the last."""
        if self._found is None and self._looking_up is not None:
            try:
                texts = self._looking_up.addresses()
            except OSError as error:
                if error.errno == errno.EHOSTUNREACH:  # what the broker says of unknown names
                    raise SocketStateError("name-unresolvable") from error
                raise
            self._found = iter([a for a in map(numeric, texts) if a is not None])
        return next(self._found, None) if self._found is not None else None

    def subscribe(self) -> Pollable:
        """Ready when the first address is known."""
        return self._looking_up or Pollable()


class UdpSocket(Resource):
    """``udp-socket``; none is ever made."""

    wit_name = "udp-socket"


class IncomingDatagrams(Resource):
    """``incoming-datagram-stream``; none is ever made."""

    wit_name = "incoming-datagram-stream"


class OutgoingDatagrams(Resource):
    """``outgoing-datagram-stream``; none is ever made."""

    wit_name = "outgoing-datagram-stream"


class _Sockets:
    def __init__(self, system: System) -> None:
        self._network = system.network
        self._listening = system.listening

    def instance_network(self) -> NetworkHandle:
        return NetworkHandle()

    def network_error_code(self, error: IoError) -> str:
        return NETWORK.of(error.error)

    def create_tcp_socket(self, family: str) -> TcpSocket:
        return TcpSocket(self._network, family, self._listening)

    def create_udp_socket(self, _family: str) -> None:
        raise OSError(errno.ENOTSUP, "no UDP in a keep")

    def resolve_addresses(self, _network: NetworkHandle, name: str) -> AddressStream:
        """Look up a name that ``[network] connect`` could allow; an address is its own."""
        address = numeric(name)
        if address is not None:
            return AddressStream(None, address)
        if not name.isascii() or not name.isprintable() or not 0 < len(name) <= _MAX_NAME:
            raise OSError(errno.EINVAL, "not a host name")
        if self._network is None:
            raise PermissionError(errno.EACCES, "there is no [network] connect")
        return AddressStream(self._network.look_up(name))


_MAX_NAME = 253
_SHUTDOWN_TYPE = Enum("receive send both")
_NETWORK = Borrow(NetworkHandle)


def _or_error(ok: Type | None = None) -> Result:
    return Result(ok, NETWORK)


def _option(name: str, kind: Type) -> dict[str, Func]:
    return {name: func(returns=_or_error(kind)), f"set-{name}": func(kind, returns=_or_error())}


_TCP = {
    "start-bind": func(_NETWORK, IP_SOCKET_ADDRESS, returns=_or_error()),
    "finish-bind": func(returns=_or_error()),
    "start-connect": func(_NETWORK, IP_SOCKET_ADDRESS, returns=_or_error()),
    "finish-connect": func(returns=_or_error(Tuple(Own(InputStream), Own(OutputStream)))),
    "start-listen": func(returns=_or_error()),
    "finish-listen": func(returns=_or_error()),
    "accept": func(returns=_or_error(Tuple(Own(TcpSocket), Own(InputStream), Own(OutputStream)))),
    "local-address": func(returns=_or_error(IP_SOCKET_ADDRESS)),
    "remote-address": func(returns=_or_error(IP_SOCKET_ADDRESS)),
    "is-listening": func(returns=BOOL),
    "address-family": func(returns=IP_ADDRESS_FAMILY),
    "set-listen-backlog-size": func(U64, returns=_or_error()),
    **_option("keep-alive-enabled", BOOL),
    **_option("keep-alive-idle-time", U64),
    **_option("keep-alive-interval", U64),
    **_option("keep-alive-count", U32),
    **_option("hop-limit", U8),
    **_option("receive-buffer-size", U64),
    **_option("send-buffer-size", U64),
    "subscribe": func(returns=Own(Pollable)),
    "shutdown": func(_SHUTDOWN_TYPE, returns=_or_error()),
}

INTERFACES = (
    Interface(
        "wasi:sockets/network",
        _Sockets,
        functions={"network-error-code": func(Borrow(IoError), returns=Option(NETWORK))},
        methods={NetworkHandle: {}},
    ),
    Interface(
        "wasi:sockets/instance-network",
        _Sockets,
        functions={"instance-network": func(returns=Own(NetworkHandle))},
    ),
    Interface(
        "wasi:sockets/ip-name-lookup",
        _Sockets,
        functions={
            "resolve-addresses": func(_NETWORK, STRING, returns=_or_error(Own(AddressStream)))
        },
        methods={
            AddressStream: {
                "resolve-next-address": func(returns=_or_error(Option(IP_ADDRESS))),
                "subscribe": func(returns=Own(Pollable)),
            }
        },
    ),
    Interface("wasi:sockets/tcp", methods={TcpSocket: _TCP}),
    Interface(
        "wasi:sockets/tcp-create-socket",
        _Sockets,
        functions={"create-tcp-socket": func(IP_ADDRESS_FAMILY, returns=_or_error(Own(TcpSocket)))},
    ),
    Interface(
        "wasi:sockets/udp",
        methods={UdpSocket: {}, IncomingDatagrams: {}, OutgoingDatagrams: {}},
        never_made=True,
    ),
    Interface(
        "wasi:sockets/udp-create-socket",
        _Sockets,
        functions={"create-udp-socket": func(IP_ADDRESS_FAMILY, returns=_or_error(Own(UdpSocket)))},
    ),
)
