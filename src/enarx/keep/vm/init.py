"""The first process of a keep that is a virtual machine.

It prepares the kernel, forks three processes that each can do one thing, and waits:

    carrier   holds the port to the host, and carries the agent's two links over it
    quoter    makes reports, where there is a TEE; without one the host is asked, which simulates
    agent     is the keep, exactly as in a process keep (``agent.process``)

Everything is imported before the first fork, and no secret exists then.  When the agent ends, the
machine does.  The carrier is left a moment to say what it still has to say.
"""

from __future__ import annotations

import gc
import os
import resource
import select
import socket
import sys
import time

from enarx.keep.sandbox import prctl
from enarx.keep.vm import kernel
from enarx.keep.vm.port import open_port

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_AGENT_LINK, _BROKER_LINK, _QUOTES = 3, 4, 5
"""Descriptors of the agent."""
_LAST_DESCRIPTOR = 0x7FFF_FFFF
_DESCRIPTORS = 16384
_DRAIN_S = 60.0
"""As long as the carrier waits for a slow peer."""
_EX_SOFTWARE = 70  # sysexits.h


def main() -> None:
    """Be the first process; does not return."""
    try:
        _run()
    except BaseException as error:  # noqa: BLE001 - the outermost edge: nobody else is there
        _say(f"{type(error).__name__}: {error}")
    finally:
        kernel.power_off()


def _run() -> None:
    kernel.mount()
    _open_standard_streams()
    has_tee = kernel.find_tee()
    kernel.close()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_DESCRIPTORS, _DESCRIPTORS))
    prctl.prctl(prctl.SET_NO_NEW_PRIVS, 1)
    prctl.prctl(prctl.SET_DUMPABLE, 0)
    agent, carrier, quoter = _bodies()
    gc.freeze()
    gc.enable()  # whoever started this process disabled it: imports leave no garbage
    port = open_port()
    agent_link, carried_agent = _pair()
    broker_link, carried_broker = _pair()
    carrying = _fork(carrier, port, carried_agent, carried_broker)
    if has_tee:
        quotes, served = _pair()
        _fork(quoter, served)
        proving = _fork(agent, agent_link, broker_link, quotes)
    else:
        proving = _fork(agent, agent_link, broker_link)
    os.closerange(_AGENT_LINK, _LAST_DESCRIPTOR)
    _wait(proving, carrying)


def _bodies() -> tuple[Callable[..., int], Callable[..., int], Callable[..., int]]:
    """What agent, carrier and quoter run, with everything imported that they will need."""
    from enarx.keep.agent import process
    from enarx.keep.vm import carrier, quoter
    from enarx.keep.zygote import preload

    engine = preload(("agent", "tls"))

    def agent(link: int, broker: int, quoter: int = -1) -> int:
        return process.main(link, broker, engine, quoter)

    def quotes(link: int) -> int:
        return quoter.main(link, f"{kernel.REPORTS}/enarx")

    return agent, carrier.main, quotes


def _open_standard_streams() -> None:
    """Nothing to read, and the kernel's log for last words."""
    for number, name, mode in (
        (0, "/dev/null", os.O_RDONLY),
        (1, "/dev/null", os.O_WRONLY),
        (2, "/dev/kmsg", os.O_WRONLY),
    ):
        fd = os.open(name, mode)
        if fd != number:
            os.dup2(fd, number)
            os.close(fd)


def _pair() -> tuple[socket.socket, socket.socket]:
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def _fork(body: Callable[..., int], *given: socket.socket | int) -> int:
    """A process that has *given* from descriptor 3 on, and nothing else; its number."""
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    status = _EX_SOFTWARE
    try:
        prctl.end_with_parent(parent)
        fds = [os.dup(one if isinstance(one, int) else one.fileno()) for one in given]
        lowest = max(fds) + 1
        moved = [os.dup2(fd, lowest + number) for number, fd in enumerate(fds)]
        own = [os.dup2(fd, 3 + number, inheritable=False) for number, fd in enumerate(moved)]
        os.closerange(3 + len(own), _LAST_DESCRIPTOR)
        for one in given:
            if isinstance(one, socket.socket):
                one.detach()
        status = body(*own)
    except BaseException as error:  # noqa: BLE001 - the outermost edge of this process
        sys.excepthook(type(error), error, error.__traceback__)
    finally:
        os._exit(status)


def _wait(proving: int, carrying: int) -> None:
    """Return when the agent has ended, and the carrier or its time."""
    while _ended() != proving:
        pass
    end = time.monotonic() + _DRAIN_S
    handle = os.pidfd_open(carrying) if _lives(carrying) else -1
    if handle >= 0:
        select.select([handle], [], [], max(0.0, end - time.monotonic()))


def _ended() -> int:
    """The number of a process that has ended; whose parent died is ours to wait for, too."""
    pid, _ = os.wait()
    return pid


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _say(text: str) -> None:
    try:
        os.write(2, f"<3>enarx: {text}\n".encode())
    except OSError:
        return
