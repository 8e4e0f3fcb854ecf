"""Waiting for descriptors, while handshakes and unfinished closes go on in the background.

A keep has one thread.  Whenever the guest blocks, the connections it does not know of yet (in
their handshake) and those it has already closed (still owing bytes) must move on: `Background`
is the list of them, and its `wait` is the only place where such a keep sleeps.
"""

from __future__ import annotations

import select
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    class Task(Protocol):
        """Work that goes on whenever the guest waits."""

        def interest(self) -> tuple[tuple[int, int], ...]:
            """Pairs of descriptor and poll mask that make `pump` worth calling."""

        def deadline(self) -> float | None:
            """The monotonic instant at which `pump` must be called anyway."""

        def pump(self) -> None:
            """Do what can be done without blocking."""


# poll(2) takes an int of milliseconds, 24 days; a longer sleep is cut into pieces of this.
LONGEST_WAIT_S = 24 * 3600


def poll_now(fd: int, mask: int) -> int:
    """What of *mask* (or error, hang-up) holds for *fd* at this moment; 0 for nothing."""
    poller = select.poll()
    poller.register(fd, mask)
    events = poller.poll(0)
    return events[0][1] if events else 0


def wait(fd: int, mask: int, deadline: float | None = None) -> int:
    """Sleep until *fd* is ready for *mask*, without any background work.

    Args:
        fd: the descriptor.
        mask: bits of `select.poll`.
        deadline: an instant of `time.monotonic`; None waits for ever.

    Returns:
        The events, 0 when the deadline passed, or after ``LONGEST_WAIT_S``.
    """
    poller = select.poll()
    poller.register(fd, mask)
    events = poller.poll(_milliseconds(deadline))
    return events[0][1] if events else 0


class Background:
    """What goes on while the guest waits: the handshakes of listeners, and lingering closes."""

    __slots__ = ("_all", "_count", "_lingering", "_polled", "_poller", "_tasks", "_wanted")

    def __init__(self) -> None:
        self._tasks: tuple[Task, ...] = ()
        self._lingering: tuple[Task, ...] = ()
        self._all: tuple[Task, ...] = ()
        self._poller = select.poll()
        self._polled: list[tuple[int, int]] = []  # what is registered with `_poller`
        self._count = -1  # how many of it were asked for; -1 when it must be registered again
        self._wanted: dict[int, int] = {}  # what of it was asked for, by descriptor

    def add(self, task: Task) -> None:
        """Pump *task* whenever the guest waits, until `discard`."""
        self._tasks += (task,)
        self._all = self._tasks + self._lingering
        self._count = -1

    def linger(self, task: Task) -> None:
        """Pump *task* too; `finish` waits for it."""
        self._lingering += (task,)
        self._all = self._tasks + self._lingering
        self._count = -1

    def discard(self, task: Task) -> None:
        """Forget *task*."""
        self._tasks = tuple(each for each in self._tasks if each is not task)
        self._lingering = tuple(each for each in self._lingering if each is not task)
        self._all = self._tasks + self._lingering
        self._count = -1

    def wait(
        self, interest: Sequence[tuple[int, int]], deadline: float | None = None
    ) -> list[tuple[int, int]]:
        """Sleep until one of *interest* is ready, pumping every task meanwhile.

        Args:
            interest: pairs of descriptor and poll mask; a descriptor may appear twice.
            deadline: an instant of `time.monotonic`; None waits for ever.

        Returns:
            Pairs of descriptor and events; empty when the deadline passed.
        """
        while True:
            ready = self._turn(interest, deadline)
            if ready or (deadline is not None and time.monotonic() >= deadline):
                return ready

    def finish(self, deadline: float) -> None:
        """Wait until every lingering close is over, but not past *deadline*.

        The keep calls this once, after the guest has ended and its descriptors are closed.
        """
        while self._lingering and time.monotonic() < deadline:
            self._turn((), deadline)

    def _turn(
        self, interest: Sequence[tuple[int, int]], deadline: float | None
    ) -> list[tuple[int, int]]:
        """Sleep once, pump if a task has cause, and say what of *interest* became ready."""
        tasks = self._all
        polled, due = [*interest], None
        for task in tasks:
            polled += task.interest()
            at = task.deadline()
            if at is not None and (due is None or at < due):
                due = at
        if len(interest) != self._count or polled != self._polled:
            # Most often a guest waits for what it waited for before.
            self._register(polled, interest)
        until = deadline if due is None else due if deadline is None else min(due, deadline)
        events = self._poller.poll(_milliseconds(until))
        wanted = self._wanted
        if due is None and len(events) == 1:  # the usual end: one thing, and it was asked for
            fd, got = events[0]
            if fd in wanted and _concerns(got, wanted[fd]):
                return events
        ready = [(fd, got) for fd, got in events if fd in wanted and _concerns(got, wanted[fd])]
        # A busy guest does not pay for tasks that have nothing to do.
        if len(ready) < len(events) or (due is not None and due <= time.monotonic()):
            for task in tasks:
                task.pump()
        return ready

    def _register(self, polled: list[tuple[int, int]], interest: Sequence[tuple[int, int]]) -> None:
        self._poller = select.poll()
        for fd, mask in _merge(polled).items():
            self._poller.register(fd, mask)
        self._polled = polled
        self._count = len(interest)
        self._wanted = _merge(interest)


def _merge(interest: Sequence[tuple[int, int]]) -> dict[int, int]:
    merged: dict[int, int] = {}
    for fd, mask in interest:
        merged[fd] = merged.get(fd, 0) | mask
    return merged


def _concerns(events: int, mask: int) -> int:
    """The part of *events* asked for; errors and hang-ups always are."""
    return events & (mask | select.POLLERR | select.POLLHUP | select.POLLNVAL)


def _milliseconds(deadline: float | None) -> int | None:
    """What `poll` takes, rounded up so that it never wakes before *deadline*, if that is near."""
    if deadline is None:
        return None
    left = deadline - time.monotonic()
    return 0 if left <= 0 else int(min(left, LONGEST_WAIT_S) * 1000) + 1
