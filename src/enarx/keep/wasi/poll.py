"""``poll_oneoff``: wait for clocks, streams and sockets together.

Source: WASI preview 1 witx, ``subscription`` (48 bytes) and ``event`` (32 bytes).
"""

from __future__ import annotations

import os
import select
import struct
import time

from enarx.keep.net.wait import LONGEST_WAIT_S
from enarx.keep.wasi import abi
from enarx.keep.wasi.errno import BADF, INVAL, WasiError, from_os_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enarx.keep.net.wait import Background
    from enarx.keep.system import System
    from enarx.keep.wasi.descriptors import Descriptor

# userdata, tag; then for a clock: id, timeout, precision, flags; for a descriptor: its number
_clock = struct.Struct("<QB7xI4xQQH6x")
_subject = struct.Struct("<QB7xI28x")
_event = struct.Struct("<QHB5xQH6x")
_SUBSCRIPTION_SIZE = 48
_EVENT_SIZE = 32
_MAX_SUBSCRIPTIONS = 8192
_NS_PER_MS = 1_000_000
_HANGUP_MASK = select.POLLHUP | select.POLLERR


def poll_oneoff(system: System, subscriptions: int, events: int, count: int, out: int) -> int:
    """Write one event for each subscription that is ready, at least one; 0.

    Raises:
        WasiError: INVAL without subscriptions, or with more than ``_MAX_SUBSCRIPTIONS``.
    """
    memory = system.memory
    if not 0 < count <= _MAX_SUBSCRIPTIONS:
        raise WasiError(INVAL)
    memory.span(events, count * _EVENT_SIZE)
    memory.span(out, 4)
    wanted = _Wanted(system, memory.span(subscriptions, count * _SUBSCRIPTION_SIZE))
    found = wanted.wait(system.background)
    for index, (userdata, code, tag, size, flags) in enumerate(found):
        _event.pack_into(
            memory.view, events + index * _EVENT_SIZE, userdata, code, tag, size, flags
        )
    memory.put_u32(out, len(found))
    return 0


class _Wanted:
    """The decoded subscriptions of one call."""

    def __init__(self, system: System, table: memoryview) -> None:
        self.found: list[tuple[int, int, int, int, int]] = []
        self.clocks: list[tuple[int, int]] = []  # deadline on the monotonic clock, userdata
        self.subjects: list[tuple[int, int, Descriptor]] = []
        for at in range(0, len(table), _SUBSCRIPTION_SIZE):
            if table[at + 8] == abi.EVENT_CLOCK:
                self._add_clock(*_clock.unpack_from(table, at))
            else:
                self._add_subject(system, *_subject.unpack_from(table, at))

    def _add_clock(
        self, userdata: int, tag: int, clock: int, timeout: int, _precision: int, flags: int
    ) -> None:
        now = time.monotonic_ns()
        if clock not in {abi.REALTIME, abi.MONOTONIC} or flags & ~abi.ABSTIME:
            self.found.append((userdata, INVAL, tag, 0, 0))
            return
        if flags & abi.ABSTIME:
            start = now if clock == abi.MONOTONIC else time.time_ns()
            timeout = max(0, timeout - start)
        self.clocks.append((now + timeout, userdata))

    def _add_subject(self, system: System, userdata: int, tag: int, fd: int) -> None:
        descriptor = system.descriptors.find(fd)
        if tag not in {abi.EVENT_FD_READ, abi.EVENT_FD_WRITE}:
            self.found.append((userdata, INVAL, tag, 0, 0))
        elif descriptor is None:
            self.found.append((userdata, BADF, tag, 0, 0))
        else:
            self.subjects.append((userdata, tag, descriptor))

    def wait(self, background: Background | None) -> list[tuple[int, int, int, int, int]]:
        """Return when something is ready or a clock has run out."""
        for userdata, tag, descriptor in self.subjects:
            ready = self._ask(descriptor.poll_ready, userdata, tag)
            if ready is not None:
                self.found.append((userdata, 0, tag, ready, 0))
        if not self.subjects and background is None:
            return self.found or self._sleep()
        while True:
            self._poll_once(background)
            self._add_expired()
            if self.found:
                return self.found

    def _sleep(self) -> list[tuple[int, int, int, int, int]]:
        while not self.found:
            deadline = min(deadline for deadline, _ in self.clocks)
            left_s = max(0, deadline - time.monotonic_ns()) / 1e9
            time.sleep(min(left_s, LONGEST_WAIT_S))
            self._add_expired()
        return self.found

    def _poll_once(self, background: Background | None) -> None:
        answered = {(userdata, tag) for userdata, _, tag, _, _ in self.found}
        waiting = [
            (userdata, tag, descriptor, descriptor.poll_interest(write=tag == abi.EVENT_FD_WRITE))
            for userdata, tag, descriptor in self.subjects
            if (userdata, tag) not in answered
        ]
        interest = [pair for *_, pairs in waiting for pair in pairs]
        fired = self._fired(interest, background)
        for userdata, tag, descriptor, pairs in waiting:
            states = [fired[fd] for fd, mask in pairs if fired.get(fd, 0) & (mask | _HANGUP_MASK)]
            if not states:
                continue
            ready = self._ask(descriptor.poll_fired, userdata, tag)
            if ready is not None:
                hangup = abi.HANGUP if any(state & _HANGUP_MASK for state in states) else 0
                self.found.append((userdata, 0, tag, ready, hangup))

    def _fired(
        self, interest: list[tuple[int, int]], background: Background | None
    ) -> dict[int, int]:
        """Host descriptors that are ready, after waiting until the first of them or a clock is."""
        if background is not None:
            return dict(background.wait(interest, self._deadline()))
        masks: dict[int, int] = {}
        for fd, mask in interest:
            masks[fd] = masks.get(fd, 0) | mask
        poller = select.poll()
        for fd, mask in masks.items():
            poller.register(fd, mask)
        return dict(poller.poll(self._timeout_ms()))

    def _ask(self, question: object, userdata: int, tag: int) -> int | None:
        """Ask a descriptor; a failure is an event of its own, not of the whole call."""
        try:
            return question(write=tag == abi.EVENT_FD_WRITE)  # type: ignore[operator, no-any-return]
        except OSError as error:
            self.found.append((userdata, from_os_error(error), tag, 0, 0))
            return None

    def _timeout_ms(self) -> int | None:
        if self.found:
            return 0
        if not self.clocks:
            return None
        left = min(deadline for deadline, _ in self.clocks) - time.monotonic_ns()
        return min(max(0, -(-left // _NS_PER_MS)), LONGEST_WAIT_S * 1000)

    def _deadline(self) -> float | None:
        """The instant of the monotonic clock, in seconds, to wait for; None for ever."""
        if self.found:
            return time.monotonic()
        return min(deadline for deadline, _ in self.clocks) / 1e9 if self.clocks else None

    def _add_expired(self) -> None:
        if not self.clocks:
            return
        now = time.monotonic_ns()
        self.found += [
            (userdata, 0, abi.EVENT_CLOCK, 0, 0)
            for deadline, userdata in self.clocks
            if deadline <= now
        ]
        self.clocks = [clock for clock in self.clocks if clock[0] > now]


def sched_yield(_system: System) -> int:
    """Let another process run."""
    os.sched_yield()
    return 0
