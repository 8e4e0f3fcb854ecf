"""Outgoing connections of a component over the real broker, without a guest."""

from __future__ import annotations

import errno
import socket

import pytest

from enarx.keep.component.addresses import host_and_port, numeric, socket_address
from enarx.keep.component.error_code import NETWORK
from enarx.keep.component.outgoing import Network
from enarx.keep.component.sockets import INTERFACES
from enarx.keep.component.streams import StreamClosedError
from enarx.keep.component.tcp import NetworkHandle, TcpSocket
from enarx.keep.link import Link
from enarx.keep.system import System
from enarx.package.network import parse_rule

HANDLE = NetworkHandle()


def network(link: Link, *rules: str) -> Network:
    """What *rules* allow."""
    return Network(tuple(map(parse_rule, rules)), link)


def code(error: OSError) -> str:
    """The interface's name of an error."""
    return NETWORK.of(error)


def local(port: int) -> tuple[str, tuple[object, ...]]:
    """A port of this machine."""
    return "ipv4", (port, (127, 0, 0, 1))


def test_a_connection(link: Link, echo_port: int) -> None:
    """Streams carry bytes; the end is the end; what is dropped is closed."""
    sock = TcpSocket(network(link, "127.0.0.1:*"), "ipv4")
    sock.start_connect(HANDLE, local(echo_port))
    sock.subscribe().block()
    reading, writing = sock.finish_connect()
    assert writing.check_write()
    writing.write(b"hello\n")
    writing.blocking_flush()
    reading.subscribe().block()
    assert bytes(reading.read(99)) == b"HELLO\n"
    with pytest.raises(StreamClosedError):
        reading.blocking_read(1)
    assert sock.remote_address() == local(echo_port)
    assert sock.local_address()[0] == "ipv4"
    sock.shutdown("both")
    for part in (sock, reading, writing):
        part.close()


def test_more_than_the_kernel_takes(link: Link) -> None:
    """A write that does not fit waits in the stream, and the permit is 0 until it has gone."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sock = TcpSocket(network(link, "127.0.0.1:*"), "ipv4")
        sock.set_send_buffer_size(4096)
        sock.start_connect(HANDLE, local(listener.getsockname()[1]))
        sock.subscribe().block()
        reading, writing = sock.finish_connect()
        peer, _ = listener.accept()
        sent = 0
        while permit := writing.check_write():
            writing.write(bytes(permit))
            sent += permit
        assert not writing.subscribe().ready()
        received = 0
        while received < sent:
            received += len(peer.recv(1 << 20))
            writing.check_write()
        writing.blocking_flush()
        assert received == sent
        for part in (sock, reading, writing, peer):
            part.close()


def test_only_what_is_named(link: Link, echo_port: int) -> None:
    """Another port, another address, and no rules at all are access-denied."""
    for allowed in (network(link, f"127.0.0.1:{echo_port + 1}"), network(link, "10.0.0.0/8:*")):
        with pytest.raises(PermissionError):
            TcpSocket(allowed, "ipv4").start_connect(HANDLE, local(echo_port))
    with pytest.raises(PermissionError):
        TcpSocket(None, "ipv4").start_connect(HANDLE, local(echo_port))


def test_a_name_permits_what_it_resolved_to(link: Link, echo_port: int) -> None:
    """Its addresses are allowed after it was looked up, and not before."""
    allowed = network(link, f"localhost:{echo_port}")
    with pytest.raises(PermissionError):
        allowed.connect("127.0.0.1", echo_port)
    looking_up = allowed.look_up("localhost")
    looking_up.block()
    assert "127.0.0.1" in looking_up.addresses()
    connecting = allowed.connect("127.0.0.1", echo_port)
    connecting.block()
    connecting.stream().close()
    with pytest.raises(PermissionError):
        allowed.connect("127.0.0.1", echo_port + 1)
    with pytest.raises(PermissionError):
        allowed.look_up("example.com")


def test_a_refused_connection(link: Link) -> None:
    """Nobody listens: connection-refused, and the socket can try again."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    sock = TcpSocket(network(link, "127.0.0.1:*"), "ipv4")
    for _ in range(2):
        sock.start_connect(HANDLE, local(port))
        sock.subscribe().block()
        with pytest.raises(ConnectionRefusedError) as refusal:
            sock.finish_connect()
        assert code(refusal.value) == "connection-refused"


def test_the_states_of_a_socket(link: Link, echo_port: int) -> None:
    """Each operation in the wrong state has its code."""
    sock = TcpSocket(network(link, "127.0.0.1:*"), "ipv4")
    expected = [
        ("not-in-progress", sock.finish_connect),
        ("not-in-progress", sock.finish_bind),
        ("not-in-progress", sock.finish_listen),
        ("invalid-state", sock.accept),
        ("invalid-state", sock.remote_address),
        ("invalid-state", sock.local_address),
        ("invalid-state", sock.start_listen),
        ("access-denied", lambda: sock.start_bind(HANDLE, local(0))),
        ("invalid-argument", lambda: sock.set_listen_backlog_size(0)),
        ("invalid-argument", lambda: sock.start_connect(HANDLE, local(0))),
        ("invalid-argument", lambda: sock.start_connect(HANDLE, socket_address("::1", 1))),
    ]
    sock_connecting = TcpSocket(network(link, "127.0.0.1:*"), "ipv4")
    sock_connecting.start_connect(HANDLE, local(echo_port))
    expected.append(
        ("concurrency-conflict", lambda: sock_connecting.start_connect(HANDLE, local(echo_port)))
    )
    for wanted, operation in expected:
        with pytest.raises(OSError) as refusal:  # noqa: PT011 - the code is compared
            operation()
        assert code(refusal.value) == wanted
    assert (sock.is_listening(), sock.address_family()) == (False, "ipv4")
    sock_connecting.subscribe().block()
    for part in (*sock_connecting.finish_connect(), sock_connecting):
        part.close()


