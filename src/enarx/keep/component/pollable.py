"""``wasi:io/poll``: waiting for clocks, streams and sockets together.

A pollable is ready at once, at an instant of the monotonic clock, or when a descriptor of the
host has something; the last is asked in the terms of the keep's descriptors (``poll_ready``,
``poll_interest``, ``poll_fired``).
"""

from __future__ import annotations

import select
import time

from enarx.keep.component.interface import Interface, func
from enarx.keep.component.resource import Resource
from enarx.keep.component.types import BOOL, U32, Borrow, List
from enarx.keep.engine.trap import Trap
from enarx.keep.net.wait import LONGEST_WAIT_S

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from enarx.keep.system import System
    from enarx.keep.wasi.descriptors import Descriptor

_NS_PER_MS = 1_000_000


class Pollable(Resource):
    """The base: always ready, as files are.

    Attributes:
        deadline: instant of the monotonic clock (ns) at which it becomes ready, or None.
    """

    wit_name = "pollable"
    deadline: int | None = None

    def ready(self) -> bool:
        """Whether a wait would return at once."""
        return True

    def interest(self) -> tuple[tuple[int, int], ...]:
        """(host descriptor, poll mask) of all that can make it ready."""
        return ()

    def block(self) -> None:
        """Return when it is ready."""
        wait((self,))


class Instant(Pollable):
    """Ready from an instant of the monotonic clock on."""

    def __init__(self, deadline: int) -> None:
        self.deadline = deadline

    def ready(self) -> bool:
        """Whether the instant has come."""
        return time.monotonic_ns() >= (self.deadline or 0)


class Readiness(Pollable):
    """Ready when a descriptor can be read, or written, without waiting."""

    def __init__(self, descriptor: Descriptor, *, write: bool) -> None:
        self._descriptor = descriptor
        self._write = write

    def ready(self) -> bool:
        """Ask the descriptor, then the host.

        A failure makes it ready: the guest learns of it from the operation it then tries.
        """
        try:
            if self._descriptor.poll_ready(write=self._write) is not None:
                return True
            poller = select.poll()
            for fd, mask in self.interest():
                if fd < 0:  # its stream was dropped before it
                    return True
                poller.register(fd, mask)
            if not poller.poll(0):
                return False
            return self._descriptor.poll_fired(write=self._write) is not None
        except OSError:
            return True

    def interest(self) -> tuple[tuple[int, int], ...]:
        """The descriptor's."""
        return self._descriptor.poll_interest(write=self._write)


def wait(pollables: Sequence[Pollable]) -> list[int]:
    """Return when something is ready: the indexes of all that are."""
    while True:
        ready = [index for index, pollable in enumerate(pollables) if pollable.ready()]
        if ready:
            return ready
        _sleep(pollables)


def _sleep(pollables: Sequence[Pollable]) -> None:
    """Return when one of *pollables* may have become ready."""
    masks: dict[int, int] = {}
    for pollable in pollables:
        for fd, mask in pollable.interest():
            masks[fd] = masks.get(fd, 0) | mask
    deadlines = [p.deadline for p in pollables if p.deadline is not None]
    left = min(deadlines) - time.monotonic_ns() if deadlines else None
    if not masks and left is not None:
        time.sleep(min(max(0, left) / 1e9, LONGEST_WAIT_S))
        return
    poller = select.poll()
    for fd, mask in masks.items():
        poller.register(fd, mask)
    timeout = None if left is None else min(max(0, -(-left // _NS_PER_MS)), LONGEST_WAIT_S * 1000)
    poller.poll(timeout)


class _Poll:
    def __init__(self, _system: System) -> None:
        pass

    def poll(self, pollables: tuple[Pollable, ...]) -> list[int]:
        """Wait for the first of *pollables*; an empty list is the guest's error."""
        if not pollables:
            raise Trap("wasi:io/poll poll: empty list")
        return wait(pollables)


INTERFACE = Interface(
    "wasi:io/poll",
    _Poll,
    functions={"poll": func(List(Borrow(Pollable)), returns=List(U32))},
    methods={Pollable: {"ready": func(returns=BOOL), "block": func()}},
)
