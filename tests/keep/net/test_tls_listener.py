"""Handshakes side by side: slow, silent, half-open and hostile clients hold up nobody."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import time
from typing import TYPE_CHECKING

import pytest

from enarx.keep.net.plain import PlainStream
from enarx.keep.net.tls_listener import CONCURRENT, FINISHED, GRACE_S

if TYPE_CHECKING:
    from tests.keep.net.conftest import World


def silent(port: int) -> socket.socket:
    """A client that connects and says nothing."""
    return socket.create_connection(("127.0.0.1", port), 10)


def test_silent_clients_hold_up_nobody(world: World) -> None:
    """Twenty clients that say nothing do not delay the one that speaks."""
    listener, port = world.listen_tls()
    quiet = [silent(port) for _ in range(20)]
    future = world.outside(world.tls_client, port)
    world.accept(listener)
    world.finish(future).close()
    assert not world.refused
    for sock in quiet:
        sock.close()


def test_a_silent_client_is_dropped_after_the_timeout(world: World) -> None:
    """The keep closes a connection whose handshake does not end in time."""
    listener, port = world.listen_tls(handshake_timeout_s=0.05)
    with silent(port) as sock:
        world.pump_until(lambda: world.refused)
        assert sock.recv(1) == b""
    peer, reason = world.refused[0]
    assert isinstance(reason, TimeoutError)
    assert peer[0] == "127.0.0.1"
    assert listener.deadline() is None


def test_a_client_that_drips_is_dropped_too(world: World) -> None:
    """Progress does not prolong the time-out."""
    _, port = world.listen_tls(handshake_timeout_s=0.1)
    with silent(port) as sock:
        hello = iter(b"\x16\x03\x01\x05\x00\x01" + bytes(1000))

        def drip() -> object:
            if not world.refused:
                sock.send(bytes([next(hello)]))
            return world.refused

        world.pump_until(drip)
    assert isinstance(world.refused[0][1], TimeoutError)


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "plain HTTP"),
        (b"SSH-2.0-OpenSSH_9.2\r\n" + bytes(200), "TLS"),
        (bytes(300), "TLS"),
        (b"\x16\x03\x01\xff\xff" + bytes(70_000), "TLS"),
        (b"\x16\x03\x01\x00\x04\x01\xff\xff\xff", "TLS"),
    ],
)
def test_garbage_is_refused_and_forgotten(world: World, said: bytes, problem: str) -> None:
    """What is no ClientHello ends that connection, with a reason, and no other."""
    listener, port = world.listen_tls()
    with silent(port) as sock:
        with contextlib.suppress(OSError):
            sock.sendall(said)
        world.pump_until(lambda: world.refused)
    assert problem in str(world.refused[0][1])
    future = world.outside(world.tls_client, port)
    world.accept(listener)
    world.finish(future).close()


def test_random_garbage_never_escapes(world: World) -> None:
    """Whatever arrives, pumping raises nothing and the listener goes on."""
    listener, port = world.listen_tls()
    for size in (1, 5, 6, 100, 5000):
        with silent(port) as sock:
            sock.sendall(b"\x16\x03\x01" + os.urandom(size))
            sock.shutdown(socket.SHUT_WR)
            seen = len(world.refused)
            world.pump_until(lambda seen=seen: len(world.refused) > seen)
    future = world.outside(world.tls_client, port)
    world.accept(listener)
    world.finish(future).close()


def test_a_client_that_leaves_is_forgotten(world: World) -> None:
    """A half-open connection that ends before its handshake costs nothing afterwards."""
    listener, port = world.listen_tls()
    silent(port).close()
    world.pump_until(lambda: world.refused)
    assert world.refused[0][1].errno == errno.ECONNRESET
    assert listener.deadline() is None


def test_two_hundred_connections(world: World) -> None:
    """Two hundred clients at once all get their own bytes back."""
    listener, port = world.listen_tls()

    def client(number: int) -> bytes:
        with world.tls_client(port) as tls:
            tls.sendall(b"%d" % number)
            return tls.recv(10)

    futures = [world.outside(client, number) for number in range(200)]
    view = memoryview(bytearray(10))
    for _ in futures:
        stream = world.accept(listener)
        count = stream.recv_into_blocking(view)
        stream.send_blocking(view[:count])
        stream.close()
    assert sorted(int(world.finish(each)) for each in futures) == list(range(200))


def test_unfinished_handshakes_are_bounded(world: World) -> None:
    """More clients than the bound wait in the channel, and get their turn when others end."""
    listener, port = world.listen_tls()
    quiet = [silent(port) for _ in range(CONCURRENT)]
    world.pump_until(lambda: len(listener._handshakes) == CONCURRENT)
    future = world.outside(world.tls_client, port)
    world.background.wait((), time.monotonic() + 0.05)
    assert len(listener._handshakes) == CONCURRENT
    assert not future.done()
    for sock in quiet:
        sock.close()
    world.accept(listener)
    world.finish(future).close()


@pytest.mark.slow
def test_silent_clients_cannot_keep_others_out(world: World) -> None:
    """With the house full, a new client is served after the grace, long before the time-out."""
    listener, port = world.listen_tls(handshake_timeout_s=3600)
    quiet = [silent(port) for _ in range(CONCURRENT)]
    world.pump_until(lambda: len(listener._handshakes) == CONCURRENT)
    future = world.outside(world.tls_client, port)
    world.accept(listener)
    world.finish(future).close()
    assert [error.errno for _, error in world.refused] == [errno.EBUSY]
    assert quiet[0].recv(1) == b""
    for sock in quiet:
        sock.close()


@pytest.mark.slow
def test_a_full_house_with_nobody_waiting_sleeps(world: World) -> None:
    """Old handshakes are kept, without a busy loop, while no new connection needs their place."""
    listener, port = world.listen_tls(handshake_timeout_s=3600)
    quiet = [silent(port) for _ in range(CONCURRENT)]
    world.pump_until(lambda: len(listener._handshakes) == CONCURRENT)
    begin, worked = time.monotonic(), time.process_time()
    world.background.wait((), begin + GRACE_S + 0.1)
    assert len(listener._handshakes) == CONCURRENT
    assert time.process_time() - worked < 0.5
    for sock in quiet:
        sock.close()


def test_connections_nobody_accepts_are_bounded(world: World) -> None:
    """A guest that does not accept is not made to hold ever more connections."""
    listener, port = world.listen_tls()
    kept = []
    futures = [world.outside(lambda: kept.append(world.tls_client(port))) for _ in range(FINISHED)]
    for future in futures:
        world.finish(future)
    world.pump_until(lambda: len(listener._finished) == FINISHED)
    extra = world.outside(world.tls_client, port)
    world.background.wait((), time.monotonic() + 0.05)
    assert not extra.done()
    listener.accept().close()
    kept.append(world.finish(extra))
    for tls in kept:
        tls.close()


def test_handshakes_go_on_while_the_guest_reads_elsewhere(world: World) -> None:
    """A guest that blocks on one connection does not stop the handshake of another."""
    listener, port = world.listen_tls()
    inside, outside = world.tcp_pair()
    plain = PlainStream(inside, ("x", 1), world.background)

    def client() -> object:
        with world.tls_client(port):  # returns when the handshake is done
            outside.send(b"!")

    future = world.outside(client)
    assert plain.recv_into_blocking(memoryview(bytearray(5))) == 1
    future.result(world.patience_s)
    assert listener.ready()
    plain.close()


def test_the_interest_wakes_a_poll(world: World) -> None:
    """One descriptor becomes readable when a handshake can go on."""
    listener, port = world.listen_tls()
    ((fd, mask),) = listener.interest()
    poller = select.poll()
    poller.register(fd, mask)
    assert poller.poll(0) == []
    with pytest.raises(BlockingIOError):
        listener.accept()
    future = world.outside(world.tls_client, port)
    while not listener.ready():
        assert poller.poll(int(world.patience_s * 1000))
    listener.accept().close()
    world.finish(future).close()


def test_a_host_that_closes_the_socket_is_seen(world: World) -> None:
    """After the last finished connection, accept says EINVAL, as Linux does; not EAGAIN."""
    listener, port = world.listen_tls()
    future = world.outside(world.tls_client, port)
    world.pump_until(listener.ready)
    world.brokers[0].close()
    listener.accept().close()
    world.finish(future).close()
    for _ in range(2):
        with pytest.raises(OSError, match="Errno") as caught:
            listener.accept()
        assert caught.value.errno == errno.EINVAL
    assert listener.ready(), "a poll must not wait for ever"


def test_close_drops_what_was_not_accepted(world: World) -> None:
    """Closing the listener ends handshakes and connections nobody accepted."""
    listener, port = world.listen_tls()
    future = world.outside(world.tls_client, port)
    world.pump_until(listener.ready)
    with silent(port) as sock, world.finish(future) as tls:
        world.pump_until(lambda: listener._handshakes)
        listener.close()
        assert tls.recv(1) == b""
        assert sock.recv(1) == b""
