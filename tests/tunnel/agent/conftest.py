"""Real keeps that prove themselves, with a tunnel between them and their host.

What is forked, who is around it, and what is asserted are those of ``tests/keep/agent``; the keep's
end of the tunnel is a process of its own in its own sandbox, as in a virtual machine.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from tests.keep.agent.conftest import (  # noqa: F401 - fixtures
    deploy,
    endorsements,
    keep,
    machine,
    new_keep,
    quote,
    steward,
)

from enarx.host.process import ProcessKeep, Zygote, start_zygote
from enarx.tunnel.carrier import carry
from enarx.tunnel.records import HOST

KEEPS_END = (
    "import sys; from enarx.keep.vm import carrier; sys.exit(carrier.main(*map(int, sys.argv[1:])))"
)
PATIENCE_S = 30.0


class Tunnelled:
    """A zygote whose keeps are at the far end of a tunnel.

    Attributes:
        statuses: exit statuses of the keeps' ends, of those that ended.
    """

    def __init__(self, zygote: Zygote) -> None:
        self.pump = zygote.pump
        self._zygote = zygote
        self._ends: list[tuple[subprocess.Popen[bytes], threading.Thread]] = []
        self.statuses: list[int] = []

    def launch_agent(self) -> tuple[ProcessKeep, socket.socket]:
        """As the zygote does, with the links of the host's instead of the keep's own."""
        process, broker = self._zygote.launch_agent()
        pipe, far = socket.socketpair()
        near = [socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(2)]
        keeps = (far, process.link, broker)
        numbers = [str(sock.fileno()) for sock in keeps]
        carrier = subprocess.Popen(
            [sys.executable, "-c", KEEPS_END, *numbers], pass_fds=[one.fileno() for one in keeps]
        )
        for sock in keeps:
            sock.close()
        links = [theirs for _, theirs in near]
        host = threading.Thread(target=carry, args=(pipe.detach(), links, HOST))
        host.start()
        self._ends.append((carrier, host))
        process.link = near[0][0]
        return process, near[1][0]

    def close(self) -> None:
        """Wait for both ends of every tunnel."""
        for carrier, host in self._ends:
            host.join(PATIENCE_S)
            assert not host.is_alive()
            self.statuses.append(carrier.wait(PATIENCE_S))
        self._ends.clear()


@pytest.fixture(scope="module")
def plain_zygote() -> Iterator[Zygote]:
    """One zygote for the keeps of a module."""
    started = start_zygote(preload=("agent",))
    yield started
    started.close()


@pytest.fixture
def zygote(plain_zygote: Zygote) -> Iterator[Tunnelled]:
    """The same, at the far end of tunnels, which end well."""
    made = Tunnelled(plain_zygote)
    yield made
    made.close()
    assert set(made.statuses) <= {0}
