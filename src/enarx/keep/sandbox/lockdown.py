"""Close the sandbox around a keep: after this call, no new file, socket, process or signal.

What the keep holds open stays usable; that and the mounted directories are all it can reach.
Nothing can be imported afterwards.  Features that the machine lacks are named, never silently
skipped: what runs without them is for whoever reads the report to judge.
"""

from __future__ import annotations

import os

from enarx.keep.sandbox import capabilities, landlock, seccomp
from enarx.protocol.link import NOT_AVAILABLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class Applied:
    """What holds now, and what this machine cannot hold."""

    __slots__ = ("applied", "missing")

    def __init__(self, applied: list[str], missing: list[str]) -> None:
        self.applied = tuple(applied)
        self.missing = tuple(missing)

    def describe(self) -> list[str]:
        """One line each; what is missing says so."""
        return [*self.applied, *(NOT_AVAILABLE + line for line in self.missing)]


def preload() -> None:
    """Load the library before the fork; it opens nothing and starts nothing."""
    seccomp.load()


def lock_down(
    mounts: Sequence[tuple[int, bool]],
    *,
    allow_threads: bool,
    child: int = 0,
    pairs: bool = False,
) -> Applied:
    """Give up everything but what is open and *mounts* (directory descriptor, writable).

    *child* is the one process that may still be killed and waited for, if there is one.  With
    *pairs*, pairs of connected local sockets may still be made.

    The caller must not have started a thread, must have imported all it will ever need, and must
    already have no_new_privs (the zygote sees to that).

    Raises:
        OSError: the kernel refused something it offers; the keep must not run then.
        RuntimeError: a thread exists that would stay outside.
    """
    if len(_threads()) > 1:
        raise RuntimeError("a thread was started before the sandbox was closed")
    library = seccomp.load()  # before files are out of reach
    dropped = capabilities.drop(mounts=bool(mounts))
    applied, missing = landlock.restrict(mounts, signals=bool(child))
    filtered, unfiltered = seccomp.restrict(
        library,
        mounts=bool(mounts),
        writable=any(writable for _, writable in mounts),
        threads=allow_threads,
        child=child,
        pairs=pairs,
    )
    return Applied([*dropped, *applied, *filtered], missing + unfiltered)


def _threads() -> list[str]:
    """The threads of this process, as far as it can tell."""
    try:
        return os.listdir("/proc/self/task")
    except OSError:  # no /proc
        return []
