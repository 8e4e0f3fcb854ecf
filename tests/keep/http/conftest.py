"""A server in a thread, whose application is a function of the test, and raw clients."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

import pytest
from tests.keep.net.conftest import Broker

from enarx.keep.clock import Clock
from enarx.keep.http.connection import Exchange
from enarx.keep.http.server import Server
from enarx.keep.net.channel import AcceptChannel
from enarx.keep.net.listener import Listener
from enarx.keep.net.wait import Background, wait
from enarx.keep.system import Listening

PATIENCE_S = 10.0


def echo(exchange: Exchange) -> None:
    """Answer with what was asked and the body."""
    data = read(exchange)
    head = exchange.head
    text = f"{head.method} {head.authority} {head.target} ".encode() + data
    writer = exchange.respond(200, (("content-length", b"%d" % len(text)),))
    writer.put(text)
    writer.end(())


def read(exchange: Exchange) -> bytes:
    """The whole body, waiting for it as a guest would."""
    data = b""
    while (chunk := exchange.body.take(1 << 16)) != b"":
        if chunk is None:
            for fd, mask in exchange.body.interest():
                wait(fd, mask)
            continue
        data += chunk
    return data


class Site:
    """The server under test.

    Attributes:
        lines: what it logged.
        respond: its application.
        served: targets, in the order in which the application saw them.
    """

    def __init__(self, broker: Broker) -> None:
        self.port = broker.port
        self.lines: list[tuple[str, str]] = []
        self.served: list[str] = []
        self.respond: Callable[[Exchange], None] = echo
        self.listener = Listener(AcceptChannel(broker.channel_fd))
        self.server = Server(
            [Listening(self.listener, "127.0.0.1", broker.port, is_tls=False)],
            self._respond,
            background=Background(),
            clock=Clock(),
            log=lambda level, line: self.lines.append((level, line)),
            idle=lambda: None,
        )
        self.thread = threading.Thread(target=self.server.run)
        self.clients: list[socket.socket] = []

    def _respond(self, exchange: Exchange) -> None:
        self.served.append(exchange.head.target)
        self.respond(exchange)

    def client(self) -> socket.socket:
        """A connection."""
        made = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S)
        self.clients.append(made)
        return made

    def ask(self, request: bytes) -> bytes:
        """Send *request* and everything that comes until the server ends the connection."""
        client = self.client()
        client.sendall(request)
        client.shutdown(socket.SHUT_WR)
        return rest(client)


def rest(client: socket.socket) -> bytes:
    """What comes until the end."""
    data = b""
    while chunk := client.recv(1 << 16):
        data += chunk
    return data


@pytest.fixture
def site() -> Iterator[Site]:
    """A server; it ends when the host closes its socket and its clients are gone."""
    broker = Broker()
    made = Site(broker)
    made.thread.start()
    yield made
    for client in made.clients:
        client.close()
    broker.close()
    made.thread.join(PATIENCE_S)
    made.listener.close()
    assert not made.thread.is_alive()
