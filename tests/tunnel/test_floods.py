"""A far side that floods, stalls or starves: memory stays bounded, others go on, nothing hangs."""

from __future__ import annotations

import resource
import socket
import struct
import threading
import time
from typing import TYPE_CHECKING

import pytest
from tests.tunnel.parties import (
    FILES_BYTES,
    PATIENCE_S,
    Both,
    Hostile,
    file_of,
    link_pair,
    offer,
    resident_bytes,
    stream_pair,
    tcp_pair,
    there,
)
from tests.tunnel.test_violations import opens, raw

from enarx import frames
from enarx.tunnel.channel import FRAMES_WINDOW, STREAM_WINDOW
from enarx.tunnel.records import CREDIT, DATA, FILE, FRAMES, KEEP, RESET, STREAM

if TYPE_CHECKING:
    from collections.abc import Callable

    from enarx.tunnel.carrier import Carrier

    Start = Callable[..., Hostile]

pytestmark = pytest.mark.slow

CREDITS = raw(CREDIT, 4, struct.pack("<I", 1))


def test_a_flood_of_tiny_frames(hostile: Start) -> None:
    """As many as the window pays for wait; the next one ends the tunnel."""
    one = hostile()
    before = resident_bytes()
    flood = opens(data=b"x") * (FRAMES_WINDOW // 60)
    one.say(flood)
    assert one.end[0] == "violation"
    assert "want at most" in one.end[1]
    assert resident_bytes() - before < 16 << 20


def test_a_flood_of_tiny_records(hostile: Start) -> None:
    """What means nothing costs no memory, and the other link is served between."""
    one = hostile()
    one.say(opens((STREAM, 4, 0)), raw(RESET, 4))
    before = resident_bytes()
    for n in range(20):
        one.say(CREDITS * 10_000, opens(on=2, data=b"%d" % n))
        assert one.frame(1) == (b"%d" % n, [])
    assert resident_bytes() - before < 8 << 20


@pytest.mark.slow
def test_a_flood_of_connections_that_come_and_go(hostile: Start) -> None:
    """A host that opens and resets without end, and reads nothing, is read no more."""
    one = hostile()
    before = resident_bytes()
    number, idle, left = 4, 0, memoryview(b"")
    while idle < 50:
        if not left:
            new = range(number, number + 64, 2)
            left = memoryview(
                opens(*((STREAM, n, 0) for n in new)) + b"".join(raw(RESET, n) for n in new)
            )
            number += 64
        sent = offer(one.sock, left)
        left = left[sent:]
        one.carrier.step(0)
        _drain(one)
        idle = 0 if sent else idle + 1
    assert one.carrier.end is None
    assert 1 << 20 < len(one.carrier.tunnel.output) < 2 << 20
    assert resident_bytes() - before < 24 << 20


def _drain(one: Hostile) -> None:
    """Let the agent take its frames, and close what is beside them."""
    while True:
        try:
            data, fds = frames.receive(one.links[0], wait=False)
        except BlockingIOError:
            return
        frames.close(fds)
        if not data:
            return


def test_an_application_that_reads_nothing(both: Both) -> None:
    """Its peer is slowed down; a window waits here, and other streams go on."""
    ours, peer = stream_pair()
    stuck = both.carry(ours)
    ours, other = stream_pair()
    inside = both.carry(ours)
    total = 0
    for _ in range(400):
        total += offer(peer, bytes(65_536))
        both.step()
    assert total < 2 * STREAM_WINDOW + (2 << 20)  # windows, and what the kernel holds
    other.send(b"ping")
    assert both.receive(inside) == b"ping"
    got = 0
    while got < total:
        got += len(both.receive(stuck))
    peer.close()
    other.close()


def test_a_host_that_stalls(hostile: Start) -> None:
    """A pipe that takes nothing stops those inside, in bounded memory, without a busy loop."""
    one = hostile()
    one.say(opens((STREAM, 4, 0)), raw(CREDIT, 4, struct.pack("<I", 1 << 19)))
    _, fds = one.frame()
    with socket.socket(fileno=fds[0]) as inside:
        one.held.clear()
        inside.settimeout(0.0)
        sent = 0
        for _ in range(200):
            sent += offer(inside, bytes(65_536))
            one.carrier.step(0)
        assert len(one.carrier.tunnel.output) <= 128 * 1024 + 65_536 + 1024
        timer = threading.Timer(0.3, lambda: one.links[1].send(b"wakes"))
        timer.start()
        before = time.process_time()
        one.carrier.step(PATIENCE_S)  # sleeps until the other link has something
        assert time.process_time() - before < 0.1
        timer.join()
        assert sent < 2 << 20


def test_a_stalled_link_does_not_stop_the_other(both: Both) -> None:
    """An agent that reads nothing is not waited for by the broker's link."""
    sent = 0
    for _ in range(200):
        try:
            frames.send(both.host[0], bytes(60_000), wait=False)
            sent += 1
        except BlockingIOError:
            both.step()
    assert 4 < sent < 40
    frames.send(both.host[1], b"still here")
    assert both.frame(both.keep[1]) == (b"still here", [])


def test_one_hungry_stream_leaves_others_their_turn(both: Both) -> None:
    """While one pours, what others send arrives within a few rounds."""
    ours, hungry = stream_pair()
    sink = both.carry(ours)
    ours, modest = stream_pair()
    inside = both.carry(ours)
    for _ in range(20):
        for _ in range(4):
            offer(hungry, bytes(65_536))
            both.step()
            there(sink)
        modest.send(b"x")
        waited = 0
        while not there(inside):
            both.step()
            there(sink)
            waited += 1
        assert waited <= 12
    hungry.close()
    modest.close()


@pytest.mark.usefixtures("nothing_left")
def test_more_connections_than_there_may_be_wait() -> None:
    """Those beyond the limit stay in the accept channel until others end."""
    both = Both()
    limit = 40
    for carrier in both.carriers:
        room = carrier.tunnel._has_room
        carrier.tunnel._has_room = lambda parity, kinds, room=room, t=carrier.tunnel: (  # type: ignore[method-assign]
            room(parity, kinds) and t._open[parity][STREAM] + kinds.count(STREAM) <= limit
        )
    door, theirs = link_pair()
    inside = both.carry(theirs)
    peers = []
    taken: list[int] = []
    for n in range(limit + 10):
        ours, peer = stream_pair()
        frames.send(door, b"%d" % n, (ours.fileno(),))
        ours.close()
        peers.append(peer)
        if n < limit:
            taken += both.frame(inside)[1]
    both.settle()
    with pytest.raises(BlockingIOError):
        frames.receive(inside, wait=False)
    for n in range(10):
        peers[n].close()
        frames.close([taken[n]])
        taken += both.frame(inside)[1]
    frames.close(taken[10:])
    for peer in peers[10:]:
        peer.close()
    door.close()
    both.close()


def test_a_machine_out_of_descriptors_recovers(both: Both) -> None:
    """Connections wait while there is no descriptor for them, and arrive afterwards."""
    both.settle()
    ours, peer = stream_pair()
    frames.send(both.host[1], b"take", (ours.fileno(),))
    ours.close()
    both.carriers[0].step(0)
    both.carriers[0].step(0)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    spare = socket.socket()  # the lowest number that is free: with it, none is
    resource.setrlimit(resource.RLIMIT_NOFILE, (spare.fileno() + 1, hard))
    try:
        for _ in range(5):
            both.carriers[1].step(0)
        with pytest.raises(BlockingIOError):
            frames.receive(both.keep[1], wait=False)
        assert both.carriers[1].patience_s()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    spare.close()
    inside = both.sockets(both.keep[1])[0]
    peer.send(b"x")
    assert both.receive(inside) == b"x"
    peer.close()


def test_memory_does_not_grow_with_what_passes(both: Both) -> None:
    """A hundred times the windows, through files and streams, leaves nothing behind."""
    ours, peer = stream_pair()
    inside = both.carry(ours)

    def pass_through() -> None:
        file = file_of(bytes(FILES_BYTES // 2))
        frames.send(both.host[0], b"file", (file,))
        frames.close([file])
        frames.close(both.frame(both.keep[0])[1])
        got = 0
        while got < 16 * STREAM_WINDOW:
            offer(peer, bytes(65_536))
            both.step()
            got += len(there(inside))

    pass_through()
    before = resident_bytes()
    for _ in range(6):
        pass_through()
    assert resident_bytes() - before < 4 << 20
    peer.close()


def test_nothing_is_left_after_many_channels(both: Both) -> None:
    """Channels, doors and their connections come and go, and no state stays."""
    for _ in range(30):
        door, theirs = link_pair()
        inside = both.carry(theirs)
        ours, peer = stream_pair()
        frames.send(door, b"peer", (ours.fileno(),))
        ours.close()
        sock = both.sockets(inside)[0]
        peer.send(b"x")
        assert both.receive(sock) == b"x"
        sock.close()
        peer.close()
        door.close()
        inside.close()
    both.settle()
    for carrier in both.carriers:
        assert sorted(carrier.tunnel.channels) == [0, 2]
        assert len(carrier._ends) == 2
        assert carrier.tunnel._large == 256
        assert carrier.tunnel._open[0] == {FRAMES: 0, STREAM: 0, FILE: 0}


def test_unasked_data_for_an_undelivered_stream_is_bounded(hostile: Start) -> None:
    """An agent that takes no frame has a window of each stream waiting, and no more."""
    one = hostile(role=KEEP)
    one.say(opens((STREAM, 4, 0), (FILE, 6, 1)))  # without its file the frame is not delivered
    for _ in range(4):
        one.say(raw(DATA, 4, bytes(65_536)))
    assert one.carrier.end is None
    assert _waiting(one) == STREAM_WINDOW
    one.say(raw(DATA, 4, b"x"))
    assert one.end[0] == "violation"


def _waiting(one: Hostile) -> int:
    return sum(len(getattr(end, "_buffer", b"")) for end in one.carrier._ends.values())


def sleeps(both: Both, carrier: Carrier) -> bool:
    """Whether it waits once it has done what there is to do; the kernel may be a little late."""
    for _ in range(5):
        both.settle()
        begin = time.monotonic()
        carrier.step(0.1)
        if time.monotonic() - begin >= 0.1:
            return True
    return False


@pytest.mark.parametrize("make", [stream_pair, tcp_pair])
@pytest.mark.parametrize("how", [socket.SHUT_RD, socket.SHUT_WR])
def test_half_of_a_stream_keeps_nobody_busy(
    both: Both, make: Callable[[], tuple[socket.socket, socket.socket]], how: int
) -> None:
    """One direction has ended, the other says nothing: both sides sleep."""
    ours, peer = make()
    inside = both.carry(ours)
    (peer if how == socket.SHUT_WR else inside).shutdown(socket.SHUT_WR)
    for carrier in both.carriers:
        assert sleeps(both, carrier)
    peer.close()


def test_a_stream_that_nobody_reads_keeps_nobody_busy(both: Both) -> None:
    """A full window here, a full socket there: both sides sleep until somebody reads."""
    ours, peer = stream_pair()
    inside = both.carry(ours)
    for _ in range(100):
        offer(peer, bytes(65_536))
        both.step()
    for carrier in both.carriers:
        assert sleeps(both, carrier)
    assert there(inside)
    peer.close()
