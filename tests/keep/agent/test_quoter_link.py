"""A quoter that is gone, stalls or talks nonsense: no evidence, at once and from then on."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.keep.agent.parties import file_of

from enarx import frames
from enarx.keep.agent.loop import Loop
from enarx.keep.agent.quoter_link import QuoterLink
from enarx.protocol import agent_link
from enarx.protocol.agent_link import Reply, Request
from enarx.seal.offer import MAX_EVIDENCE_BYTES

DATA = b"d" * 64


@dataclass
class Agent:
    """What a link to a quoter needs around it; the test is the quoter."""

    loop: Loop = field(default_factory=Loop)
    answers: list[bytes | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Make both ends."""
        ours, self.quoter = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.link = QuoterLink(self.loop, ours, patience_s=0.05)
        self.link.start()

    def ask(self, data: bytes = DATA) -> None:
        """Ask for a quote."""
        self.link.quote(data, self._answered)

    def asked(self) -> Request:
        """What the quoter is asked."""
        data, fds = frames.receive(self.quoter, wait=False)
        request = agent_link.decode_from_keep(data, len(fds))
        assert isinstance(request, Request)
        return request

    def run(self) -> list[bytes | None]:
        """Live until every question has an answer."""
        self.loop._stopped = False
        self.loop.run()
        return self.answers

    def give(self, number: int, evidence: bytes) -> None:
        """Answer as a quoter does."""
        send(self.quoter, Reply(number, size=len(evidence)), file_of(evidence))

    def _answered(self, evidence: bytes | None) -> None:
        self.answers.append(evidence)
        self.loop.stop()

    def close(self) -> None:
        """Close both ends."""
        self.link.close()
        self.quoter.close()


@pytest.fixture
def agent() -> Iterator[Agent]:
    """One agent."""
    made = Agent()
    yield made
    made.close()


def send(sock: socket.socket, reply: Reply, *fds: int) -> None:
    """Send a reply with descriptors, which are closed here."""
    frames.send(sock, agent_link.encode_reply(reply, "quote"), fds)
    frames.close(fds)


def test_one_request_at_a_time(agent: Agent) -> None:
    """The next one is sent when the one before was answered, in the order of asking."""
    agent.ask(b"a" * 64)
    agent.ask(b"b" * 64)
    first = agent.asked()
    assert first.report_data == b"a" * 64
    with pytest.raises(BlockingIOError):
        agent.asked()
    agent.give(first.id, b"first")
    assert agent.run() == [b"first"]
    second = agent.asked()
    assert second.report_data == b"b" * 64
    agent.give(second.id, b"second")
    assert agent.run() == [b"first", b"second"]


def test_a_refusal_is_no_end(agent: Agent) -> None:
    """A quoter that has no evidence now may have some later."""
    agent.ask()
    send(agent.quoter, Reply(agent.asked().id, kind="unavailable", text="busy"))
    assert agent.run() == [None]
    agent.ask()
    agent.give(agent.asked().id, b"evidence")
    assert agent.run() == [None, b"evidence"]


def pipe() -> int:
    """Something to read that is no file."""
    ours, theirs = os.pipe()
    os.close(theirs)
    return ours


NONSENSE: dict[str, Callable[[socket.socket, int], None]] = {
    "another id": lambda s, n: send(s, Reply(n + 1, size=1), file_of(b"x")),
    "a stall, then nothing": lambda _s, _n: None,
    "an event": lambda s, _: frames.send(s, b'{"event":"state"}'),
    "bytes": lambda s, _: frames.send(s, b"\xff\xfe"),
    "gone": lambda s, _: s.close(),
    "no file": lambda s, n: send(s, Reply(n, size=1)),
    "not a file": lambda s, n: send(s, Reply(n, size=1), pipe()),
    "shorter than it says": lambda s, n: send(s, Reply(n, size=2), file_of(b"x")),
    "too large": lambda s, n: send(s, Reply(n, size=MAX_EVIDENCE_BYTES + 1), file_of(b"x")),
    "two files": lambda s, n: send(s, Reply(n, size=1), file_of(b"x"), file_of(b"y")),
}


def open_files() -> int:
    """How many descriptors this process has."""
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("kind", NONSENSE)
def test_nonsense_ends_the_link(agent: Agent, kind: str) -> None:
    """Attack: whatever else comes, or does not come: none for all who wait, and none later."""
    before = open_files()
    agent.ask()
    agent.ask()
    NONSENSE[kind](agent.quoter, agent.asked().id)
    assert agent.run() == [None, None]
    agent.ask()
    assert agent.answers == [None, None, None]
    agent.quoter.close()
    assert open_files() == before - 2


def test_an_answer_that_nobody_waits_for(agent: Agent) -> None:
    """Evidence that was not asked for is none for what is asked next."""
    agent.give(1, b"unasked")
    agent.loop.later(0, agent.loop.stop)
    agent.run()
    agent.ask()
    assert agent.answers == [None]


def test_a_quoter_that_is_already_gone(agent: Agent) -> None:
    """Nobody waits for a process that has ended."""
    agent.quoter.close()
    agent.ask()
    assert agent.answers == [None]


def test_waiting_is_bounded(agent: Agent) -> None:
    """The 33rd question is answered at once, and the others later."""
    for _ in range(33):
        agent.ask()
    assert agent.answers == [None]
    agent.link.close()
    assert agent.answers == [None] * 33
