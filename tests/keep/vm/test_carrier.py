"""The keep's end of the tunnel as a process: its sandbox, and how it ends."""

from __future__ import annotations

import os
import pty
import select
import socket
import subprocess
import sys
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from enarx import frames
from enarx.tunnel import records
from enarx.tunnel.carrier import Carrier
from enarx.tunnel.records import HOST, Hello
from enarx.tunnel.state import MAX_CHANNELS

PATIENCE_S = 20.0
PROGRAM = (
    "import sys; from enarx.keep.vm import carrier; sys.exit(carrier.main(*map(int, sys.argv[1:])))"
)


class Process:
    """A carrier in a process of its own.

    Attributes:
        pipe: the host's end of the port.
        agent, broker: the agent's ends of its links.
    """

    def __init__(self, port: int = -1) -> None:
        self.pipe, far = socket.socketpair()
        if port >= 0:
            os.dup2(port, far.fileno())
            os.close(port)
        self.agent, near = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.broker, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        given = [sock.fileno() for sock in (far, near, other)]
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *map(str, given)],
            pass_fds=given,
            stderr=subprocess.PIPE,
        )
        for sock in (far, near, other):
            sock.close()
        for sock in (self.pipe, self.agent, self.broker):
            sock.settimeout(PATIENCE_S)

    def ended(self) -> tuple[int, str]:
        """Its exit status, and what it said."""
        _, said = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, said.decode()

    def host(self) -> tuple[Carrier, list[socket.socket]]:
        """A host at the other end, and what its agent and its broker hold."""
        pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(2)]
        made = Carrier(self.pipe.detach(), [theirs for _, theirs in pairs], HOST)
        return made, [ours for ours, _ in pairs]

    def close(self) -> None:
        """End it."""
        for sock in (self.pipe, self.agent, self.broker):
            sock.close()
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def carrier() -> Iterator[Process]:
    """One that has started."""
    made = Process()
    yield made
    made.close()


def greet(carrier: Process) -> None:
    """Wait until it works, and greet it."""
    first = carrier.pipe.recv(1 << 16)
    assert records.decode_hello(memoryview(first)[records.HEADER_BYTES :]).role == records.KEEP
    carrier.pipe.send(records.encode_hello(Hello(HOST, 2, 1 << 20)))


def test_it_is_locked_in(carrier: Process) -> None:
    """A filter, no new privileges, no capability, no dump, and descriptors for all channels."""
    greet(carrier)
    lines = Path(f"/proc/{carrier.process.pid}/status").read_text().splitlines()
    status = {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
    assert status["Seccomp"] == "2"
    assert status["NoNewPrivs"] == "1"
    assert int(status["CapEff"], 16) == 0
    limits = Path(f"/proc/{carrier.process.pid}/limits").read_text()
    files = next(line for line in limits.splitlines() if line.startswith("Max open files"))
    assert int(files.split()[3]) >= min(2 * MAX_CHANNELS, int(files.split()[4]))


def test_it_carries_in_its_sandbox(carrier: Process) -> None:
    """A file, a stream and a link each arrive: making them is all that it may still do."""
    host, (agent, broker) = carrier.host()
    ours, theirs = socket.socketpair()
    door, inner = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with Path(__file__).open("rb") as file:
        frames.send(agent, b"three", (file.fileno(), theirs.fileno(), inner.fileno()))
    theirs.close()
    inner.close()
    _until_readable(host, carrier.agent)
    data, fds = frames.receive(carrier.agent)
    assert data == b"three"
    with os.fdopen(fds[0], "rb") as found:
        assert found.read() == Path(__file__).read_bytes()
    stream, link = (socket.socket(fileno=fd) for fd in fds[1:])
    stream.send(b"hello")
    link.send(b"a frame")
    _until_readable(host, ours)
    _until_readable(host, door)
    assert ours.recv(9) == b"hello"
    assert frames.receive(door) == (b"a frame", [])
    host.close()
    for sock in (stream, link, ours, door, agent, broker):
        sock.close()


def _until_readable(host: Carrier, sock: socket.socket) -> None:
    """Be the host until something has come."""
    ready: list[int] = []
    host.watch(sock.fileno(), select.EPOLLIN, ready.append)
    while not ready and host.end is None:
        host.step(PATIENCE_S)
    host.forget(sock.fileno())
    assert ready, host.end and host.end.text


def test_an_agent_that_ends_ends_it_well(carrier: Process) -> None:
    """With both links closed and the host told, its status is 0."""
    host, (agent, broker) = carrier.host()
    carrier.agent.close()
    carrier.broker.close()
    while host.end is None:
        host.step(PATIENCE_S)
    assert host.end.kind == "finished"
    assert carrier.ended() == (0, "")
    agent.close()
    broker.close()


def test_a_host_that_leaves_is_lost(carrier: Process) -> None:
    """Status 75, the reason on the console, and the agent sees its links closed."""
    greet(carrier)
    carrier.pipe.close()
    status, said = carrier.ended()
    assert status == 75
    assert said == "enarx carrier: lost: the other side closed the tunnel\n"
    assert carrier.agent.recv(1) == carrier.broker.recv(1) == b""


def test_a_host_that_breaks_the_rules_is_lost(carrier: Process) -> None:
    """The same, with the rule that it broke."""
    greet(carrier)
    carrier.pipe.send(records.record(records.DATA, 6, b"x"))
    status, said = carrier.ended()
    assert status == 75
    assert said.startswith("enarx carrier: violation: tunnel: got DATA on channel 6")
    assert carrier.agent.recv(1) == carrier.broker.recv(1) == b""


def test_a_port_whose_host_comes_late() -> None:
    """A character device that says it hung up is waited for, and then carries both ways."""
    master, slave = pty.openpty()
    path = os.ttyname(slave)
    tty.setraw(slave)
    os.close(slave)  # from now on the other end says that nobody is there
    made = Process(port=master)
    slave = os.open(path, os.O_RDWR | os.O_NOCTTY)
    with os.fdopen(slave, "r+b", buffering=0) as port:
        assert port.read(1 << 16)[:4] == b"\x01\0\0\0"
        hello = records.encode_hello(Hello(HOST, 2, 1 << 20))
        port.write(hello + records.encode_frame(0, b"from the host"))
        assert frames.receive(made.agent) == (b"from the host", [])
        frames.send(made.broker, b"to the host")
        assert port.read(1 << 16).endswith(b"to the host")
    status, said = made.ended()
    assert (status, "lost" in said) == (75, True)
    made.close()


def test_a_host_that_was_never_there_is_lost() -> None:
    """A port that nobody opened ends it, after it was waited for."""
    made = Process()
    made.pipe.close()
    status, said = made.ended()
    assert status == 75
    assert "enarx carrier: lost: " in said
    made.close()
