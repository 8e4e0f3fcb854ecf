"""Start process keeps: one zygote, and a keep forked from it for each launch.

Nothing here waits: a spawn request and the launch message are sent before the zygote has even
started, so that its start and the caller's own overlap.  What the keep asks for afterwards is the
broker's business; how it ended is put together here, from its own report and its wait status.
"""

from __future__ import annotations

import os
import signal
import socket

from enarx import frames
from enarx.errors import MalformedError, UnavailableError
from enarx.host.spawn import spawn
from enarx.protocol import outcome
from enarx.protocol.launch import MAX_FRAME, encode_launch, encode_spilled
from enarx.wire.document import dump, load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enarx.host.spawn import Spawned
    from enarx.protocol.launch import Launch
    from enarx.protocol.outcome import Outcome

_LINK_LOST = 75  # the keep's own exit status, see keep/link.py
_HERE = "process keep"


def start_zygote(
    *, preload: tuple[str, ...] = (), program: str = "", path: tuple[str, ...] = (), stderr: int = 2
) -> Zygote:
    """Start a zygote and return at once; call it from a thread that lives as long as it should.

    The arguments are those of ``spawn``.
    """
    return Zygote(spawn(preload=preload, program=program, path=path, stderr=stderr))


class Zygote:
    """The host's end of one zygote and of the keeps it forked."""

    def __init__(self, spawned: Spawned) -> None:
        self.pid = spawned.pid
        self.ended = ""
        """How it ended; empty while it lives."""
        self._control = socket.socket(fileno=spawned.control)
        self._last = 0
        self._spawning: dict[int, ProcessKeep] = {}
        self._running: dict[int, ProcessKeep] = {}

    def fileno(self) -> int:
        """The descriptor to poll for reading; then call ``pump``."""
        return self._control.fileno()

    def launch(self, launch: Launch) -> ProcessKeep:
        """Ask for a keep and hand it *launch*; the caller still owns its descriptors.

        Raises:
            UnavailableError: the zygote is gone, or the system is out of descriptors.
        """
        link, theirs = _pair()
        keep = ProcessKeep(link)
        try:
            with theirs:
                self._spawn(keep, "run", theirs)
            _send_launch(link, launch)
        except OSError as error:
            keep.close()
            raise UnavailableError(_HERE, f"cannot start: {error.strerror}") from error
        return keep

    def launch_agent(self) -> tuple[ProcessKeep, socket.socket]:
        """Ask for a keep that proves itself before it is told anything.

        The zygote must have preloaded "agent".

        Returns:
            The keep, whose link speaks ``protocol.agent_link``, and the broker's link, which
            speaks ``protocol.link`` and is the caller's to close.

        Raises:
            UnavailableError: the zygote is gone, or the system is out of descriptors.
        """
        link, agents = _pair()
        keep = ProcessKeep(link)
        with agents:
            try:
                broker, theirs = _pair()
            except UnavailableError:
                keep.close()
                raise
            with theirs:
                try:
                    self._spawn(keep, "agent", agents, theirs)
                except OSError as error:
                    keep.close()
                    broker.close()
                    raise UnavailableError(_HERE, f"cannot start: {error.strerror}") from error
        return keep, broker

    def pump(self, *, wait: bool = False) -> None:
        """Take what the zygote has to say; with *wait*, wait for something first."""
        while not self.ended:
            try:
                data, fds = frames.receive(self._control, descriptors=1, wait=wait)
            except BlockingIOError:
                return
            wait = False
            if data:
                self._take(data, fds)
            else:
                self._bury()

    def close(self) -> None:
        """End the zygote and with it every keep it forked."""
        if not self.ended:
            self._bury()

    def _spawn(self, keep: ProcessKeep, kind: str, *links: socket.socket) -> None:
        """Ask for *keep*, which gets *links*."""
        self._last += 1
        request = dump({"op": "spawn", "id": self._last, "kind": kind})
        frames.send(self._control, request, tuple(link.fileno() for link in links))
        self._spawning[self._last] = keep

    def _take(self, data: bytes, fds: list[int]) -> None:
        """Take one message of the zygote."""
        fields = load(data, "zygote message")
        if "exited" in fields:
            pid = fields.integer("exited", 1, 1 << 31)
            status = fields.integer("status", 0, 0xFFFF)
            keep = self._running.pop(pid, None)
            if keep is not None:
                keep.died(status)
        else:
            keep = self._spawning.pop(fields.integer("spawned", 1, 1 << 53))
            if "error" in fields:
                error = fields.object("error")
                error.integer("errno", 1, 4095)
                keep.refused(error.text("text"))
            else:
                pid = fields.integer("pid", 1, 1 << 31)
                self._running[pid] = keep
                keep.spawned(pid, fds[0] if fds else -1)
        fields.done()

    def _bury(self) -> None:
        """Close the control socket, wait for the zygote, and tell its keeps."""
        self._control.close()
        _, status = os.waitpid(self.pid, 0)
        self.ended = _describe(status)
        for keep in (*self._spawning.values(), *self._running.values()):
            keep.refused(f"its zygote {self.ended}")
        self._spawning.clear()
        self._running.clear()


