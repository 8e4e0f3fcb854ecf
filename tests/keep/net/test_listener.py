"""The accept channel and plain listeners, with a broker that cannot be trusted."""

from __future__ import annotations

import errno
import gc
import json
import os
import select
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.keep.net.channel import AcceptChannel
from enarx.keep.net.listener import Listener
from enarx.keep.net.wait import Background

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.keep.net.conftest import World

pytestmark = pytest.mark.slow


@pytest.fixture
def channel() -> Iterator[tuple[socket.socket, AcceptChannel]]:
    """The broker's end and the keep's."""
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    made = AcceptChannel(far.detach())
    yield near, made
    near.close()
    made.close()


def connection() -> tuple[socket.socket, socket.socket]:
    """Two ends of a stream."""
    return socket.socketpair()


def descriptors() -> int:
    """How many descriptors this process has."""
    gc.collect()  # what tests before left to the collector
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_a_connection_arrives_with_its_peer(world: World) -> None:
    """Over real TCP: accept gives the stream and who is there."""
    listener, port = world.listen()
    assert not listener.ready()
    with pytest.raises(BlockingIOError):
        listener.accept()
    with socket.create_connection(("127.0.0.1", port)) as client:
        stream = world.accept(listener)
        assert stream.peer == client.getsockname()
        client.send(b"x")
        assert stream.recv_into_blocking(memoryview(bytearray(1))) == 1


def test_five_hundred_connections_in_turn(world: World) -> None:
    """Nothing is lost or left open."""
    listener, port = world.listen()
    for _ in range(500):
        with socket.create_connection(("127.0.0.1", port)) as client:
            stream = world.accept(listener)
            stream.send_blocking(memoryview(b"x"))
            stream.close()
            assert client.recv(2) == b"x"


@pytest.mark.parametrize("background", [None, Background()])
def test_waiting_ends_when_a_connection_comes_or_time_is_up(
    channel: tuple[socket.socket, AcceptChannel], background: Background | None
) -> None:
    """`wait` sleeps no longer than it must."""
    near, made = channel
    listener = Listener(made, background)
    listener.wait(time.monotonic() + 0.01)
    assert not listener.ready()
    a, b = connection()
    with a, b:
        socket.send_fds(near, [b'{"peer":["::1",5]}'], [a.fileno()])
        listener.wait()
        assert listener.ready()
        assert listener.interest() == ((made.fileno(), select.POLLIN),)
        stream = listener.accept()
        assert stream.peer == ("::1", 5)
        stream.close()


def test_the_end_of_the_channel_is_einval(channel: tuple[socket.socket, AcceptChannel]) -> None:
    """As Linux says for accept on a socket that was shut down; and a poll does not hang."""
    near, made = channel
    listener = Listener(made)
    near.close()
    for _ in range(2):
        assert listener.ready()
        with pytest.raises(OSError, match="Errno") as caught:
            listener.accept()
        assert caught.value.errno == errno.EINVAL
    assert listener.interest() == ()
    listener.close()


BAD = [
    b"", b"{", b"[]", b"null", b"{}", b'{"peer":null}', b'{"peer":["a"]}', b'{"peer":["a",1,2]}',
    b'{"peer":[1,"a"]}', b'{"peer":["a",-1]}', b'{"peer":["a",65536]}', b'{"peer":["a",1.5]}',
    b'{"peer":["a",true]}', b"[" * 4000, b"\xff", b'{"peer":["' + b"a" * 5000 + b'",1]}',
]  # fmt: skip


@pytest.mark.parametrize("message", BAD)
def test_malformed_messages_are_dropped_with_their_descriptor(
    channel: tuple[socket.socket, AcceptChannel], message: bytes
) -> None:
    """The next good one is served; nothing stays open."""
    near, made = channel
    listener = Listener(made)
    a, b = connection()
    with a, b:
        before = descriptors()
        socket.send_fds(near, [message], [a.fileno()])
        socket.send_fds(near, [b'{"peer":["good",1]}'], [a.fileno()])
        stream = listener.accept()
        assert stream.peer == ("good", 1)
        stream.close()
        assert descriptors() == before


@pytest.mark.parametrize("count", [0, 2, 4, 7])
def test_a_wrong_number_of_descriptors_is_dropped(
    channel: tuple[socket.socket, AcceptChannel], count: int
) -> None:
    """One is right; none is leaked."""
    near, made = channel
    a, b = connection()
    with a, b:
        before = descriptors()
        socket.send_fds(near, [b'{"peer":["bad",1]}'], [a.fileno()] * count)
        with pytest.raises(BlockingIOError):
            made.receive()
        assert descriptors() == before


def test_what_is_no_socket_is_dropped(channel: tuple[socket.socket, AcceptChannel]) -> None:
    """A file in place of a connection is not handed to the guest."""
    near, made = channel
    listener = Listener(made)
    with Path(os.devnull).open("rb") as file:
        before = descriptors()
        socket.send_fds(near, [b'{"peer":["bad",1]}'], [file.fileno()])
        with pytest.raises(BlockingIOError):
            listener.accept()
        assert descriptors() == before


@given(
    st.binary(max_size=300)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.just("peer") | st.text(), inner),
        max_leaves=8,
    ).map(lambda value: json.dumps(value).encode())
)
def test_junk_raises_only_what_is_promised(message: bytes) -> None:
    """Whatever the host writes: a connection, nothing yet, or the end."""
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    made = AcceptChannel(far.detach())
    a, b = connection()
    with near, a, b:
        socket.send_fds(near, [message], [a.fileno()])
        try:
            fd, (host, port) = made.receive()
        except BlockingIOError:
            pass
        else:
            os.close(fd)
            assert isinstance(host, str)
            assert 0 <= port < 65_536
    made.close()


def test_descriptors_do_not_leak_into_programs(
    channel: tuple[socket.socket, AcceptChannel],
) -> None:
    """Received descriptors are close-on-exec."""
    near, made = channel
    a, b = connection()
    with a, b:
        socket.send_fds(near, [b'{"peer":["a",1]}'], [a.fileno()])
        fd, _ = made.receive()
        assert not os.get_inheritable(fd)
        os.close(fd)
