"""A component's connections through a tunnel: the tests of those beside a broker, run again."""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING

import pytest
from tests.keep.component.test_network import (  # noqa: F401 - run again
    HANDLE,
    local,
    network,
    test_a_connection,
    test_a_refused_connection,
    test_a_socket_dropped_while_connecting,
    test_more_than_the_kernel_takes,
    test_the_states_of_a_socket,
)

from enarx.keep.component.tcp import TcpSocket
from enarx.keep.net.plain import PlainStream

if TYPE_CHECKING:
    from enarx.keep.link import Link

PATIENCE_S = 20.0


def test_options_of_a_connection_are_kept_and_have_no_effect(link: Link, echo_port: int) -> None:
    """The local end is no TCP socket: what was set is remembered, the rest is as by default."""
    sock = TcpSocket(network(link, "127.0.0.1:*"), "ipv4")
    sock.set_keep_alive_count(5)
    sock.start_connect(HANDLE, local(echo_port))
    sock.subscribe().block()
    streams = sock.finish_connect()
    sock.set_hop_limit(33)
    assert (sock.keep_alive_count(), sock.hop_limit(), sock.keep_alive_interval()) == (
        5, 33, 75_000_000_000)  # fmt: skip
    assert sock.local_address() == ("ipv4", (0, (0, 0, 0, 0)))
    assert sock.remote_address() == local(echo_port)
    for part in (sock, *streams):
        part.close()


def test_a_connection_that_is_refused(link: Link) -> None:
    """The broker's answer is the errno that the kernel gave it."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        link.connect("127.0.0.1", port, 5.0)


def test_a_reset_connection_says_so_in_the_keep(link: Link) -> None:
    """ECONNRESET, as with the TCP socket itself; an orderly end is an end."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        view = memoryview(bytearray(9))
        for orderly in (True, False):
            fd, peer = link.connect("127.0.0.1", listener.getsockname()[1], 5.0)
            stream = PlainStream(fd, peer)
            connection, _ = listener.accept()
            if orderly:
                connection.close()
                assert stream.recv_into_blocking(view) == 0
            else:
                once = struct.pack("ii", 1, 0)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, once)
                connection.close()
                with pytest.raises(ConnectionResetError):
                    stream.recv_into_blocking(view)
            stream.close()
