"""What OpenSSL has begun to write and the socket did not take: kept, and never lost."""

from __future__ import annotations

import errno
import select
import socket
import struct
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.keep.net.conftest import World


def test_a_full_socket_blocks_and_loses_nothing(world: World) -> None:
    """Non-blocking sends are taken until the peer's window is full; all of it arrives in order."""
    listener, port = world.listen_tls()
    go = world.outside(world.tls_client, port)
    stream = world.accept(listener)
    sent = world.fill(stream)
    assert stream.poll_ready(write=True) is None
    tls = go.result()

    def drain() -> object:
        got = b""
        while len(got) < len(sent):
            got += tls.recv(1 << 16)
        tls.close()
        return got

    future = world.outside(drain)
    world.pump_until(lambda: stream.poll_ready(write=True) == 0)
    assert future.result(world.patience_s) == sent


def test_a_closed_stream_delivers_what_it_took(world: World) -> None:
    """Bytes taken from the guest arrive, with close_notify, though it closed at once."""
    listener, port = world.listen_tls()
    go = world.outside(world.tls_client, port)
    stream = world.accept(listener)
    sent = world.fill(stream)
    stream.close()
    tls = go.result()

    def drain() -> object:
        got = bytearray()
        while piece := tls.recv(1 << 16):
            got += piece
        tls.close()
        return bytes(got)

    future = world.outside(drain)
    world.background.finish(time.monotonic() + world.patience_s)
    assert future.result(world.patience_s) == sent


def test_kept_bytes_go_out_while_the_guest_only_reads(world: World) -> None:
    """A request that did not fit is completed by waiting for the answer; nobody waits for ever."""
    listener, port = world.listen_tls()
    go = world.outside(world.tls_client, port)
    stream = world.accept(listener)
    sent = world.fill(stream)

    def client() -> object:
        with go.result() as tls:
            got = bytearray()
            while len(got) < len(sent):
                got += tls.recv(1 << 16)
            tls.sendall(b"thanks")
            return bytes(got)

    future = world.outside(client)
    view = memoryview(bytearray(10))
    assert stream.wants() & select.POLLOUT
    assert stream.recv_into_blocking(view) == 6
    assert not stream.wants() & select.POLLOUT
    assert future.result(world.patience_s) == sent


def test_a_half_close_waits_for_what_is_kept(world: World) -> None:
    """close_notify comes after the bytes, though the guest did not wait for either."""
    listener, port = world.listen_tls()
    go = world.outside(world.tls_client, port)
    stream = world.accept(listener)
    sent = world.fill(stream)
    stream.shutdown(2)

    def client() -> object:
        with go.result() as tls:
            got = bytearray()
            while piece := tls.recv(1 << 16):
                got += piece
            tls.sendall(b"thanks")
            return bytes(got)

    future = world.outside(client)
    assert world.finish(future) == sent
    view = memoryview(bytearray(10))
    assert stream.recv_into_blocking(view) == 6


def test_kept_bytes_of_a_vanished_peer_are_given_up(world: World) -> None:
    """The next send says so; reads say what they find; closing is quiet."""
    listener, port = world.listen_tls()
    go = world.outside(world.tls_client, port)
    stream = world.accept(listener)
    world.fill(stream)
    raw = socket.socket(fileno=go.result().detach())
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raw.close()
    stream.wait(select.POLLERR)
    with pytest.raises(OSError, match="Errno"):
        stream.recv_into(memoryview(bytearray(1)))
    for _ in range(2):
        with pytest.raises(OSError, match="Errno") as caught:
            stream.send(memoryview(b"x"))
        assert caught.value.errno in (errno.EPIPE, errno.ECONNRESET)
    assert stream.poll_ready(write=True) == 0
    stream.close()
    stream.close()
    assert stream.fileno() == -1


def test_finish_gives_up_at_its_deadline(world: World) -> None:
    """A peer that reads nothing cannot keep an ended keep alive."""
    listener, port = world.listen_tls()
    go = world.outside(world.tls_client, port)
    stream = world.accept(listener)
    world.fill(stream)
    stream.close()
    start = time.monotonic()
    world.background.finish(start + 0.05)
    assert 0.05 <= time.monotonic() - start < 2
    go.result().close()
