"""``poll_oneoff`` over clocks, standard streams, sockets and what cannot be waited for."""

from __future__ import annotations

import os
import signal
import socket
import struct
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

import pytest

from enarx.keep.wasi import abi, errno
from enarx.keep.wasi.stdio import Stdio

if TYPE_CHECKING:
    from tests.keep.wasi.conftest import Door, Probe

AT, EVENTS, COUNT = 2048, 8192, 64
MS = 1_000_000


class Event(NamedTuple):
    """One event, with the sizes and flags of a descriptor's."""

    userdata: int
    error: int
    tag: int
    size: int = 0
    flags: int = 0


def clock(userdata: int, timeout: int, *, kind: int = abi.MONOTONIC, flags: int = 0) -> bytes:
    """A subscription to a clock."""
    return struct.pack("<QB7xI4xQQH6x", userdata, abi.EVENT_CLOCK, kind, timeout, 0, flags)


def subject(userdata: int, tag: int, fd: int) -> bytes:
    """A subscription to a descriptor."""
    return struct.pack("<QB7xI28x", userdata, tag, fd)


def poll(probe: Probe, *subscriptions: bytes) -> list[Event]:
    """The events of one call that succeeds."""
    probe.put(AT, b"".join(subscriptions))
    assert probe.call("poll_oneoff", AT, EVENTS, len(subscriptions), COUNT) == 0
    found = probe.get(EVENTS, 32 * probe.u32(COUNT))
    return [Event(*fields) for fields in struct.iter_unpack("<QHB5xQH6x", found)]


def test_no_subscription_is_inval(probe: Probe) -> None:
    """Waiting for nothing would be for ever."""
    assert probe.call("poll_oneoff", AT, EVENTS, 0, COUNT) == errno.INVAL


def test_a_million_subscriptions_are_refused(probe: Probe) -> None:
    """A count beyond any program's is refused before a table of that size is looked at."""
    assert probe.call("poll_oneoff", AT, EVENTS, 1 << 20, COUNT) == errno.INVAL


@pytest.mark.parametrize("kind", [abi.REALTIME, abi.MONOTONIC])
def test_a_relative_clock_waits(probe: Probe, kind: int) -> None:
    """A time-out of 20 ms takes at least that long."""
    start = time.monotonic_ns()
    assert poll(probe, clock(7, 20 * MS, kind=kind)) == [Event(7, 0, abi.EVENT_CLOCK)]
    assert time.monotonic_ns() - start >= 20 * MS


@pytest.mark.parametrize(
    ("kind", "now"), [(abi.REALTIME, time.time_ns), (abi.MONOTONIC, time.monotonic_ns)]
)
def test_an_absolute_clock_waits_until_then(probe: Probe, kind: int, now: object) -> None:
    """An instant 20 ms from now, on either clock."""
    until = now() + 20 * MS  # type: ignore[operator]
    assert poll(probe, clock(1, until, kind=kind, flags=abi.ABSTIME))
    assert now() >= until  # type: ignore[operator]


def test_an_instant_that_has_passed_is_ready(probe: Probe) -> None:
    """The beginning of either clock is not waited for."""
    past = [
        clock(1, 0, kind=abi.REALTIME, flags=abi.ABSTIME),
        clock(2, 1, kind=abi.MONOTONIC, flags=abi.ABSTIME),
    ]
    assert [event.userdata for event in poll(probe, *past)] == [1, 2]


@pytest.mark.parametrize(("kind", "flags"), [(abi.PROCESS_CPUTIME, 0), (9, 0), (1, 2)])
def test_a_clock_that_cannot_be_waited_for(probe: Probe, kind: int, flags: int) -> None:
    """Processor time, an unknown clock and an unknown flag are errors of that one event."""
    assert poll(probe, clock(5, MS, kind=kind, flags=flags)) == [
        Event(5, errno.INVAL, abi.EVENT_CLOCK)
    ]


def test_the_earliest_clock_ends_the_wait(probe: Probe) -> None:
    """Only what has run out is told; the longest possible time-out does not overflow."""
    events = poll(probe, clock(1, (1 << 64) - 1), clock(2, MS), clock(3, 3600 * 1000 * MS))
    assert [event.userdata for event in events] == [2]


def test_a_sleep_of_centuries_begins(probe: Probe) -> None:
    """The longest time-out is slept, not refused by the C library's time_t."""

    class AlarmError(Exception):
        """What ends the sleep."""

    def wake(_number: int, _frame: object) -> None:
        raise AlarmError

    before = signal.signal(signal.SIGALRM, wake)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(AlarmError):
            poll(probe, clock(1, (1 << 64) - 1))
    finally:
        signal.signal(signal.SIGALRM, before)


def test_a_closed_descriptor_is_an_event(probe: Probe) -> None:
    """BADF for one does not keep the others from being told."""
    events = poll(probe, subject(1, abi.EVENT_FD_READ, 99), subject(2, abi.EVENT_FD_READ, 0))
    assert events[0] == Event(1, errno.BADF, abi.EVENT_FD_READ)
    assert 2 in {event.userdata for event in events}


