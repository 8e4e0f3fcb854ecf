"""Exit statuses: one table over the error tree, one over the ends of a keep.

A test demands that both are complete.  The application's own status is passed on, so these
numbers are chosen where shells and WebAssembly runtimes already put them.
"""

from __future__ import annotations

import sys

from enarx.errors import (
    EnarxError,
    MalformedError,
    MisconfiguredError,
    RejectedError,
    UnavailableError,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from enarx.protocol.outcome import Outcome

REJECTED = 1
USAGE = 2
UNAVAILABLE = 3
MISCONFIGURED = 4
BUG = 70
LIMIT = 124  # as timeout(1)
SIGNALLED = 128  # plus the signal's number
INTERRUPTED = 130
TRAP = 134  # as the shell shows SIGABRT, and other WebAssembly runtimes a trap
BROKEN_PIPE = 141
LARGEST_PORTABLE = 255

_STATUSES: tuple[tuple[type[EnarxError], int], ...] = (
    (MalformedError, REJECTED),
    (RejectedError, REJECTED),
    (UnavailableError, UNAVAILABLE),
    (MisconfiguredError, MISCONFIGURED),
)


def status_of(error: EnarxError) -> int:
    """The exit status for *error*."""
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), BUG)


def report_outcome(name: str, outcome: Outcome) -> int:
    """Say how the keep of *name* ended, other than by itself; the exit status."""
    text, hint, status = _ENDS[outcome.kind](outcome)
    report_end(f"{name}: {text}", hint)
    for frame in outcome.backtrace:
        say(f"enarx:   at {' '.join(frame.split())}")
    return status


def report_end(text: str, hint: str = "") -> None:
    """Print one error line, and a hint."""
    say(f"enarx: error: {' '.join(text.split())}")
    if hint:
        report_hint(hint)


def report_hint(text: str) -> None:
    """Print one line of advice."""
    say(f"enarx: hint: {' '.join(text.split())}")


def report_note(text: str) -> None:
    """Print one line that is good to know."""
    say(f"enarx: note: {text}")


def report_warning(text: str) -> None:
    """Print one line that must not be missed."""
    say(f"enarx: warning: {text}")


def say(text: str) -> None:
    """Print to standard error, if there is one; what a terminal would obey is escaped."""
    if not text.isprintable():
        from enarx.protocol.outcome import legible

        text = legible(text)
    if sys.stderr is not None:
        print(text, file=sys.stderr, flush=True)


def _trap(outcome: Outcome) -> tuple[str, str, int]:
    return f"trapped: {outcome.message}", _TRAP_HINTS.get(str(outcome.code), ""), TRAP


def _limit(outcome: Outcome) -> tuple[str, str, int]:
    name, unit = _LIMITS.get(outcome.which, (outcome.which, ""))
    if outcome.limit is None:  # not one of [limits]: the engine's own, or the machine's
        return f"out of {name}", "the application needs more than a keep here can have", LIMIT
    hint = f"raise {outcome.which} in [limits] of Enarx.toml, if it should have more"
    return f"{name} limit of {_plain(outcome.limit)}{unit} reached", hint, LIMIT


def _plain(number: float) -> str:
    """Every digit of a count, and no more of a time than matters."""
    return str(int(number)) if number == int(number) else f"{number:g}"


def _broken_pipe(outcome: Outcome) -> tuple[str, str, int]:
    return f"{outcome.stream}: broken pipe, its reader has gone away", "", BROKEN_PIPE


def _killed(outcome: Outcome) -> tuple[str, str, int]:
    text = outcome.message or f"was killed by signal {outcome.signal}"
    return f"its keep {text}", "", SIGNALLED + outcome.signal


def _link_lost(_outcome: Outcome) -> tuple[str, str, int]:
    return (
        "its keep lost the link to this host",
        "run it again; it did not end by itself",
        UNAVAILABLE,
    )


def _bug(outcome: Outcome) -> tuple[str, str, int]:
    say(outcome.message)
    return "this is a bug in the keep", "please report it with the lines above", BUG


_ENDS: dict[str, Callable[[Outcome], tuple[str, str, int]]] = {
    "broken_pipe": _broken_pipe,
    "bug": _bug,
    "killed": _killed,
    "limit": _limit,
    "link_lost": _link_lost,
    "trap": _trap,
}
_LIMITS = {"fuel": ("fuel", ""), "memory": ("memory", " bytes"), "wall_time": ("time", " s")}
_TRAP_HINTS = {
    "uncaught_exception": "the program threw an exception that nothing in it catches",
    "stack_overflow": "endless recursion, or more than the 4 MiB of stack that a keep has",
    "unreachable": "the program gave up (abort, panic, assertion); its own message is above",
}
