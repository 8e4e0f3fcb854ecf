"""Internet addresses between ``wasi:sockets`` and text.

Source: wasi:sockets 0.2.12, network.wit.
"""

from __future__ import annotations

import errno
import socket
import struct

from enarx.keep.component.types import U8, U16, U32, Enum, Record, Tuple, Variant

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    # ("ipv4", (a, b, c, d)) or ("ipv6", (eight groups))
    IpAddress = tuple[str, tuple[int, ...]]
    # ("ipv4", (port, address)) or ("ipv6", (port, flow info, address, scope))
    SocketAddress = tuple[str, tuple[Any, ...]]

IP_ADDRESS_FAMILY = Enum("ipv4 ipv6")
_IPV4 = Tuple(U8, U8, U8, U8)
_IPV6 = Tuple(U16, U16, U16, U16, U16, U16, U16, U16)
IP_ADDRESS = Variant(ipv4=_IPV4, ipv6=_IPV6)
IP_SOCKET_ADDRESS = Variant(
    ipv4=Record(port=U16, address=_IPV4),
    ipv6=Record(port=U16, flow_info=U32, address=_IPV6, scope_id=U32),
)
_groups = struct.Struct(">8H")


def numeric(text: str) -> IpAddress | None:
    """The address that *text* is, or None if it is a name."""
    plain = text.removeprefix("[").removesuffix("]")
    if "\0" in plain:
        return None
    try:
        return "ipv4", tuple(socket.inet_pton(socket.AF_INET, plain))
    except OSError:
        pass
    try:
        return "ipv6", _groups.unpack(socket.inet_pton(socket.AF_INET6, plain.partition("%")[0]))
    except OSError:
        return None


def host_and_port(address: SocketAddress) -> tuple[str, int]:
    """Text and port of a peer to connect to.

    Raises:
        OSError: EINVAL for port 0, the unspecified address, and IPv4 in an IPv6 address, which
            WASI forbids.
    """
    family, fields = address
    if family == "ipv4":
        port, groups = fields
        packed = bytes(groups)
        host = socket.inet_ntop(socket.AF_INET, packed)
    else:
        port, _, groups, _ = fields
        packed = _groups.pack(*groups)
        host = socket.inet_ntop(socket.AF_INET6, packed)
    if not port or not any(packed) or host.startswith("::ffff:"):
        raise OSError(errno.EINVAL, "no address of a peer")
    return host, port


def socket_address(host: str, port: int) -> SocketAddress:
    """The ``ip-socket-address`` of a numeric host and a port."""
    address = numeric(host)
    if address is None:
        raise OSError(errno.EINVAL, "not an address")
    family, groups = address
    return family, (port, groups) if family == "ipv4" else (port, 0, groups, 0)
