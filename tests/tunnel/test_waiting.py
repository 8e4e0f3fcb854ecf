"""A carrier in the loop of somebody else, and what it does when nothing happens in time."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Iterator

import pytest
from tests.tunnel.parties import PATIENCE_S, Both, Hostile, offer, tcp_pair
from tests.tunnel.test_violations import opens, raw

from enarx import frames
from enarx.host.reactor import Reactor
from enarx.tunnel.carrier import Carrier
from enarx.tunnel.records import CLOSE, DATA, HOST, STREAM

pytestmark = pytest.mark.slow

LINGER_S = 0.2


@pytest.fixture
def hasty(nothing_left: None) -> Iterator[Both]:  # noqa: ARG001 - closed before it looks
    """A tunnel that waits for nobody."""
    made = Both(linger_s=LINGER_S)
    yield made
    made.close()


def test_inside_a_reactor(both: Both) -> None:
    """Polled by its descriptor and stepped then, it carries as in its own loop."""
    reactor = Reactor()
    host, keep = both.carriers
    reactor.watch(host.fileno(), select.POLLIN, lambda _: host.step(0))
    frames.send(both.host[0], b"hello")
    deadline = time.monotonic() + PATIENCE_S
    while True:
        reactor.once(host.patience_s() or 0.01)
        keep.step(0)
        try:
            assert frames.receive(both.keep[0], wait=False) == (b"hello", [])
            break
        except BlockingIOError:
            assert time.monotonic() < deadline
    reactor.forget(host.fileno())
    reactor.close()


def test_other_descriptors_in_its_loop(both: Both) -> None:
    """A watch is called as long as there is something, and no more once it is forgotten."""
    carrier = both.carriers[0]
    ours, theirs = socket.socketpair()
    seen: list[int] = []
    carrier.watch(ours.fileno(), select.EPOLLIN, seen.append)
    both.settle()
    assert not seen
    theirs.send(b"x")
    for _ in range(3):
        carrier.step(0)
    assert seen == [select.EPOLLIN] * 3
    carrier.watch(ours.fileno(), select.EPOLLOUT, seen.append)
    carrier.step(0)
    assert seen[3:] == [select.EPOLLOUT]
    carrier.forget(ours.fileno())
    carrier.forget(ours.fileno())
    carrier.step(0)
    assert len(seen) == 4
    ours.close()
    theirs.close()


@pytest.mark.parametrize("size", [250_000, 8_000_000])
def test_a_peer_that_takes_nothing_is_not_waited_for(hasty: Both, size: int) -> None:
    """Of a connection that the application has closed, what its peer does not read is dropped.

    It waits in the host where it is less than a window, and at both ends where it is more.
    """
    ours, peer = tcp_pair()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    inside = hasty.carry(ours)
    for _ in range(200):
        size -= offer(inside, bytes(min(size, 65_536)))
        hasty.step()
    inside.close()
    assert len(hasty.carriers[0].tunnel.channels) == 3
    hasty.until(lambda: sorted(hasty.carriers[0].tunnel.channels) == [0, 2])
    hasty.until(lambda: sorted(hasty.carriers[1].tunnel.channels) == [0, 2])
    peer.settimeout(PATIENCE_S)
    with pytest.raises(ConnectionResetError):
        read_out(peer)
    peer.close()


def test_a_peer_that_said_all_and_takes_nothing_is_not_waited_for(hasty: Both) -> None:
    """With both directions over, what waits in the host alone is dropped in time."""
    ours, peer = tcp_pair()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    inside = hasty.carry(ours)
    peer.shutdown(socket.SHUT_WR)
    assert hasty.receive(inside) == b""
    sent = 0
    while sent < 250_000:
        sent += offer(inside, bytes(250_000 - sent))
        hasty.step()
    inside.shutdown(socket.SHUT_WR)
    hasty.until(lambda: sorted(hasty.carriers[0].tunnel.channels) == [0, 2])
    hasty.until(lambda: len(hasty.carriers[0]._ends) == 2)
    peer.settimeout(PATIENCE_S)
    with pytest.raises(ConnectionResetError):
        read_out(peer)
    peer.close()


def read_out(sock: socket.socket) -> int:
    """Read to the end: how much there was."""
    got = 0
    while part := sock.recv(1 << 20):
        got += len(part)
    return got


def test_a_far_side_that_does_not_finish_is_not_waited_for() -> None:
    """With its links closed, a tunnel ends in time, whatever the other side leaves open."""
    one = Hostile(role=HOST, linger_s=LINGER_S)
    for link in one.links:
        link.close()
    begin = time.monotonic()
    while one.carrier.end is None:
        one.carrier.step(PATIENCE_S)
    assert one.end == ("lost", "the other side did not finish")
    assert LINGER_S <= time.monotonic() - begin < PATIENCE_S
    one.close()


def test_a_host_that_does_not_hang_up_is_not_waited_for() -> None:
    """The keep gives it a moment, and is finished all the same."""
    one = Hostile(linger_s=LINGER_S)
    one.say(raw(CLOSE, 0), raw(CLOSE, 2))
    assert one.carrier.end is None
    while one.carrier.end is None:
        one.carrier.step(PATIENCE_S)
    assert one.end == ("finished", "all links were closed")
    one.close()


def test_bytes_for_a_slow_peer_outlive_the_other_side(hasty: Both) -> None:
    """What came before the keep was gone is still delivered, or dropped in time."""
    ours, peer = tcp_pair()
    inside = hasty.carry(ours)
    inside.settimeout(None)
    inside.send(bytes(100_000))
    for sock in (inside, *hasty.keep):
        sock.close()
    hasty.until(lambda: "" not in hasty.ends())
    peer.settimeout(PATIENCE_S)
    assert read_out(peer) == 100_000
    peer.close()


def test_a_stream_nobody_told_of_ends_when_its_frame_is_dropped(both: Both) -> None:
    """A connection beside a frame for a closed link is reset, and its bytes are thrown away."""
    both.settle()
    ours, peer = tcp_pair()
    frames.send(both.host[1], b"take", (ours.fileno(),))
    ours.close()
    peer.send(b"bytes")
    both.keep[1].close()
    with pytest.raises(ConnectionResetError):
        both.receive(peer)
    peer.close()


def test_closing_twice_is_closing_once(both: Both) -> None:
    """The first reason stays."""
    carrier: Carrier = both.carriers[0]
    carrier.close("lost", "first")
    carrier.close("failed", "second")
    assert carrier.end is not None
    assert (carrier.end.kind, carrier.end.text) == ("lost", "first")


def test_data_for_a_reader_that_left_is_dropped() -> None:
    """What a hostile host goes on sending to a closed stream costs no memory and no credit."""
    one = Hostile()
    one.say(opens((STREAM, 4, 0)))
    _, fds = one.frame()
    frames.close(fds)
    one.held.clear()
    one.say(*[raw(DATA, 4, bytes(60_000))] * 4)
    assert one.carrier.end is None
    one.say(*[raw(DATA, 4, bytes(60_000))] * 2)
    assert one.end[0] == "violation"
    one.close()
