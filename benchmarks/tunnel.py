"""Streams through both ends of a tunnel over a local pipe, against the same bytes without it.

Each end is a process, as in a host and in a virtual machine; what a machine's serial port costs is
not measured here.  The competitors are a bare socket pair, with nothing in between, and two relays
of a few lines that copy one stream: as many processes and copies, and nothing multiplexed.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bench import alternate
from figures import Figure, medians, percentile

from enarx import frames
from enarx.tunnel.carrier import carry
from enarx.tunnel.records import HOST, KEEP

ROUNDS = 3
BYTES = 1 << 28
PINGS = 5_000
MANY = 100
PIECE = 1 << 16
BARE, RELAYS = "bare socket pair", "two plain relays"

Streams = list[tuple[socket.socket, socket.socket]]


def tunnel() -> Iterator[Figure]:
    """Throughput and round trips of streams through a tunnel."""
    with tunnelled(MANY) as ours, bare(MANY) as direct, relayed() as copied:
        for number in (1, MANY):
            for name, theirs in ((BARE, direct), (RELAYS, copied)):
                if len(theirs) < number:
                    continue
                mine, other = medians(*alternate(
                    ROUNDS, lambda n=number: rate(ours[:n]), lambda n=number, t=theirs: rate(t[:n])
                ))  # fmt: skip
                yield Figure(
                    what=_named("throughput", number),
                    unit="MB/s",
                    ours=mine,
                    theirs=other,
                    competitor=name,
                )
        for number in (1, MANY):
            for name, theirs in ((BARE, direct), (RELAYS, copied)):
                if len(theirs) < number:
                    continue
                mine, other = medians(*alternate(
                    ROUNDS, lambda n=number: trip(ours[:n]), lambda n=number, t=theirs: trip(t[:n])
                ))  # fmt: skip
                yield Figure(
                    what=_named("round trip", number),
                    unit="µs",
                    ours=mine,
                    theirs=other,
                    competitor=name,
                )
        with flood(ours[1:2]):
            loaded = trip(ours[:1], PINGS // 5)
        yield Figure(what="round trip beside a flood", unit="µs", ours=loaded)


def _named(what: str, number: int) -> str:
    return f"{what}, {number} stream" + ("s" if number > 1 else "")


def rate(streams: Streams) -> float:
    """Megabytes a second from one process to another, over all *streams* at once."""
    start = time.perf_counter()
    with child(lambda: _write([near for near, _ in streams], BYTES)):
        _read([far for _, far in streams], BYTES)
    return BYTES / (time.perf_counter() - start) / 1e6


def trip(streams: Streams, pings: int = PINGS) -> float:
    """Median microseconds of a byte there and back, over *streams* in turn."""
    taken = []
    with child(lambda: _echo([far for _, far in streams])):
        for number in range(pings):
            near = streams[number % len(streams)][0]
            start = time.perf_counter()
            near.send(b"x")
            near.recv(1)
            taken.append(time.perf_counter() - start)
    return percentile(taken, 50) * 1e6


@contextmanager
def flood(streams: Streams) -> Iterator[None]:
    """Bytes without end meanwhile; the stream is of no use afterwards."""
    with (
        child(lambda: _write([near for near, _ in streams], 1 << 50)),
        child(lambda: _read([far for _, far in streams], 1 << 50)),
    ):
        yield


@contextmanager
def tunnelled(number: int) -> Iterator[Streams]:
    """Streams whose far ends came through a tunnel."""
    pipe = socket.socketpair()
    host, keep = (socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(2))
    with (
        child(lambda: _carry(pipe[0], host[1], HOST, (pipe[1], host[0], *keep))),
        child(lambda: _carry(pipe[1], keep[1], KEEP, (pipe[0], keep[0], *host))),
    ):
        for sock in (*pipe, host[1], keep[1]):
            sock.close()
        streams = []
        for _ in range(number):
            near, theirs = socket.socketpair()
            frames.send(host[0], b"stream", (theirs.fileno(),))
            theirs.close()
            _, (fd,) = frames.receive(keep[0])
            streams.append((near, socket.socket(fileno=fd)))
        yield streams
        _close(streams)
        host[0].close()
        keep[0].close()


@contextmanager
def bare(number: int) -> Iterator[Streams]:
    """Socket pairs."""
    streams = [socket.socketpair() for _ in range(number)]
    yield streams
    _close(streams)


@contextmanager
def relayed() -> Iterator[Streams]:
    """One stream through two processes that copy."""
    pairs = [socket.socketpair() for _ in range(3)]
    with (
        child(lambda: _relay(pairs[0][1], pairs[1][0])),
        child(lambda: _relay(pairs[1][1], pairs[2][0])),
    ):
        for sock in (pairs[0][1], *pairs[1], pairs[2][0]):
            sock.close()
        yield [(pairs[0][0], pairs[2][1])]
        _close([(pairs[0][0], pairs[2][1])])


@contextmanager
def child(body: Callable[[], None]) -> Iterator[None]:
    """A forked process that does *body*, until the block ends."""
    pid = os.fork()
    if not pid:
        try:
            body()
        finally:
            os._exit(0)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _carry(
    pipe: socket.socket, link: socket.socket, role: int, others: tuple[socket.socket, ...]
) -> None:
    for sock in others:
        sock.close()
    carry(pipe.detach(), [link], role)


def _relay(one: socket.socket, other: socket.socket) -> None:
    poll = select.poll()
    ends = {one.fileno(): (one, other), other.fileno(): (other, one)}
    for fd in ends:
        poll.register(fd, select.POLLIN)
    while True:
        for fd, _ in poll.poll():
            source, sink = ends[fd]
            sink.sendall(source.recv(PIECE))


def _write(socks: list[socket.socket], size: int) -> None:
    """Send *size* bytes, wherever there is room."""
    data = bytes(PIECE)
    poll = select.poll()
    by_fd = {sock.fileno(): sock for sock in socks}
    for fd in by_fd:
        poll.register(fd, select.POLLOUT)
    while size:
        for fd, _ in poll.poll():
            size -= by_fd[fd].send(data[:size], socket.MSG_DONTWAIT) if size else 0


def _read(socks: list[socket.socket], size: int) -> None:
    """Receive *size* bytes, wherever some are."""
    view = memoryview(bytearray(1 << 18))
    poll = select.poll()
    by_fd = {sock.fileno(): sock for sock in socks}
    for fd in by_fd:
        poll.register(fd, select.POLLIN)
    while size:
        for fd, _ in poll.poll():
            got = by_fd[fd].recv_into(view)
            if not got:
                raise RuntimeError(f"{size} bytes did not come")
            size -= got


def _echo(socks: list[socket.socket]) -> None:
    poll = select.poll()
    by_fd = {sock.fileno(): sock for sock in socks}
    for fd in by_fd:
        poll.register(fd, select.POLLIN)
    while True:
        for fd, _ in poll.poll():
            by_fd[fd].send(by_fd[fd].recv(PIECE))


def _close(streams: Streams) -> None:
    for pair in streams:
        for sock in pair:
            sock.close()