def test_an_unknown_kind_of_event(probe: Probe) -> None:
    """A subscription that is neither clock nor descriptor is INVAL for itself."""
    assert poll(probe, subject(1, 9, 0)) == [Event(1, errno.INVAL, 9)]


def test_standard_input_wakes_the_guest(bare: Probe, stdin: tuple[int, int]) -> None:
    """Bytes that come while the guest waits end the wait before the clock does."""
    fd, writer = stdin
    threading.Timer(0.02, os.write, (writer, b"abc")).start()
    events = poll(bare, subject(1, abi.EVENT_FD_READ, fd), clock(2, 5000 * MS))
    assert [(event.userdata, event.error) for event in events] == [(1, 0)]
    assert bare.read(fd, 8) == (0, b"abc")


def test_a_quiet_standard_input_runs_into_the_clock(bare: Probe, stdin: tuple[int, int]) -> None:
    """With nothing to read, only the clock is told."""
    events = poll(bare, subject(1, abi.EVENT_FD_READ, stdin[0]), clock(2, 5 * MS))
    assert [event.userdata for event in events] == [2]


def test_the_end_of_standard_input_hangs_up(bare: Probe, stdin: tuple[int, int]) -> None:
    """A writer that has gone makes the descriptor ready, with the flag that says so."""
    os.close(stdin[1])
    assert poll(bare, subject(1, abi.EVENT_FD_READ, stdin[0]))[0].flags == abi.HANGUP
    assert bare.read(stdin[0], 8) == (0, b"")


def test_a_full_pipe_is_not_writable(bare: Probe, stdout: tuple[int, int]) -> None:
    """Standard output that nobody reads becomes writable when it is read."""
    fd, reader = stdout
    bare.call("fd_fdstat_set_flags", fd, abi.NONBLOCK)
    while bare.write(fd, b"x" * 4096)[0] == 0:
        pass
    waiting = subject(1, abi.EVENT_FD_WRITE, fd)
    assert [event.userdata for event in poll(bare, waiting, clock(2, 5 * MS))] == [2]
    os.read(reader, 1 << 17)
    assert [event.userdata for event in poll(bare, waiting)] == [1]


def test_both_directions_of_a_stream(bare: Probe, pair: tuple[int, socket.socket]) -> None:
    """A fresh connection can be written; after the peer wrote, also read, with the size told."""
    fd, peer = pair
    both = subject(1, abi.EVENT_FD_READ, fd), subject(2, abi.EVENT_FD_WRITE, fd)
    assert [event.userdata for event in poll(bare, *both)] == [2]
    peer.sendall(b"hello")
    assert {(event.userdata, event.size > 0) for event in poll(bare, *both)} == {
        (1, True),
        (2, False),
    }


def test_the_same_subscription_twice(bare: Probe, pair: tuple[int, socket.socket]) -> None:
    """Two subscriptions to one descriptor are two events."""
    fd, peer = pair
    peer.sendall(b"x")
    twice = subject(1, abi.EVENT_FD_READ, fd), subject(1, abi.EVENT_FD_READ, fd)
    assert [event.userdata for event in poll(bare, *twice)] == [1, 1]


def test_a_peer_that_ended_makes_a_stream_ready(
    bare: Probe, pair: tuple[int, socket.socket]
) -> None:
    """The end of a stream is something to read."""
    fd, peer = pair
    peer.shutdown(socket.SHUT_WR)
    assert poll(bare, subject(1, abi.EVENT_FD_READ, fd))[0].error == 0
    assert bare.read(fd, 8) == (0, b"")


def test_a_listener_is_ready_when_somebody_knocks(bare: Probe, door: Door) -> None:
    """A connection that waits makes its listener readable, and accepting it clears that."""
    waiting = subject(1, abi.EVENT_FD_READ, door.fd)
    assert [event.userdata for event in poll(bare, waiting, clock(2, MS))] == [2]
    with door.knock():
        assert [event.userdata for event in poll(bare, waiting)] == [1]
        assert bare.call("sock_accept", door.fd, 0, 64) == 0
        assert [event.userdata for event in poll(bare, waiting, clock(2, MS))] == [2]


def test_files_are_always_ready(probe: Probe) -> None:
    """A file and a folder never make a guest wait."""
    file = probe.open(b"f", abi.O_CREAT)
    ready = poll(probe, subject(1, abi.EVENT_FD_READ, file), subject(2, abi.EVENT_FD_WRITE, file))
    assert [(event.userdata, event.error) for event in ready] == [(1, 0), (2, 0)]


def test_many_clocks_and_streams(bare: Probe) -> None:
    """Sixty descriptors and as many clocks are polled in one call."""
    reader, writer = os.pipe()
    fds = [bare.table.insert(Stdio(reader, writable=False)) for _ in range(60)]
    os.write(writer, b"x")
    events = poll(
        bare,
        *[subject(fd, abi.EVENT_FD_READ, fd) for fd in fds],
        *[clock(1000 + fd, 3600 * 1000 * MS) for fd in fds],
    )
    assert [event.userdata for event in events] == fds
    os.close(reader)
    os.close(writer)
