"""Connections as a guest uses them: ``sock_*``, ``fd_read``/``fd_write``, half-closes, limits."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from enarx.keep.wasi import abi, errno
from enarx.keep.wasi.stdio import Null

if TYPE_CHECKING:
    from tests.keep.wasi.conftest import Door, Probe

NOTCONN, CONNRESET = 53, 15
OUT, FLAGS, BUFFER = 64, 72, 8192


def receive(probe: Probe, fd: int, flags: int, *sizes: int) -> tuple[int, bytes]:
    """``sock_recv`` into buffers of *sizes*, one after the other: errno and bytes."""
    at, buffers = BUFFER, []
    for size in sizes:
        buffers.append((at, size))
        at += size
    code = probe.call("sock_recv", fd, *probe.iovecs(*buffers), flags, OUT, FLAGS)
    return code, probe.get(BUFFER, probe.u32(OUT)) if code == 0 else b""


def test_peeking_leaves_the_bytes(bare: Probe, pair: tuple[int, socket.socket]) -> None:
    """What was peeked at is received again, and then gone."""
    fd, peer = pair
    peer.sendall(b"hello")
    assert receive(bare, fd, abi.RECV_PEEK, 3) == (0, b"hel")
    assert receive(bare, fd, 0, 16) == (0, b"hello")


def test_waiting_for_all(bare: Probe, pair: tuple[int, socket.socket]) -> None:
    """WAITALL fills every buffer, however the bytes arrive."""
    fd, peer = pair
    peer.sendall(b"hel")
    threading.Timer(0.02, peer.sendall, (b"lo world",)).start()
    assert receive(bare, fd, abi.RECV_WAITALL, 2, 6) == (0, b"hello wo")


def test_waiting_for_all_ends_with_the_stream(bare: Probe, pair: tuple[int, socket.socket]) -> None:
    """A peer that ends early leaves what it sent."""
    fd, peer = pair
    peer.sendall(b"hel")
    peer.shutdown(socket.SHUT_WR)
    assert receive(bare, fd, abi.RECV_WAITALL, 8) == (0, b"hel")
    assert receive(bare, fd, abi.RECV_WAITALL, 8) == (0, b"")


def test_waiting_for_all_without_blocking(bare: Probe, pair: tuple[int, socket.socket]) -> None:
    """With NONBLOCK, what is there is given; nothing at all is AGAIN."""
    fd, peer = pair
    bare.call("fd_fdstat_set_flags", fd, abi.NONBLOCK)
    assert receive(bare, fd, abi.RECV_WAITALL, 8)[0] == errno.AGAIN
    peer.sendall(b"hel")
    assert receive(bare, fd, abi.RECV_WAITALL, 8) == (0, b"hel")


@pytest.mark.parametrize("flags", [4, 8, 1 << 15])
def test_unknown_receive_flags(bare: Probe, pair: tuple[int, socket.socket], flags: int) -> None:
    """Bits that the interface does not define are INVAL."""
    assert receive(bare, pair[0], flags, 8)[0] == errno.INVAL


def test_unknown_send_flags(bare: Probe, pair: tuple[int, socket.socket]) -> None:
    """The interface defines none."""
    assert bare.call("sock_send", pair[0], *bare.iovecs((BUFFER, 1)), 1, OUT) == errno.INVAL


def test_read_and_write_are_the_same_connection(
    bare: Probe, pair: tuple[int, socket.socket]
) -> None:
    """``fd_read`` and ``fd_write`` take turns with ``sock_recv`` and ``sock_send``."""
    fd, peer = pair
    peer.sendall(b"abcd")
    assert receive(bare, fd, 0, 2) == (0, b"ab")
    assert bare.read(fd, 2) == (0, b"cd")
    bare.write(fd, b"one ")
    bare.put(BUFFER, b"two")
    assert bare.call("sock_send", fd, *bare.iovecs((BUFFER, 3)), 0, OUT) == 0
    assert peer.recv(16) == b"one two"


def test_ending_the_writing_side(bare: Probe, pair: tuple[int, socket.socket]) -> None:
    """The peer sees the end and can still send; writing again is PIPE."""
    fd, peer = pair
    bare.write(fd, b"request")
    assert bare.call("sock_shutdown", fd, abi.SHUT_WR) == 0
    assert [peer.recv(16), peer.recv(16)] == [b"request", b""]
    peer.sendall(b"answer")
    assert bare.read(fd, 16) == (0, b"answer")
    assert bare.write(fd, b"x")[0] == errno.PIPE


def test_a_peer_that_ended_its_writing_side(bare: Probe, pair: tuple[int, socket.socket]) -> None:
    """The guest reads to the end and can still answer."""
    fd, peer = pair
    peer.sendall(b"request")
    peer.shutdown(socket.SHUT_WR)
    assert [bare.read(fd, 16), bare.read(fd, 16)] == [(0, b"request"), (0, b"")]
    assert bare.write(fd, b"answer") == (0, 6)
    assert peer.recv(16) == b"answer"


@pytest.mark.parametrize("how", [0, 4, 7, (1 << 32) - 1])
def test_unknown_ways_to_shut_down(bare: Probe, pair: tuple[int, socket.socket], how: int) -> None:
    """Neither direction, or an unknown bit, is INVAL."""
    assert bare.call("sock_shutdown", pair[0], how) == errno.INVAL


def test_closing_tells_the_peer(bare: Probe, pair: tuple[int, socket.socket]) -> None:
    """``fd_close`` ends the stream for the other side."""
    fd, peer = pair
    assert bare.call("fd_close", fd) == 0
    assert peer.recv(16) == b""


def test_writing_to_a_peer_that_closed(bare: Probe, pair: tuple[int, socket.socket]) -> None:
    """It is PIPE or CONNRESET, and never a signal."""
    fd, peer = pair
    peer.close()
    assert {bare.write(fd, b"x" * 1000)[0] for _ in range(3)} <= {errno.PIPE, CONNRESET}


def test_a_full_connection_without_blocking(bare: Probe, pair: tuple[int, socket.socket]) -> None:
    """What fits is taken and counted, then AGAIN; nothing is lost."""
    fd, peer = pair
    bare.call("fd_fdstat_set_flags", fd, abi.NONBLOCK)
    sent = 0
    while (answer := bare.write(fd, b"x" * 30000))[0] == 0:
        sent += answer[1]
    assert answer[0] == errno.AGAIN
    received = 0
    while received < sent:
        received += len(peer.recv(1 << 20))
    assert received == sent


def test_a_blocking_write_is_whole(bare: Probe, pair: tuple[int, socket.socket]) -> None:
    """Two buffers larger than the socket's own are taken completely while the peer reads."""
    fd, peer = pair
    got: list[int] = []

    def read_all() -> None:
        got.append(sum(len(data) for data in iter(lambda: peer.recv(1 << 16), b"")))

    reader = threading.Thread(target=read_all)
    reader.start()
    for _ in range(20):
        assert bare.call("fd_write", fd, *bare.iovecs((8192, 50000), (8192, 40000)), OUT) == 0
        assert bare.u32(OUT) == 90000
    bare.call("fd_close", fd)
    reader.join(10)
    assert got == [20 * 90000]


