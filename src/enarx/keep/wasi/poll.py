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
_subscription = struct.Struct("<QB7xI4xQQH6x")
_event = struct.Struct("<QHB5xQH6x")
_SUBSCRIPTION_SIZE = 48
_EVENT_SIZE = 32
_MAX_SUBSCRIPTIONS = 8192
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
    found = wanted.wait(system)
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
        find = system.descriptors.find
        for userdata, tag, number, timeout, _, flags in _subscription.iter_unpack(table):
            if tag == abi.EVENT_CLOCK:
                self._add_clock(system, userdata, number, timeout, flags)
            elif tag > abi.EVENT_FD_WRITE:
                self.found.append((userdata, INVAL, tag, 0, 0))
            elif (descriptor := find(number)) is None:
                self.found.append((userdata, BADF, tag, 0, 0))
            else:
                self.subjects.append((userdata, tag, descriptor))

    def _add_clock(
        self, system: System, userdata: int, clock: int, timeout: int, flags: int
    ) -> None:
        now = time.monotonic_ns()
        if clock not in {abi.REALTIME, abi.MONOTONIC} or flags & ~abi.ABSTIME:
            self.found.append((userdata, INVAL, abi.EVENT_CLOCK, 0, 0))
            return
        if flags & abi.ABSTIME:
            start = now if clock == abi.MONOTONIC else system.now_ns()
            timeout = max(0, timeout - start)
        self.clocks.append((now + timeout, userdata))

    def wait(self, system: System) -> list[tuple[int, int, int, int, int]]:
        """Return when something is ready or a clock has run out."""
        if not self.subjects and system.background is None:
            return self.found or self._sleep()
        asked = []
        for subject in self.subjects:
            userdata, tag, descriptor = subject
            try:
                ready = descriptor.poll_ready(write=tag == abi.EVENT_FD_WRITE)
            except OSError as error:  # an event of its own, not of the whole call
                self.found.append((userdata, from_os_error(error), tag, 0, 0))
                continue
            if ready is None:
                asked.append(subject)
            else:
                self.found.append((userdata, 0, tag, ready, 0))
        while True:
            self._poll_once(asked, system.waiting)
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

    def _poll_once(self, asked: list[tuple[int, int, Descriptor]], waiting: Background) -> None:
        """Wait until the first of *asked* or a clock is due, and add every one that is ready."""
        wants = [
            descriptor.poll_interest(write=tag == abi.EVENT_FD_WRITE)
            for _, tag, descriptor in asked
        ]
        fired = dict(waiting.wait([pair for pairs in wants for pair in pairs], self._deadline()))
        for (userdata, tag, descriptor), pairs in zip(asked, wants, strict=True):
            state = 0
            for fd, mask in pairs:
                if fd in fired:
                    state |= fired[fd] & (mask | _HANGUP_MASK)
            if not state:
                continue
            try:
                ready = descriptor.poll_fired(write=tag == abi.EVENT_FD_WRITE)
            except OSError as error:
                self.found.append((userdata, from_os_error(error), tag, 0, 0))
                continue
            if ready is not None:
                hangup = abi.HANGUP if state & _HANGUP_MASK else 0
                self.found.append((userdata, 0, tag, ready, hangup))

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
