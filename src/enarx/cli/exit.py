"""Exit statuses: one table over the error tree, one over the ends of a keep.

A test demands that both are complete.  The application's own status is passed on, so these
numbers are chosen where shells and WebAssembly runtimes already put them.
"""

from __future__ import annotations

from enarx.errors import (
    EnarxError,
    MalformedError,
    MisconfiguredError,
    RejectedError,
    UnavailableError,
)

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

_STATUSES: tuple[tuple[type[EnarxError], int], ...] = (
    (MalformedError, REJECTED),
    (RejectedError, REJECTED),
    (UnavailableError, UNAVAILABLE),
    (MisconfiguredError, MISCONFIGURED),
)


def status_of(error: EnarxError) -> int:
    """The exit status for *error*."""
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), BUG)