def test_accepting_without_clients(bare: Probe, door: Door) -> None:
    """A listener that is NONBLOCK says AGAIN; its connections block unless asked."""
    assert bare.call("fd_fdstat_set_flags", door.fd, abi.NONBLOCK) == 0
    assert bare.call("sock_accept", door.fd, 0, OUT) == errno.AGAIN
    with door.knock(), door.knock():
        flags = []
        for wanted in (0, abi.NONBLOCK):
            assert bare.call("sock_accept", door.fd, wanted, OUT) == 0
            bare.call("fd_fdstat_get", bare.u32(OUT), 128)
            flags.append(bare.get(130, 2)[0])
    assert flags == [0, abi.NONBLOCK]


def test_accepting_waits_for_a_client(bare: Probe, door: Door) -> None:
    """A blocking accept returns when somebody comes."""
    clients: list[socket.socket] = []
    knocking = threading.Timer(0.02, lambda: clients.append(door.knock()))
    knocking.start()
    assert bare.call("sock_accept", door.fd, 0, OUT) == 0
    knocking.join()
    assert bare.write(bare.u32(OUT), b"hello") == (0, 5)
    assert clients[0].recv(16) == b"hello"
    clients[0].close()


@pytest.mark.parametrize("flags", [abi.APPEND, abi.SYNC, 32, 1 << 15])
def test_accepting_with_flags_of_files(bare: Probe, door: Door, flags: int) -> None:
    """Only NONBLOCK means anything for a connection."""
    with door.knock():
        assert bare.call("sock_accept", door.fd, flags, OUT) == errno.INVAL


def test_accepting_from_a_connection(bare: Probe, pair: tuple[int, socket.socket]) -> None:
    """A connection does not have the right to accept."""
    assert bare.call("sock_accept", pair[0], 0, OUT) in {errno.NOTCAPABLE, errno.INVAL}


def test_a_listener_carries_no_bytes(bare: Probe, door: Door) -> None:
    """Reading and writing a listener fail; it stays usable."""
    assert bare.read(door.fd, 8)[0] != 0
    assert bare.write(door.fd, b"x")[0] != 0
    with door.knock():
        assert bare.call("sock_accept", door.fd, 0, OUT) == 0


def test_a_client_is_not_lost_when_the_table_is_full(bare: Probe, door: Door) -> None:
    """Accepting into a full table is MFILE; the client is there when a number is free."""
    while len(bare.table) < 64:
        bare.table.insert(Null())
    with door.knock() as client:
        assert bare.call("sock_accept", door.fd, 0, OUT) == errno.MFILE
        bare.call("fd_close", 40)
        assert bare.call("sock_accept", door.fd, 0, OUT) == 0
        bare.write(bare.u32(OUT), b"hello")
        assert client.recv(16) == b"hello"


@given(
    pieces=st.lists(st.binary(min_size=1, max_size=200), min_size=1, max_size=6),
    sizes=st.lists(st.integers(0, 64), min_size=1, max_size=8),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_streams_keep_order(
    bare: Probe, pair: tuple[int, socket.socket], pieces: list[bytes], sizes: list[int]
) -> None:
    """Whatever sizes both sides use, the bytes arrive once and in order."""
    fd, peer = pair
    bare.call("fd_fdstat_set_flags", fd, abi.NONBLOCK)
    for piece in pieces:
        peer.sendall(piece)
    want, got = b"".join(pieces), b""
    while len(got) < len(want):
        code, data = receive(bare, fd, 0, *sizes, 16)
        assert code == 0
        got += data
    assert got == want
    assert receive(bare, fd, 0, 8)[0] == errno.AGAIN
