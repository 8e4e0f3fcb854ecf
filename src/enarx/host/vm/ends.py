"""How a machine ended, decided from what its monitor said and from how its process ended.

A kernel of ours reboots when it panics, and its init only ever powers off; QEMU does not reboot, so
that a reset is a panic, or a processor that gave up.
"""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from enarx.host.vm.qmp import Event

STATUSES: Mapping[str, int] = {
    "powered-off": 0,
    "panicked": 80,
    "not-started": 81,
    "killed": 82,
    "ordered": 83,
    "boot-timeout": 84,
    "stopped": 85,
    "link-broken": 86,
    "failed": 87,
}
"""Kinds of ends, and the exit status of the machine process for each.

- powered-off: the guest ended by itself.
- panicked: its kernel did, or its processor.
- not-started: QEMU said why and ended before the machine ran.
- killed: QEMU or the process that carries the link was, by a signal.
- ordered: the host asked for it, or is gone.
- boot-timeout: the guest did not open its port in time.
- stopped: the machine cannot run on, as when KVM cannot emulate an instruction.
- link-broken: guest and host do not understand each other on the port.
- failed: QEMU ended by itself while the machine ran.
"""

MAX_REASON = 500
"""Characters of a reason; longer ones are cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """One of ``STATUSES``, and a line for people."""

    kind: str
    reason: str


class Course:
    """What happened to one machine so far; the first thing that explains its end counts."""

    def __init__(self) -> None:
        self.booted = False
        """The guest has opened its port."""
        self._end: End | None = None
        self._running = False
        self._complaint = ""

    @property
    def decided(self) -> bool:
        """It is known how the machine ends, whether or not its processes have ended."""
        return self._end is not None

    def event(self, event: Event, port: str) -> None:
        """Something that the monitor told; *port* is QEMU's name for the guest's port."""
        if event.name == "VSERPORT_CHANGE":
            self.booted = self.booted or (event.word("id") == port and event.flag("open"))
        elif event.name == "GUEST_PANICKED":
            self.end("panicked", "the guest panicked")
        elif event.name == "RESET" and event.flag("guest"):
            self.end("panicked", _RESET)
        elif event.name == "SHUTDOWN":
            self._shutdown(event)

    def ran(self, problem: str) -> None:
        """QEMU answered the order to let the guest run."""
        self._running = not problem
        if problem:
            self.end("not-started", f"QEMU did not start: {problem}")

    def status(self, status: str) -> None:
        """What the machine is doing, as query-status says after a STOP."""
        if status in _STOPPED:
            self.end("stopped", f"the machine cannot run on ({status}): {_STOPPED[status]}")
        elif status == "guest-panicked":
            self.end("panicked", "the guest panicked")

    def complained(self, line: str) -> None:
        """The first line that QEMU wrote to its error output."""
        self._complaint = self._complaint or line

    def end(self, kind: str, reason: str) -> None:
        """It ends like this, unless it was decided before."""
        if self._end is None:
            self._end = End(kind=kind, reason=reason)

    def ended(self, status: int) -> End:
        """How it ended, now that QEMU has with this wait status."""
        said = f": {self._complaint}" if self._complaint else ""
        if os.WIFSIGNALED(status):
            self.end("killed", f"QEMU was killed by {_name(os.WTERMSIG(status))}")
        elif not self._running:
            self.end("not-started", f"QEMU did not start{said}")
        else:
            code = os.WEXITSTATUS(status)
            self.end("failed", f"QEMU ended with exit status {code}{said}")
        assert self._end is not None  # noqa: S101 - one of the three lines above decided
        return self._end

    def _shutdown(self, event: Event) -> None:
        cause = event.word("reason")
        if cause == "guest-shutdown":
            self.end("powered-off", "the guest powered off")
        elif cause == "guest-reset":
            self.end("panicked", _RESET)
        elif cause == "guest-panic":
            self.end("panicked", "the guest panicked")
        elif cause == "host-signal":
            self.end("killed", "QEMU was told to end by a signal")


_RESET = "the guest's kernel panicked, or its processor gave up (reset)"
_STOPPED = {
    "internal-error": "its accelerator failed, perhaps because KVM is emulated here",
    "io-error": "a device failed",
    "watchdog": "a watchdog",
}


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
