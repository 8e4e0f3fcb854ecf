"""Connections are tried on every address, without waiting for the slow ones."""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING

import pytest

from enarx.host.connect import Connecting, _alternate
from enarx.host.resolve import Lookups, numeric

if TYPE_CHECKING:
    from enarx.host.reactor import Reactor
    from enarx.host.resolve import Done

NOBODY = "192.0.2.1"  # RFC 5737: an address that is nobody's


class Addresses(Lookups):
    """A resolver that knows one answer, so that no test asks the network."""

    def __init__(self, reactor: Reactor, *addresses: str) -> None:
        super().__init__(reactor)
        self._answer = addresses

    def start(self, host: str, done: Done) -> None:
        """Answer at once."""
        done(self._answer, None)


def connect(
    reactor: Reactor, lookups: Lookups, port: int, *, timeout_s: float = 10.0
) -> socket.socket | OSError:
    """Connect to "host" and wait for the end of it."""
    ends: list[socket.socket | OSError] = []
    connecting = Connecting(reactor, lookups, host="host", port=port, timeout_s=timeout_s)
    connecting.start(lambda sock, error: ends.append(sock or error or OSError()))
    while not ends:
        reactor.once(10)
    assert not connecting._open
    return ends[0]


def test_the_next_address_is_tried_when_one_refuses(reactor: Reactor) -> None:
    """An address where nobody listens is no reason to give up."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        got = connect(reactor, Addresses(reactor, "127.0.0.2", "127.0.0.1"), port)
        assert isinstance(got, socket.socket)
        assert got.getpeername() == ("127.0.0.1", port)
        assert got.gettimeout() is None
        got.close()


def test_the_last_refusal_is_the_reason(reactor: Reactor) -> None:
    """When every address failed, the error is one of theirs, with the place."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    got = connect(reactor, Addresses(reactor, "127.0.0.1", "127.0.0.2"), port)
    assert isinstance(got, ConnectionRefusedError)
    assert got.strerror == f"host:{port}: connection refused"


def test_a_name_without_addresses_is_unreachable(reactor: Reactor) -> None:
    """No address is an error, not silence."""
    got = connect(reactor, Addresses(reactor), 1)
    assert isinstance(got, OSError)
    assert got.errno == errno.EHOSTUNREACH


def test_nothing_waits_longer_than_its_timeout(reactor: Reactor) -> None:
    """A server whose backlog is full does not answer; the time-out does."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        waiting = []
        for _ in range(4):  # fill the backlog without accepting
            client = socket.socket()
            client.setblocking(False)  # noqa: FBT003 - socket's own interface
            client.connect_ex(("127.0.0.1", port))
            waiting.append(client)
        got = connect(reactor, Addresses(reactor, "127.0.0.1"), port, timeout_s=0.05)
        for client in waiting:
            client.close()
    assert isinstance(got, TimeoutError)
    assert "timed out" in str(got.strerror)


def test_a_cancelled_connection_says_nothing(reactor: Reactor) -> None:
    """Whoever asked is gone: nothing is called and nothing stays open."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        connecting = Connecting(
            reactor,
            Addresses(reactor, "127.0.0.1"),
            host="host",
            port=server.getsockname()[1],
            timeout_s=10,
        )
        ends: list[object] = []
        connecting.start(lambda *end: ends.append(end))
        connecting.cancel()
        reactor.once(0)
        assert ends == []
        assert not connecting._open


def test_families_take_turns_in_the_resolver_s_order() -> None:
    """RFC 8305 section 4: the first address's family begins, then they alternate."""
    addresses = ("::1", "::2", "::3", "10.0.0.1")
    assert _alternate(addresses) == ["::1", "10.0.0.1", "::2", "::3"]
    assert _alternate(addresses[::-1]) == ["10.0.0.1", "::3", "::2", "::1"]
    assert _alternate(()) == []


@pytest.mark.parametrize(
    ("host", "want"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("::0001", "::1"),
        ("127.1", None),
        ("example.com", None),
        ("1\0", None),
        ("ü", None),
    ],
)
def test_only_complete_addresses_are_numeric(host: str, want: str | None) -> None:
    """Short forms of addresses are names, so that nothing is guessed."""
    assert numeric(host) == want


def test_names_are_looked_up_a_few_at_a_time(reactor: Reactor) -> None:
    """However many a keep asks for, few threads run, and all are answered."""
    lookups = Lookups(reactor)
    answers: list[tuple[str, ...]] = []
    for _ in range(30):
        lookups.start("localhost", lambda addresses, _: answers.append(addresses))
    assert lookups._running <= 8
    while len(answers) < 30:
        reactor.once(10)
    assert all(answers)