def test_a_socket_dropped_while_connecting(link: Link, echo_port: int) -> None:
    """Its connection is closed when it comes."""
    allowed = network(link, "127.0.0.1:*")
    sock = TcpSocket(allowed, "ipv4")
    sock.start_connect(HANDLE, local(echo_port))
    sock.close()
    assert len(allowed.abandoned) == 1
    allowed.abandoned[0].block()
    another = allowed.connect("127.0.0.1", echo_port)
    assert not allowed.abandoned
    another.block()
    another.stream().close()


def test_options_are_kept_until_there_is_a_connection(link: Link, echo_port: int) -> None:
    """Set before, they hold after."""
    sock = TcpSocket(network(link, "127.0.0.1:*"), "ipv4")
    assert sock.hop_limit() == 64
    sock.set_keep_alive_enabled(True)
    sock.set_keep_alive_idle_time(5_000_000_001)
    sock.set_keep_alive_interval(1)
    sock.set_keep_alive_count(3)
    sock.set_hop_limit(9)
    sock.set_receive_buffer_size(1 << 16)
    for setter in (sock.set_hop_limit, sock.set_send_buffer_size, sock.set_keep_alive_count):
        with pytest.raises(OSError, match="zero"):
            setter(0)
    sock.start_connect(HANDLE, local(echo_port))
    sock.subscribe().block()
    streams = sock.finish_connect()
    with sock._duplicate() as duplicate:
        assert duplicate.getsockopt(socket.IPPROTO_IP, socket.IP_TTL) == 9
        assert duplicate.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 5
        assert duplicate.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL) == 1
    assert (sock.keep_alive_count(), sock.keep_alive_enabled()) == (3, True)
    assert sock.send_buffer_size() > 0
    for part in (sock, *streams):
        part.close()


def test_looking_up(system: System, link: Link) -> None:
    """Addresses are their own; unknown names say so; what is no name is invalid."""
    system.network = network(link, "*:443")
    sockets = {interface.name: interface for interface in INTERFACES}
    resolve = sockets["wasi:sockets/ip-name-lookup"].bind(system)["resolve-addresses"].call
    literal = resolve(HANDLE, "192.0.2.1")
    assert literal.resolve_next_address() == ("ipv4", (192, 0, 2, 1))
    assert literal.resolve_next_address() is None
    assert literal.subscribe().ready()
    unknown = resolve(HANDLE, "no-such-name.invalid")
    unknown.subscribe().block()
    with pytest.raises(OSError, match="name-unresolvable") as refusal:
        unknown.resolve_next_address()
    assert code(refusal.value) == "name-unresolvable"
    with pytest.raises(OSError, match="not a host name"):
        resolve(HANDLE, "")
    system.network = None
    resolve = sockets["wasi:sockets/ip-name-lookup"].bind(system)["resolve-addresses"].call
    with pytest.raises(PermissionError):
        resolve(HANDLE, "localhost")


def test_there_is_no_udp(system: System) -> None:
    """A UDP socket is not-supported."""
    create = INTERFACES[-1].bind(system)["create-udp-socket"].call
    with pytest.raises(OSError, match="UDP") as refusal:
        create("ipv4")
    assert code(refusal.value) == "not-supported"


@pytest.mark.parametrize("text", ["127.0.0.1", "::1", "2001:db8::1"])
def test_addresses_come_back(text: str) -> None:
    """Text to the interface's form and back."""
    assert host_and_port(socket_address(text, 443)) == (text, 443)
    assert numeric(f"[{text}]") == numeric(text)


@pytest.mark.parametrize("text", ["0.0.0.0", "::", "::ffff:127.0.0.1"])
def test_addresses_of_nobody(text: str) -> None:
    """Unspecified and IPv4-mapped addresses are no peers."""
    with pytest.raises(OSError, match="no address") as refusal:
        host_and_port(socket_address(text, 443))
    assert refusal.value.errno == errno.EINVAL
    assert numeric("example.com") is None


@pytest.mark.parametrize("name", ["", "a\0b.example.com", "a\nb.example.com", "ä.com", "a." * 127])
def test_what_is_no_host_name(link: Link, system: System, name: str) -> None:
    """It is refused here: the host would take it for a broken protocol and end the keep."""
    system.network = network(link, "*:443", "*.example.com:443")
    bound = next(i for i in INTERFACES if i.name == "wasi:sockets/ip-name-lookup").bind(system)
    with pytest.raises(OSError, match="not a host name") as refusal:
        bound["resolve-addresses"].call(HANDLE, name)
    assert code(refusal.value) == "invalid-argument"


def test_a_pollable_that_outlives_its_stream(link: Link, echo_port: int) -> None:
    """It is ready: there is nothing left to wait for."""
    sock = TcpSocket(network(link, "127.0.0.1:*"), "ipv4")
    sock.start_connect(HANDLE, local(echo_port))
    sock.subscribe().block()
    reading, writing = sock.finish_connect()
    late = reading.subscribe()
    for part in (sock, reading, writing):
        part.close()
    assert late.ready()
