"""Children that cannot outlive this process, whatever kills it.

For processes with one thread: a child is killed when the thread that forked it ends.

Source: Linux, PR_SET_PDEATHSIG(2const), pidfd_open(2).
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
from contextlib import suppress

from enarx.errors import UnavailableError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_PR_SET_PDEATHSIG = 1
_NOT_EXECUTED = 127  # as shells say it
_EX_OSERR = 71
_EX_SOFTWARE = 70
_LAST_DESCRIPTOR = 0x7FFF_FFFF


class Child:
    """One process that was forked from this one.

    ``fileno`` becomes readable when it has ended; then ``wait`` tells how, once.
    """

    __slots__ = ("_handle", "pid")

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._handle = os.pidfd_open(pid)

    def fileno(self) -> int:
        """The descriptor to poll for reading."""
        return self._handle

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send it a signal; one that has ended is left alone."""
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._handle, number)

    def wait(self) -> int:
        """Wait for its end, and return its wait status."""
        _, status = os.waitpid(self.pid, 0)
        os.close(self._handle)
        return status


def fork(body: Callable[[], int], *, what: str) -> Child:
    """Run *body* in a child, which ends with the status that it returns.

    Raises:
        UnavailableError: the system is out of processes; *what* says which was wanted.
    """
    libc, parent = ctypes.CDLL(None, use_errno=True), os.getpid()
    try:
        pid = os.fork()
    except OSError as error:
        raise UnavailableError(what, f"cannot start: {error.strerror}") from error
    if pid:
        return Child(pid)
    status = _EX_SOFTWARE
    try:
        refused = libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if refused or os.getppid() != parent:  # it died before the line above took effect
            os._exit(_EX_OSERR)
        status = body()
    finally:
        os._exit(status)


def die_with_parent(parent: int) -> None:
    """Be killed when *parent*, which started this process, ends; end now if it already has."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(_EX_OSERR)


def keep_only(fds: Sequence[int]) -> None:
    """Close every descriptor from 3 on but *fds*."""
    lowest = 3
    for fd in sorted(fds):
        os.closerange(lowest, fd)
        lowest = fd + 1
    os.closerange(lowest, _LAST_DESCRIPTOR)


def execute(argv: tuple[str, ...], *, inherit: Sequence[int], stderr: int) -> int:
    """Become the program *argv*, without environment, input or output: call it in a child.

    It leaves no core file behind, in which a guest's memory would be.

    Args:
        inherit: descriptors that it gets, under the same numbers.
        stderr: descriptor that becomes its error output, where also the reason goes if it cannot
            be started; then the status to end with is returned.
    """
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    os.dup2(stderr, 2)
    os.chdir("/")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for fd in inherit:
        os.set_inheritable(fd, True)  # noqa: FBT003 - takes it by position only
    try:
        os.execve(argv[0], argv, {})  # noqa: S606 - no shell is wanted
    except OSError as error:
        os.write(2, f"{argv[0]}: {error.strerror}\n".encode())
    return _NOT_EXECUTED
