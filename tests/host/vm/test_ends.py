"""Which of all that happened to a machine is how it ended."""

from __future__ import annotations

import signal

import pytest

from enarx.host.vm.ends import STATUSES, Course
from enarx.host.vm.qmp import Event


def event(name: str, **data: object) -> Event:
    """An event of QEMU's monitor."""
    return Event(name=name, data=data)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (event("SHUTDOWN", guest=True, reason="guest-shutdown"), "powered-off"),
        (event("SHUTDOWN", guest=True, reason="guest-reset"), "panicked"),
        (event("SHUTDOWN", guest=True, reason="guest-panic"), "panicked"),
        (event("SHUTDOWN", guest=False, reason="host-signal"), "killed"),
        (event("RESET", guest=True, reason="guest-reset"), "panicked"),
        (event("GUEST_PANICKED", action="pause"), "panicked"),
    ],
)
def test_what_an_event_says(said: Event, kind: str) -> None:
    """An event that ends a machine decides how, whatever its process does afterwards."""
    course = Course()
    course.ran("")
    course.event(said, "link")
    assert course.decided
    assert course.ended(signal.SIGKILL).kind == kind


@pytest.mark.parametrize(
    "said",
    [
        event("SHUTDOWN", guest=False, reason="host-qmp-quit"),
        event("SHUTDOWN", reason=7),
        event("RESET", guest=False, reason="host-qmp-system-reset"),
        event("STOP"),
        event("STOP", reason="guest-shutdown"),
        event("RTC_CHANGE", offset=1),
    ],
)
def test_what_an_event_does_not_say(said: Event) -> None:
    """What the guest did not do is not the guest's end."""
    course = Course()
    course.ran("")
    course.event(said, "link")
    assert not course.decided
    assert course.ended(0).kind == "failed"


def test_the_first_reason_counts() -> None:
    """A guest that powered off before the host ended it has powered off."""
    course = Course()
    course.event(event("SHUTDOWN", reason="guest-shutdown"), "link")
    course.end("ordered", "the host ended it")
    assert course.ended(signal.SIGKILL).kind == "powered-off"


def test_a_port_is_opened_by_its_name() -> None:
    """Only the guest's port counts as boot, and only when it opens; closing it undoes nothing."""
    course = Course()
    course.event(event("VSERPORT_CHANGE", id="other", open=True), "link")
    course.event(event("VSERPORT_CHANGE", id="link", open=False), "link")
    assert not course.booted
    course.event(event("VSERPORT_CHANGE", id="link", open=True), "link")
    course.event(event("VSERPORT_CHANGE", id="link", open=False), "link")
    assert course.booted


def test_a_machine_that_cannot_run_on() -> None:
    """The state after a stop says whether it is an end: an error is one, a pause is none."""
    course = Course()
    course.status("paused")
    assert not course.decided
    course.status("internal-error")
    assert course.ended(0).kind == "stopped"


def test_a_guest_that_may_not_run() -> None:
    """QEMU that refuses to let the guest run has not started, and says why."""
    course = Course()
    course.ran("no memory")
    assert course.decided
    assert course.ended(0).reason == "QEMU did not start: no memory"


def test_a_panic_is_known_from_the_state() -> None:
    """A machine that is stopped because its guest panicked has ended so."""
    course = Course()
    course.status("guest-panicked")
    assert course.ended(0).kind == "panicked"


def test_an_end_without_a_complaint() -> None:
    """Where nobody said anything, nothing follows the sentence."""
    assert Course().ended(1 << 8).reason == "QEMU did not start"


@pytest.mark.parametrize(
    ("started", "status", "kind", "says"),
    [
        (False, 1 << 8, "not-started", "QEMU did not start: no memory"),
        (True, 1 << 8, "failed", "QEMU ended with exit status 1: no memory"),
        (False, signal.SIGSEGV, "killed", "QEMU was killed by SIGSEGV"),
        (True, signal.SIGKILL, "killed", "QEMU was killed by SIGKILL"),
        (True, 40, "killed", "QEMU was killed by signal 40"),
    ],
)
def test_an_end_without_a_word(*, started: bool, status: int, kind: str, says: str) -> None:
    """Where the monitor said nothing, the wait status and the first complaint tell."""
    course = Course()
    if started:
        course.ran("")
    course.complained("no memory")
    course.complained("more")
    end = course.ended(status)
    assert (end.kind, end.reason) == (kind, says)
    assert end.kind in STATUSES
