"""Listening by `wasi:sockets`, without a guest: what the configuration opens, and nothing else."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from tests.keep.net.conftest import Broker

from enarx.keep.component.error_code import NETWORK, SocketStateError
from enarx.keep.component.tcp import NetworkHandle, TcpSocket
from enarx.keep.net.channel import AcceptChannel
from enarx.keep.net.listener import Listener
from enarx.keep.system import Listening

HANDLE = NetworkHandle()
ANYWHERE = (0, 0, 0, 0)


@pytest.fixture
def opened() -> Iterator[Listening]:
    """A listening socket of the configuration."""
    broker = Broker()
    listener = Listener(AcceptChannel(broker.channel_fd))
    yield Listening(listener, "0.0.0.0", broker.port, is_tls=False)
    broker.close()
    listener.close()


def bound(opened: Listening, port: int) -> TcpSocket:
    """A socket bound to *port*."""
    made = TcpSocket(None, "ipv4", (opened,))
    made.start_bind(HANDLE, ("ipv4", (port, ANYWHERE)))
    made.finish_bind()
    return made


def test_connections_are_accepted(opened: Listening) -> None:
    """Bound, listening, then one connection after another, each with its streams."""
    sock = bound(opened, opened.port)
    sock.set_listen_backlog_size(5)
    sock.start_listen()
    sock.finish_listen()
    assert sock.is_listening()
    assert sock.local_address() == ("ipv4", (opened.port, ANYWHERE))
    with pytest.raises(BlockingIOError):
        sock.accept()
    with socket.create_connection(("127.0.0.1", opened.port)) as client:
        sock.subscribe().block()
        accepted, reading, writing = sock.accept()
        assert accepted.remote_address()[1][0] == client.getsockname()[1]
        client.sendall(b"ping")
        assert bytes(reading.blocking_read(9)) == b"ping"
        assert writing.check_write()
        writing.write(b"pong")
        writing.blocking_flush()
        assert client.recv(9) == b"pong"
    for part in (reading, writing, accepted, sock):
        part.close()


def test_other_ports_are_denied(opened: Listening) -> None:
    """A component cannot listen where the configuration does not."""
    with pytest.raises(PermissionError) as refusal:
        bound(opened, opened.port + 1)
    assert NETWORK.of(refusal.value) == "access-denied"


def test_states_follow_each_other(opened: Listening) -> None:
    """Each step once, in its order; a bound socket does not connect."""
    sock = bound(opened, opened.port)
    for step in (
        sock.finish_bind,
        sock.finish_listen,
        sock.accept,
        lambda: sock.start_bind(HANDLE, ("ipv4", (opened.port, ANYWHERE))),
        lambda: sock.start_connect(HANDLE, ("ipv4", (80, (127, 0, 0, 1)))),
    ):
        with pytest.raises(SocketStateError):
            step()
