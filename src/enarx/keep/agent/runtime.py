"""The runtime: the process that will run the application, forked before there is anything to know.

It is an ordinary keep (``boot``) whose link's other end the agent holds instead of the host.  It
waits for its launch message while the agent makes keys and proves itself; what the agent knows is
never in its memory.
"""

from __future__ import annotations

import fcntl
import os
import signal
import socket

from enarx.errors import UnavailableError
from enarx.keep import boot
from enarx.keep.sandbox.prctl import end_with_parent
from enarx.protocol import outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from enarx.keep.engine.engine import Engine
    from enarx.protocol.outcome import Outcome

_LINK = 3
_LAST_DESCRIPTOR = 0x7FFF_FFFF
_EX_SOFTWARE = 70  # sysexits.h


class Runtime:
    """The agent's side of the runtime.

    Attributes:
        pid: its process.
        link: our end of its link.
        stdin, stdout, stderr: our ends of its standard streams, non-blocking.
        theirs: its ends, to be sent with the launch message and then closed.
    """

    __slots__ = ("_status", "link", "pid", "stderr", "stdin", "stdout", "theirs")

    def __init__(self, pid: int, link: socket.socket) -> None:
        self.pid = pid
        self.link = link
        self._status: int | None = None
        their_in, self.stdin = os.pipe2(os.O_CLOEXEC)
        self.stdout, their_out = os.pipe2(os.O_CLOEXEC)
        self.stderr, their_err = os.pipe2(os.O_CLOEXEC)
        for fd in (self.stdin, self.stdout, self.stderr):
            os.set_blocking(fd, False)
        self.theirs: tuple[int, int, int] | None = (their_in, their_out, their_err)

    @property
    def ended(self) -> bool:
        """It was waited for."""
        return self._status is not None

    def launched(self) -> None:
        """Its streams were sent: only it holds its ends now, so that their end is seen."""
        if self.theirs is not None:
            for fd in self.theirs:
                os.close(fd)
            self.theirs = None

    def end(self) -> int:
        """Kill it if it still lives, and return its wait status."""
        if self._status is None:
            os.kill(self.pid, signal.SIGKILL)  # not waited for yet, so the number is still its own
            _, self._status = os.waitpid(self.pid, 0)
        return self._status

    def outcome(self, wall_time_s: float | None) -> Outcome:
        """How it ended if it did not say so itself.

        Args:
            wall_time_s: the limit that it said it has.
        """
        status = self.end()
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            if number == signal.SIGALRM:
                return outcome.limited("wall_time", wall_time_s)
            if number == signal.SIGSYS:
                return outcome.bug("the keep made a system call that its filter forbids (SIGSYS)")
            problem = f"was killed by signal {number} (by hand, or because memory ran out)"
            return outcome.failed(UnavailableError("runtime", problem))
        return outcome.bug(f"the runtime ended with exit status {os.WEXITSTATUS(status)}")


def fork_runtime(engine: Engine) -> Runtime:
    """Fork it; the caller has made no key yet and started no thread."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        _be_runtime(theirs, engine, parent)
    theirs.close()
    return Runtime(pid, ours)


def _be_runtime(link: socket.socket, engine: Engine, parent: int) -> NoReturn:
    """The child: hold nothing but the link, and be a keep."""
    status = _EX_SOFTWARE
    try:
        end_with_parent(parent)
        fd = fcntl.fcntl(link.detach(), fcntl.F_DUPFD_CLOEXEC, 64)  # out of the way of its place
        os.dup2(fd, _LINK, inheritable=False)
        os.closerange(_LINK + 1, _LAST_DESCRIPTOR)
        status = boot.main(_LINK, engine)
    finally:
        os._exit(status)
