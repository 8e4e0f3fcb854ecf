"""Waiting: what is ready, when time is up, and what goes on meanwhile."""

from __future__ import annotations

import os
import select
import time
from typing import TYPE_CHECKING

import pytest

from enarx.keep.net.wait import Background, poll_now, wait

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Waiting = Callable[..., int]


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe's two ends."""
    ends = os.pipe()
    yield ends
    for fd in ends:
        os.close(fd)


class Counter:
    """A task that counts its turns, and ends after some."""

    def __init__(self, background: Background, turns: int, fd: int) -> None:
        self.background, self.turns, self.fd = background, turns, fd

    def interest(self) -> tuple[tuple[int, int], ...]:
        """Always writable."""
        return ((self.fd, select.POLLOUT),)

    def deadline(self) -> float | None:
        """None."""
        return None

    def pump(self) -> None:
        """One turn."""
        self.turns -= 1
        if self.turns == 0:
            self.background.discard(self)


class Alarm(Counter):
    """A task that wants a turn at an instant and has no descriptor."""

    def interest(self) -> tuple[tuple[int, int], ...]:
        """Nothing."""
        return ()

    def deadline(self) -> float | None:
        """Soon."""
        return time.monotonic() + 0.01


@pytest.mark.parametrize(
    "waiting",
    [
        wait,
        lambda fd, mask, deadline=None: dict(Background().wait(((fd, mask),), deadline)).get(fd, 0),
    ],
)
def test_readiness_and_deadline(pipe: tuple[int, int], waiting: Waiting) -> None:
    """The events, or 0 no earlier than the deadline."""
    reader, writer = pipe
    deadline = time.monotonic() + 0.01
    assert waiting(reader, select.POLLIN, deadline) == 0
    assert time.monotonic() >= deadline
    assert waiting(writer, select.POLLOUT) == select.POLLOUT
    os.write(writer, b"x")
    assert waiting(reader, select.POLLIN) == select.POLLIN
    assert waiting(reader, select.POLLIN, 0.0) == select.POLLIN, "ready beats late"
    assert waiting(reader, select.POLLIN, 2.0**64 / 1e9) == select.POLLIN, "poll(2) takes an int"


def test_poll_now_does_not_wait(pipe: tuple[int, int]) -> None:
    """What holds at this moment."""
    reader, writer = pipe
    assert poll_now(reader, select.POLLIN) == 0
    assert poll_now(writer, select.POLLOUT) == select.POLLOUT


def test_a_closed_descriptor_is_ready(pipe: tuple[int, int]) -> None:
    """POLLNVAL wakes, so that the next operation can say EBADF."""
    closed = os.dup(pipe[0])
    os.close(closed)
    assert Background().wait(((closed, select.POLLIN),)) == [(closed, select.POLLNVAL)]


def test_one_descriptor_may_be_wanted_twice(pipe: tuple[int, int]) -> None:
    """Masks are joined."""
    _, writer = pipe
    interest = ((writer, select.POLLIN), (writer, select.POLLOUT))
    assert Background().wait(interest) == [(writer, select.POLLOUT)]


def test_tasks_have_turns_but_do_not_wake_the_guest(pipe: tuple[int, int]) -> None:
    """The tasks' descriptors are waited for too, and are not reported."""
    reader, writer = pipe
    background = Background()
    task = Counter(background, 3, writer)
    background.add(task)
    assert background.wait(((reader, select.POLLIN),), time.monotonic() + 0.02) == []
    assert task.turns == 0


def test_a_task_wakes_at_its_deadline(pipe: tuple[int, int]) -> None:
    """A task without descriptors gets its turn in time, however long the guest waits."""
    background = Background()
    task = Alarm(background, 2, -1)
    background.add(task)
    background.wait(((pipe[0], select.POLLIN),), time.monotonic() + 0.05)
    assert task.turns <= 0


def test_finish_waits_for_lingering_tasks_only(pipe: tuple[int, int]) -> None:
    """A listener does not keep an ended keep alive; bytes owed do, for a while."""
    _, writer = pipe
    background = Background()
    lingering = Counter(background, 3, writer)
    background.linger(lingering)
    background.add(Counter(background, -1, writer))
    background.finish(time.monotonic() + 10)
    assert lingering.turns == 0
