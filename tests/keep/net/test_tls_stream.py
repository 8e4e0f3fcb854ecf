"""A TLS stream: bytes, ends, and what a hostile network can do to them."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import select
import socket
import ssl
import struct
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enarx.keep.net.wait import poll_now

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from tests.keep.net.conftest import World

    from enarx.keep.net.tls import TlsStream


def read_all(stream: TlsStream, size: int = 65_536) -> bytes:
    """Receive until the end, as a blocking guest does."""
    view, data = memoryview(bytearray(size)), bytearray()
    while count := stream.recv_into_blocking(view):
        data += view[:count]
    return bytes(data)


def test_bytes_cross_both_ways(world: World) -> None:
    """What a client sends arrives, and what the guest answers arrives."""
    listener, port = world.listen_tls()

    def client() -> object:
        with world.tls_client(port) as tls:
            tls.sendall(b"ping")
            return tls.recv(100), tls.version()

    future = world.outside(client)
    stream = world.accept(listener)
    view = memoryview(bytearray(10))
    assert stream.recv_into_blocking(view) == 4
    assert bytes(view[:4]) == b"ping"
    assert stream.send_blocking(memoryview(b"pong!")) == 5
    assert world.finish(future) == (b"pong!", "TLSv1.3")


def test_end_of_tls_is_the_end_of_the_stream(world: World) -> None:
    """close_notify reads as 0, again and again."""
    listener, port = world.listen_tls()

    def client() -> object:
        tls = world.tls_client(port)
        tls.sendall(b"bye")
        tls.unwrap().close()

    future = world.outside(client)
    stream = world.accept(listener)
    assert read_all(stream) == b"bye"
    assert stream.recv_into(memoryview(bytearray(1))) == 0
    assert stream.poll_ready(write=False) == 0
    stream.close()
    world.finish(future)


def test_the_end_wakes_a_poll_though_tcp_goes_on(world: World) -> None:
    """A peer that ends TLS and keeps TCP open does not leave a polling guest asleep."""
    listener, port = world.listen_tls()
    go = world.outside(world.tls_client, port)
    stream = world.accept(listener)
    tls = go.result()
    ending = world.outside(tls.unwrap)  # sends close_notify, and waits for ours
    assert read_all(stream) == b""
    for _ in range(2):
        assert poll_now(stream.fileno(), select.POLLIN)
        assert stream.poll_ready(write=False) == 0
    stream.close()
    ending.result(world.patience_s).close()


def test_truncation_attack_is_an_error_and_stays_one(world: World) -> None:
    """A host that cuts TCP without close_notify cannot make a message look complete."""
    listener, port = world.listen_tls()

    def client() -> object:
        tls = world.tls_client(port)
        tls.sendall(b"transfer 100 ... to be contin")
        raw = socket.socket(fileno=tls.detach())
        raw.shutdown(socket.SHUT_RDWR)
        raw.close()

    world.outside(client)
    stream = world.accept(listener)
    view = memoryview(bytearray(100))
    assert stream.recv_into_blocking(view) == 29
    for _ in range(2):
        with pytest.raises(ConnectionResetError, match="close_notify"):
            stream.recv_into_blocking(view)
    assert stream.poll_ready(write=False) == 0, "an error is there to be fetched"


def test_garbage_after_the_handshake_is_an_error(world: World) -> None:
    """Bytes that are no TLS record end the connection with EPROTO."""
    listener, port = world.listen_tls()

    def client() -> object:
        tls = world.tls_client(port)
        raw = socket.socket(fileno=tls.detach())
        raw.sendall(b"\x17\x03\x03\x00\x30" + os.urandom(48))
        return raw

    future = world.outside(client)
    stream = world.accept(listener)
    with pytest.raises(OSError, match="Errno") as caught:
        stream.recv_into_blocking(memoryview(bytearray(10)))
    assert caught.value.errno == errno.EPROTO
    future.result().close()


def test_peek_leaves_the_bytes(world: World) -> None:
    """A peek sees what the next read gets."""
    listener, port = world.listen_tls()
    future = world.outside(lambda: (tls := world.tls_client(port), tls.sendall(b"abc"))[0])
    stream = world.accept(listener)
    view = memoryview(bytearray(3))
    stream.wait(stream.wants())
    while stream.poll_ready(write=False) is None:
        stream.wait(stream.wants())
    assert stream.recv_into(view[:2], peek=True) == 2
    assert stream.recv_into(memoryview(bytearray(100)), peek=True) == 3
    assert stream.poll_ready(write=False) == 3
    assert stream.pending() == 3
    assert stream.recv_into_blocking(view) == 3, "bytes in OpenSSL are not waited for"
    assert bytes(view) == b"abc"
    assert stream.poll_ready(write=False) is None
    future.result().close()


def test_half_close(world: World) -> None:
    """After the guest ends writing the client sees the end and can still answer."""
    listener, port = world.listen_tls()

    def client() -> object:
        with world.tls_client(port) as tls:
            heard = b""
            while piece := tls.recv(100):
                heard += piece
            tls.sendall(b"heard " + heard)
            tls.unwrap()

    future = world.outside(client)
    stream = world.accept(listener)
    stream.send_blocking(memoryview(b"question"))
    stream.shutdown(2)
    stream.shutdown(2)
    with pytest.raises(BrokenPipeError):
        stream.send(memoryview(b"more"))
    assert read_all(stream) == b"heard question"
    world.finish(future)


def test_shutdown_of_reading_reads_as_the_end(world: World) -> None:
    """After shutdown(read) nothing is received any more; an unknown direction is EINVAL."""
    listener, port = world.listen_tls()
    future = world.outside(lambda: (tls := world.tls_client(port), tls.sendall(b"abc"))[0])
    stream = world.accept(listener)
    stream.shutdown(1)
    assert stream.recv_into_blocking(memoryview(bytearray(3))) == 0
    assert poll_now(stream.fileno(), select.POLLIN)
    for how in (0, 4):
        with pytest.raises(OSError, match="Errno") as caught:
            stream.shutdown(how)
        assert caught.value.errno == errno.EINVAL
    future.result().close()


def test_empty_buffers_move_nothing(world: World) -> None:
    """Reading into nothing and sending nothing is 0, not an error."""
    listener, port = world.listen_tls()
    future = world.outside(world.tls_client, port)
    stream = world.accept(listener)
    nothing = memoryview(b"")
    assert stream.send(nothing) == stream.send_blocking(nothing) == 0
    assert stream.recv_into(memoryview(bytearray())) == 0
    assert stream.recv_into_blocking(memoryview(bytearray())) == 0
    future.result().close()


def test_nothing_there_yet_would_block(world: World) -> None:
    """A read before the client has spoken says so and names what to wait for."""
    listener, port = world.listen_tls()
    future = world.outside(world.tls_client, port)
    stream = world.accept(listener)
    with pytest.raises(BlockingIOError):
        stream.recv_into(memoryview(bytearray(1)))
    assert stream.poll_interest(write=False) == ((stream.fileno(), stream.wants()),)
    assert stream.poll_ready(write=True) == 0
    future.result().close()


def test_a_vanished_peer_is_an_error_to_write_to(world: World) -> None:
    """Writing to a connection the peer has reset is EPIPE or ECONNRESET, and no signal."""
    listener, port = world.listen_tls()

    def client() -> object:
        tls = world.tls_client(port)
        raw = socket.socket(fileno=tls.detach())
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raw.close()

    future = world.outside(client)
    stream = world.accept(listener)
    future.result()
    for _ in range(2):
        with pytest.raises(OSError, match="Errno") as caught:
            stream.send_blocking(memoryview(bytes(10_000_000)))
        assert caught.value.errno in (errno.EPIPE, errno.ECONNRESET)


def both_ways(
    send: Callable[[bytes], int],
    receive: Callable[[int], bytes | memoryview],
    out: bytes,
    size: int,
    sizes: list[int],
) -> bytes:
    """Send *out* and receive *size* bytes on a non-blocking stream, cut as *sizes* say."""
    cuts, sent, got = itertools.cycle(sizes), 0, bytearray()
    while sent < len(out) or len(got) < size:
        with contextlib.suppress(BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            got += receive(next(cuts)) if len(got) < size else b""
        with contextlib.suppress(BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            sent += send(out[sent : sent + next(cuts)]) if sent < len(out) else 0
    return bytes(got)


@settings(max_examples=15)
@given(seed=st.integers(0, 2**32), sizes=st.lists(st.integers(1, 90_000), min_size=1, max_size=8))
def test_any_chunking_carries_the_same_bytes(
    world_maker: Callable[[], AbstractContextManager[World]], seed: int, sizes: list[int]
) -> None:
    """However both sides cut their data, it arrives whole and in order, both ways at once."""
    with world_maker() as world:
        listener, port = world.listen_tls()
        length = min(300_000, 20 * sum(sizes))
        up, down = world.noise(seed, length), world.noise(seed + 1, length)

        def client() -> object:
            with world.tls_client(port) as tls:
                tls.settimeout(0)
                return both_ways(tls.send, tls.recv, up, length, sizes)

        future = world.outside(client)
        stream = world.accept(listener)
        view = memoryview(bytearray(90_000))
        got = both_ways(
            lambda data: stream.send(memoryview(data)),
            lambda size: view[: stream.recv_into(view[:size])],
            down,
            length,
            sizes[::-1],
        )
        assert got == up
        world.pump_until(lambda: stream.poll_ready(write=True) == 0)
        assert future.result(world.patience_s) == down


def test_large_blocking_transfers(world: World) -> None:
    """Megabytes in one blocking call arrive unchanged."""
    listener, port = world.listen_tls()
    data = world.noise(3, 5_000_000)

    def client() -> object:
        with world.tls_client(port) as tls:
            got = bytearray()
            while len(got) < len(data):
                got += tls.recv(1 << 16)
            tls.sendall(got)
            tls.unwrap()

    future = world.outside(client)
    stream = world.accept(listener)
    assert stream.send_blocking(memoryview(data)) == len(data)
    assert read_all(stream) == data
    stream.close()
    world.finish(future)


def test_the_exporter_agrees_on_both_sides(world: World) -> None:
    """Keying material of a connection is the same at both ends, and another for another label."""
    listener, port = world.listen_tls()
    broker_side = world.outside(
        lambda: world.connect_tls(port, trust_anchors=[world.identity.pem().encode()])
    )
    stream = world.accept(listener)
    other = broker_side.result(world.patience_s)
    label = b"EXPORTER-enarx-test"
    assert stream.exporter(label, 32, b"ctx") == other.exporter(label, 32, b"ctx")
    assert stream.exporter(label, 32) != stream.exporter(b"EXPORTER-other", 32)
    assert stream.group() == other.group() == "X25519MLKEM768"
