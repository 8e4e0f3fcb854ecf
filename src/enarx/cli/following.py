"""Follow a keep: its output to this terminal, this terminal's input to it, its end as ours."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from enarx.cli import exit as status
from enarx.client.session import NoInputError
from enarx.errors import EnarxError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from enarx.client.session import Session
    from enarx.protocol.outcome import Outcome

_BLOCK = 65_536
_DESCRIPTORS = {"stdout": 1, "stderr": 2}
GRACE_S = 10.0
"""How long an application has after Ctrl-C."""


def follow(session: Session, *, stdin: bool, aside: bool = False) -> object:
    """Attach to the application and pass everything on until it has ended; its outcome.

    Ctrl-C asks the keep to stop; a second one gives up on it.  If the keep takes no input from
    here, that is said, and the rest goes on.

    Args:
        aside: all output goes to standard error.

    Raises:
        EnarxError: the connection broke, or the keep refused.
    """
    show = _show_aside if aside else _show
    with _stopped_by_interrupt(session):
        if stdin:
            try:
                return _attached(session, show, stdin=True)
            except NoInputError:
                status.report_note("its input has ended, or another client sends it: reading only")
        return _attached(session, show, stdin=False)


def _attached(session: Session, show: Callable[[str, bytes], None], *, stdin: bool) -> object:
    session.attach(stdin=stdin)
    if stdin:
        threading.Thread(target=_pass_input, args=(session,), daemon=True).start()
    return session.run(show, _lost)


def print_log(session: Session) -> None:
    """Print what the keep has of the output.

    Raises:
        EnarxError: the connection broke, or the keep refused.
    """
    session.attach(stdin=False)
    session.drain(_show, _lost)


def conclude(name: str, outcome: Outcome) -> int:
    """The exit status, after saying what the application cannot say itself.

    Raises:
        EnarxError: the application never ran, and why.
    """
    if outcome.kind == "exit":
        number = int(outcome.code)
        if number <= status.LARGEST_PORTABLE:
            return number
        status.report_end(f"{name}: exited with {number}, which no shell can show")
        return status.REJECTED
    if outcome.kind == "failed" and outcome.error is not None:
        raise outcome.error
    return status.report_outcome(name, outcome)


def _show(name: str, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(_DESCRIPTORS[name], view) :]


def _show_aside(_name: str, data: bytes) -> None:
    _show("stderr", data)


def _lost(name: str, size: int) -> None:
    status.report_warning(f"{size} bytes of {name} were not kept: the keep's log is bounded")


def _pass_input(session: Session) -> None:
    with suppress(EnarxError, OSError):
        while data := os.read(0, _BLOCK):
            if not session.write(data):
                return
        session.end_input()


@contextmanager
def _stopped_by_interrupt(session: Session) -> Iterator[None]:
    def stop(_number: int, _frame: object) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        status.report_note("asking the keep to stop; Ctrl-C again to leave it")
        threading.Thread(target=_ask_to_stop, args=(session,), daemon=True).start()

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _ask_to_stop(session: Session) -> None:
    with suppress(EnarxError):
        session.stop(GRACE_S)
