"""Start keeps in virtual machines: one process each, which has QEMU below it.

``Machines`` has what a pool needs of a zygote, and ``VmKeep`` what an agent needs of a keep: to
them, a machine is a process that takes longer to start.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass

import enarx
from enarx import frames
from enarx.errors import EnarxError, MisconfiguredError, UnavailableError
from enarx.host.vm import measurable
from enarx.host.vm.ends import End
from enarx.host.vm.machine import CONTROL
from enarx.host.vm.order import MAX_BOOT_S, Order, decode_event, encode_order
from enarx.host.vm.sealed import sealed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from enarx.host.vm.shape import Vm

PROGRAM = (
    "import sys; sys.path += {path!r}; "
    "from enarx.host.vm.machine import main; from enarx.host.vm.carrier import carry; "
    "main({parent}, carry)"
)
_HERE = "VM keep"


@dataclass(frozen=True, slots=True, kw_only=True)
class Artefacts:
    """What a machine loads, and what is measured of it: bytes, not names of files.

    Args:
        kernel, initrd: empty for none.
    """

    firmware: bytes
    kernel: bytes = b""
    initrd: bytes = b""

    def __post_init__(self) -> None:
        if self.initrd and not self.kernel:
            raise MisconfiguredError("virtual machine", "needs a kernel", path="initrd")


class Machines:
    """The host's end of all keeps of one image in machines of one kind.

    Args:
        qemu: path of the program.
        boot_timeout_s: a guest that has not opened its port by then is ended.
        console: have the guest's first serial port, for the reason of its end.
        program: what the process of a machine runs instead of its own start.
        stderr: descriptor for the last words of those processes.

    Raises:
        MalformedError: the firmware's tables are damaged.
        MisconfiguredError: what such a machine measures cannot be computed.
        UnavailableError: the system is out of memory or descriptors.
    """

    def __init__(
        self,
        qemu: str,
        vm: Vm,
        artefacts: Artefacts,
        *,
        boot_timeout_s: float = 120.0,
        console: bool = False,
        program: str = PROGRAM,
        stderr: int = 2,
    ) -> None:
        measurable.check(vm, artefacts.firmware, artefacts.kernel)
        self.ended = ""
        """Empty while keeps can be started."""
        self._program, self._stderr = program, stderr
        self._files = _seal(artefacts)
        self._order = Order(
            qemu=qemu,
            vm=vm,
            boot_timeout_s=min(boot_timeout_s, MAX_BOOT_S),
            files=len(self._files),
            console=console,
        )
        self._ready = select.epoll()
        self._keeps: dict[int, VmKeep] = {}

    def fileno(self) -> int:
        """The descriptor to poll for reading; then call ``pump``."""
        return self._ready.fileno()

    def launch_agent(self) -> tuple[VmKeep, socket.socket]:
        """Start a machine and return at once; its guest boots meanwhile.

        Call it from a thread that lives as long as the keep should.

        Returns:
            The keep, whose link speaks ``protocol.agent_link``, and the broker's link, which
            speaks ``protocol.link`` and is the caller's to close.

        Raises:
            UnavailableError: the system is out of processes or descriptors.
        """
        opened: list[socket.socket] = []
        try:
            for _ in range(3):
                opened += socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            link, agents, broker, theirs, control, machines = opened
            frames.send(
                control,
                encode_order(self._order),
                (agents.fileno(), theirs.fileno(), *self._files),
            )
            keep = VmKeep(link, control, self._spawn(machines))
        except OSError as error:
            for sock in opened:
                sock.close()
            raise UnavailableError(_HERE, f"cannot start: {error.strerror}") from error
        for sock in (agents, theirs, machines):
            sock.close()
        self._keeps[control.fileno()] = keep
        self._ready.register(control, select.EPOLLIN)
        return keep, broker

    def pump(self, *, wait: bool = False) -> None:
        """Take what the machines have to say; with *wait*, wait for something first."""
        if self.ended:
            return
        for fd, _ in self._ready.poll(None if wait else 0):
            keep = self._keeps[fd]
            if not keep.listen():
                self._ready.unregister(fd)
                del self._keeps[fd]
                keep.bury()

    def close(self) -> None:
        """End every machine."""
        if self.ended:
            return
        self.ended = "was closed"
        for keep in self._keeps.values():
            keep.destroy()
            keep.bury()
        self._keeps.clear()
        self._ready.close()
        frames.close(self._files)

    def _spawn(self, control: socket.socket) -> int:
        """Start the process of a machine: no environment, and of our descriptors these alone."""
        own = os.path.dirname(os.path.dirname(os.path.abspath(enarx.__file__)))
        text = self._program.format(path=[own], parent=os.getpid())
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_DUP2, self._stderr, 2),
            (os.POSIX_SPAWN_DUP2, control.fileno(), CONTROL),
        ]
        argv = [sys.executable, "-I", "-S", "-X", "utf8", "-c", text]
        return os.posix_spawn(sys.executable, argv, {}, file_actions=actions)


class VmKeep:
    """One keep in its machine: its link, its process, its end.

    Attributes:
        link: the socket to its agent.
        pid: of the process of its machine.
        booted: the guest has opened its port.
        end: how the machine ended; None while it is not known.
    """

    def __init__(self, link: socket.socket, control: socket.socket, pid: int) -> None:
        self.link = link
        self.pid = pid
        self.booted = False
        self.end: End | None = None
        self._control = control
        self._handle = os.pidfd_open(pid)
        self._told = False
        self._problem = ""
        self._over = False

    @property
    def over(self) -> bool:
        """The process is known to have ended."""
        return self._over or bool(self._problem)

    @property
    def problem(self) -> str:
        """Why it ended, for people; empty if it did so by itself, or has not."""
        if self._problem or self.end is None:
            return self._problem
        return "" if self.end.kind in ("powered-off", "ordered") else self.end.reason

    def kill(self, number: int) -> None:
        """End the machine, whatever the signal; one that is gone is left alone.

        Its process ends the guest at once, and tells how it was; asked a second time to kill, the
        process itself is killed, and its children with it.
        """
        if self._told and number == signal.SIGKILL:
            self.destroy()
        else:
            self._signal(signal.SIGTERM)

    def destroy(self) -> None:
        """Kill the machine's process, and its children with it; ``bury`` waits for its end."""
        self._signal(signal.SIGKILL)

    def broke(self, problem: str) -> None:
        """It broke the rules of its link: nothing it does is of use any more."""
        self.kill(signal.SIGKILL)
        self._problem = f"broke the protocol of its link: {problem}"

    def close(self) -> None:
        """Close the link; a keep that still runs loses its host."""
        self.link.close()

    def listen(self) -> bool:
        """Take what its process says; false when there is nothing more ever."""
        while True:
            try:
                data, _ = frames.receive(self._control, descriptors=0, wait=False)
                if not data:
                    return False
                self.end = self.end or decode_event(data)
                self.booted = True if self.end is None else self.booted
            except BlockingIOError:
                return True
            except (EnarxError, OSError):
                return False

    def bury(self) -> None:
        """Wait for the process, which has closed its end or been killed."""
        _, status = os.waitpid(self.pid, 0)
        self.listen()  # it may have told how before it was killed
        os.close(self._handle)
        self._handle = -1
        self._control.close()
        self._over = True
        if self.end is None:
            self.end = _end_of(status, ordered=self._told)

    def _signal(self, number: int) -> None:
        self._told = True
        if self._handle >= 0:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, number)


def _seal(artefacts: Artefacts) -> Sequence[int]:
    parts = {name: getattr(artefacts, name) for name in ("firmware", "kernel", "initrd")}
    fds: list[int] = []
    try:
        for name, data in parts.items():
            if data:
                fds.append(sealed(name, data))
    except OSError as error:
        frames.close(fds)
        raise UnavailableError(_HERE, f"cannot hold its image: {error.strerror}") from error
    return fds


def _end_of(status: int, *, ordered: bool) -> End:
    """How a machine ended whose process did not tell."""
    if not os.WIFSIGNALED(status):
        return End(kind="failed", reason=f"its process ended with status {os.WEXITSTATUS(status)}")
    number = os.WTERMSIG(status)
    if ordered and number in (signal.SIGTERM, signal.SIGKILL):
        return End(kind="ordered", reason="the host ended it")
    return End(kind="killed", reason=f"its process was killed by {signal.Signals(number).name}")
