"""A plain stream: one system call per operation, and TCP's own meaning of everything."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import socket
import struct
import time
from typing import TYPE_CHECKING

import pytest

from enarx.keep.net.plain import SHUTDOWN_WRITE, PlainStream
from enarx.keep.net.wait import Background

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.keep.net.conftest import World


@pytest.fixture(params=["kernel blocks", "background goes on"])
def pair(
    request: pytest.FixtureRequest, world: World
) -> Iterator[tuple[PlainStream, socket.socket]]:
    """The keep's stream, in both ways of blocking, and the socket outside."""
    inside, outside = world.tcp_pair()
    background = world.background if request.param == "background goes on" else None
    stream = PlainStream(inside, ("127.0.0.1", 7), background)
    yield stream, outside
    stream.close()


def test_bytes_cross_both_ways(pair: tuple[PlainStream, socket.socket]) -> None:
    """What is sent arrives, blocking and not."""
    stream, outside = pair
    outside.sendall(b"ping")
    view = memoryview(bytearray(10))
    assert stream.recv_into_blocking(view) == 4
    assert stream.send_blocking(memoryview(b"po")) == 2
    assert stream.send(memoryview(b"ng")) == 2
    assert outside.recv(4, socket.MSG_WAITALL) == b"pong"
    assert stream.peer == ("127.0.0.1", 7)


def test_nothing_there_yet_would_block(pair: tuple[PlainStream, socket.socket]) -> None:
    """A read before there is anything says so at once."""
    stream, _ = pair
    with pytest.raises(BlockingIOError):
        stream.recv_into(memoryview(bytearray(1)))
    assert stream.poll_ready(write=False) is None
    assert stream.poll_interest(write=False) == ((stream.fileno(), select.POLLIN),)
    assert stream.wants() == select.POLLIN
    assert stream.pending() == 0


def test_poll_counts_the_bytes(pair: tuple[PlainStream, socket.socket]) -> None:
    """FIONREAD tells how much can be read; a peek leaves it."""
    stream, outside = pair
    outside.sendall(b"abc")
    assert stream.wait(select.POLLIN, time.monotonic() + 10)
    assert stream.poll_ready(write=False) == 3
    view = memoryview(bytearray(2))
    assert stream.recv_into(view, peek=True) == 2
    assert stream.recv_into(view) == 2
    assert stream.poll_ready(write=False) == 1


def test_the_end_of_the_stream(pair: tuple[PlainStream, socket.socket]) -> None:
    """Ready with nothing to read is the end."""
    stream, outside = pair
    outside.shutdown(socket.SHUT_WR)
    assert stream.recv_into_blocking(memoryview(bytearray(1))) == 0
    assert stream.poll_ready(write=False) == 0
    stream.send_blocking(memoryview(b"still"))
    assert outside.recv(10) == b"still"


def test_a_full_socket_would_block_and_then_waits(
    pair: tuple[PlainStream, socket.socket], world: World
) -> None:
    """Sending stops at the peer's window; a blocking send goes on when there is room."""
    stream, outside = pair
    block = memoryview(bytes(1 << 20))
    sent = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            sent += stream.send(block)
    assert stream.poll_ready(write=True) is None
    assert stream.poll_interest(write=True) == ((stream.fileno(), select.POLLOUT),)

    def drain() -> int:
        total = 0
        while piece := outside.recv(1 << 20):
            total += len(piece)
        return total

    future = world.outside(drain)
    sent += stream.send_blocking(memoryview(b"x" * 1000))
    stream.shutdown(2)
    assert future.result(10) == sent


def test_writing_to_a_reset_connection_is_an_error_and_no_signal(
    pair: tuple[PlainStream, socket.socket],
) -> None:
    """EPIPE or ECONNRESET, also where SIGPIPE would end the process."""
    stream, outside = pair
    outside.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    outside.close()
    before = signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        for send in (stream.send, stream.send_blocking):
            with pytest.raises(OSError, match="Errno") as caught:
                repeat(send, 3)
            assert caught.value.errno in (errno.EPIPE, errno.ECONNRESET)
    finally:
        signal.signal(signal.SIGPIPE, before)


def repeat(send: Callable[[memoryview], int], times: int) -> None:
    """Send a byte so often; the first may go out before the reset comes back."""
    for _ in range(times):
        send(memoryview(b"x"))


@pytest.mark.parametrize("how", [1, 3])
def test_shutdown_of_reading(pair: tuple[PlainStream, socket.socket], how: int) -> None:
    """After it, reads end; unknown directions are EINVAL."""
    stream, _ = pair
    stream.shutdown(how)
    assert stream.recv_into_blocking(memoryview(bytearray(1))) == 0
    for unknown in (0, 4, -1):
        with pytest.raises(OSError, match="Errno") as caught:
            stream.shutdown(unknown)
        assert caught.value.errno == errno.EINVAL


def test_small_messages_are_not_delayed(world: World) -> None:
    """TCP_NODELAY is set, whatever the broker left."""
    inside, _ = world.tcp_pair()
    copy = os.dup(inside)
    stream = PlainStream(inside, ("x", 1))
    with socket.socket(fileno=copy) as sock:
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    stream.close()


def test_a_nonblocking_descriptor_is_made_blocking(world: World) -> None:
    """The broker may work with non-blocking sockets; the guest's blocking read must block."""
    inside, outside = world.tcp_pair()
    os.set_blocking(inside, False)
    stream = PlainStream(inside, ("x", 1))
    assert os.get_blocking(stream.fileno())
    stream.close()
    outside.close()


def test_a_local_socket_pair_will_do() -> None:
    """In a VM a stream is one end of a local pair, without TCP."""
    near, far = socket.socketpair()
    with far:
        stream = PlainStream(near.detach(), ("x", 1), Background())
        far.send(b"a")
        assert stream.recv_into_blocking(memoryview(bytearray(1))) == 1
        stream.close()


@pytest.mark.parametrize("background", [None, Background()])
def test_a_local_pair_that_hung_up_is_a_reset(background: Background | None) -> None:
    """The tunnel ends one direction for an orderly end, and closes the pair for a reset."""
    near, far = socket.socketpair()
    stream = PlainStream(near.detach(), ("x", 1), background)
    far.send(b"a")
    far.shutdown(socket.SHUT_WR)
    view = memoryview(bytearray(1))
    assert stream.recv_into_blocking(view) == 1
    assert stream.recv_into_blocking(view) == 0
    assert stream.recv_into(view, peek=True) == 0
    far.close()
    for receive in (stream.recv_into, stream.recv_into_blocking):
        with pytest.raises(ConnectionResetError):
            receive(view)
    assert stream.recv_into(memoryview(bytearray())) == 0
    stream.close()


def test_a_local_pair_that_both_sides_ended_is_no_reset() -> None:
    """Who has ended its own direction sees the pair closed as the end that it is."""
    near, far = socket.socketpair()
    stream = PlainStream(near.detach(), ("x", 1))
    stream.shutdown(SHUTDOWN_WRITE)
    far.close()
    assert stream.recv_into(memoryview(bytearray(1))) == 0
    stream.close()


@pytest.mark.parametrize("kind", ["file", "datagram", "closed"])
def test_what_is_no_stream_is_refused_and_closed(kind: str) -> None:
    """The untrusted broker cannot leave a descriptor behind."""
    if kind == "datagram":
        fd = socket.socket(type=socket.SOCK_DGRAM).detach()
    else:
        fd = os.open("/dev/null", os.O_RDWR)
    if kind == "closed":
        os.close(fd)
    with pytest.raises(OSError, match="Errno"):
        PlainStream(fd, ("x", 1))
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)
