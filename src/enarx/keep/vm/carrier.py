"""The keep's end of the tunnel to the host: a process of its own, beside the agent, without a key.

It holds the machine's only port, both links of the agent, and nothing else; what goes through it
is public or encrypted.  Its sandbox lets it make files in memory and pairs of local sockets, and
neither open a file nor reach another process.
"""

from __future__ import annotations

import os
import resource
import select
import socket
import stat
import time

from enarx.keep.link import EXIT_STATUS
from enarx.keep.sandbox import prctl
from enarx.keep.sandbox.lockdown import lock_down
from enarx.tunnel.carrier import FINISHED, LOST, Carrier, End
from enarx.tunnel.records import KEEP
from enarx.tunnel.state import MAX_CHANNELS

_EX_SOFTWARE = 70  # sysexits.h
_CONNECT_S = 30.0
_ASK_AGAIN_S = 0.01
_DESCRIPTORS = 2 * MAX_CHANNELS + 1024


def main(pipe_fd: int, agent_link: int, broker_link: int) -> int:
    """Carry both links of the agent until it or the host is gone; the exit status.

    0 says that the agent has closed its links and everything was delivered, 75 that the host is
    lost.  The caller has forked this process, imported this module before, and has closed the other
    ends of both links in it.

    Args:
        pipe_fd: the port to the host (`/dev/vport0p1`), or a connected stream socket.
        agent_link: the link of ``protocol.agent_link``, the agent's peer.
        broker_link: the link of ``protocol.link`` to the broker, the agent's peer.
    """
    try:
        _harden()
        links = [socket.socket(fileno=fd) for fd in (agent_link, broker_link)]
        carrier = Carrier(pipe_fd, links, KEEP)
        lock_down((), allow_threads=False, pairs=True)
        if not _wait_for_host(pipe_fd):
            carrier.close(LOST, "nobody is at the other end of the port")
        while carrier.end is None:
            carrier.step()
        return _status(carrier.end, carrier.problem)
    except Exception as error:  # noqa: BLE001 - a bug, said where it is seen: on the console
        os.write(2, f"enarx carrier: {type(error).__name__}: {error}\n".encode())
        return _EX_SOFTWARE


def _harden() -> None:
    """No more rights than before, no trace in a core file, and descriptors for every channel."""
    prctl.prctl(prctl.SET_NO_NEW_PRIVS, 1)
    prctl.prctl(prctl.SET_DUMPABLE, 0)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= soft < _DESCRIPTORS:
        most = _DESCRIPTORS if hard < 0 else min(hard, _DESCRIPTORS)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _wait_for_host(pipe: int) -> bool:
    """A port that was just found may still say that it hung up; whether it stops doing so.

    Source: Linux, drivers/char/virtio_console.c: the host's word that it is there comes later.
    """
    if not stat.S_ISCHR(os.fstat(pipe).st_mode):
        return True
    poll = select.poll()
    poll.register(pipe, 0)
    deadline = time.monotonic() + _CONNECT_S
    while any(events & select.POLLHUP for _, events in poll.poll(0)):
        if time.monotonic() > deadline:
            return False
        time.sleep(_ASK_AGAIN_S)
    return True


def _status(end: End, problem: str) -> int:
    """Exit with what happened, and say it unless all is well."""
    if end.kind == FINISHED:
        return 0
    text = f"{end.text} ({problem})" if problem else end.text
    os.write(2, f"enarx carrier: {end.kind}: {text}\n".encode())
    return EXIT_STATUS