class ProcessKeep:
    """One keep: its link, its process, its end."""

    def __init__(self, link: socket.socket) -> None:
        self.link = link
        self.pid = 0
        """Process id, 0 until the zygote has told it."""
        self.wall_time_s: float | None = None
        self._handle = -1
        self._due = 0
        self._problem = ""
        self._report: Outcome | None = None
        self._status: int | None = None

    @property
    def over(self) -> bool:
        """The process is known to have ended or to be ending, or never to have started."""
        return self._status is not None or (bool(self._problem) and not self._due)

    @property
    def reported(self) -> bool:
        """The keep has said how it ended; its process may still be on its way out."""
        return self._report is not None

    def kill(self, number: int) -> None:
        """Send it a signal, now or as soon as it exists; one that is gone is left alone."""
        if self.over:
            return
        try:
            if self._handle >= 0:
                signal.pidfd_send_signal(self._handle, number)
            elif self.pid:
                os.kill(self.pid, number)
            else:
                self._due = number
        except ProcessLookupError:
            pass

    def report(self, value: object) -> None:
        """Take the keep's own account of its end; only the first counts."""
        if self._report is None:
            try:
                self._report = outcome.decode(value)
            except MalformedError as error:
                self._report = outcome.failed(error)

    def outcome(self) -> Outcome:
        """How it ended; call it when it has ``reported`` or is ``over``."""
        if self._report is not None:
            return self._report
        if self._problem or self._status is None:
            return outcome.failed(UnavailableError(_HERE, self._problem or "still runs"))
        return _outcome_of(self._status, self.wall_time_s)

    def close(self) -> None:
        """Close the link and forget the process; a keep that still runs loses its host."""
        self.link.close()
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def spawned(self, pid: int, handle: int) -> None:
        """The zygote forked it; *handle* is a pidfd or -1."""
        self.pid = pid
        self._handle = handle
        if self._due:
            self.kill(self._due)
            self._due = 0

    def refused(self, problem: str) -> None:
        """It will never report: it could not be forked, or died with its zygote."""
        self._problem = problem
        self._due = 0

    def broke(self, problem: str) -> None:
        """It broke the rules of its link: nothing it does is of use any more.

        It is ``over`` once the signal is sent: a keep may speak before the zygote names it.
        """
        self.kill(signal.SIGKILL)
        self._problem = f"broke the protocol of its link: {problem}"

    def died(self, status: int) -> None:
        """The zygote waited for it."""
        self._status = status


def _pair() -> tuple[socket.socket, socket.socket]:
    """Both ends of a new link."""
    try:
        return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    except OSError as error:
        raise UnavailableError(_HERE, f"cannot make a link: {error.strerror}") from error


def _send_launch(link: socket.socket, launch: Launch) -> None:
    """Send the launch message, through a file if it is longer than a frame."""
    data, fds = encode_launch(launch)
    if len(data) <= MAX_FRAME:
        frames.send(link, data, fds)
        return
    file = os.memfd_create("launch", os.MFD_CLOEXEC)
    try:
        with open(file, "wb", closefd=False) as whole:
            whole.write(data)
        frames.send(link, encode_spilled(len(data), len(fds)), (*fds, file))
    finally:
        os.close(file)


def _outcome_of(status: int, wall_time_s: float | None) -> Outcome:
    """Interpret the wait status of a keep that said nothing."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number == signal.SIGALRM:
            return outcome.limited("wall_time", wall_time_s)
        if number == signal.SIGSYS:
            return outcome.bug("the keep made a system call that its filter forbids (SIGSYS)")
        return outcome.killed(number, _describe(status))
    if os.WEXITSTATUS(status) == _LINK_LOST:
        return outcome.link_lost()
    return outcome.failed(UnavailableError(_HERE, f"{_describe(status)} without a report"))


def _describe(status: int) -> str:
    """Say what a wait status means."""
    if not os.WIFSIGNALED(status):
        return f"ended with exit status {os.WEXITSTATUS(status)}"
    number = os.WTERMSIG(status)
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    if number == signal.SIGKILL:
        return f"was killed by {name} (by hand, or because the machine ran out of memory)"
    return f"was killed by {name}"
