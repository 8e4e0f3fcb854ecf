"""The host's end of the link to one keep's agent: questions there, quotes and states back.

A keep is not trusted.  What it sends is checked for shape; a keep that breaks the protocol is
ended.  What it says about its state is only ever shown to people and to quotas.
"""

from __future__ import annotations

import os
import select
import signal
from collections import deque

from enarx import frames
from enarx.errors import MalformedError
from enarx.host.broker import Broker
from enarx.protocol.agent_link import (
    Reply,
    Request,
    decode_from_keep,
    decode_reply,
    encode_reply,
    encode_request,
    is_request,
    reply_id,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from typing import TypeAlias

    from enarx.host.keeper.launcher import Keep
    from enarx.host.reactor import Reactor
    from enarx.protocol.agent_link import StateEvent

    Answered: TypeAlias = Callable[[Reply, int], None]
    Quote: TypeAlias = Callable[[bytes], bytes]

_AT_A_TIME = 32
_MOST_WAITING = 64
_GONE = "the keep is gone"


class Agent:
    """One keep from its fork to its end.

    Args:
        changed: called after each change of state and at the end.

    Attributes:
        state, workload_digest: what the keep said last.
        quote: makes evidence over 64 bytes; None while the keep has no platform.
    """

    def __init__(
        self,
        reactor: Reactor,
        process: Keep,
        broker: socket.socket,
        *,
        changed: Callable[[Agent], None],
    ) -> None:
        self.process = process
        self.state = "booting"
        self.workload_digest = ""
        self.quote: Quote | None = None
        self.changed = changed
        self._reactor = reactor
        self._broker_link = broker
        self._broker = Broker(reactor, broker, lambda _: None)
        self._asked: dict[int, tuple[str, Answered]] = {}
        self._outbox: deque[tuple[bytes, int]] = deque()
        self._last = 0
        self._closed = False
        self._watch()

    def ask(self, request: Request, done: Answered, fd: int = -1) -> None:
        """Send *request* with *fd*, which is ours from here on.

        *done* is called once, perhaps at once: with the reply and its file's descriptor, which is
        the callee's then, or -1.
        """
        if self._closed or len(self._asked) >= _MOST_WAITING:
            _close(fd)
            text = _GONE if self._closed else "too many requests wait"
            done(Reply(1, kind="unavailable", text=text), -1)
            return
        self._last += 1
        request.id = self._last
        self._asked[self._last] = (request.op, done)
        self._send(encode_request(request), fd)

    def kill(self) -> None:
        """End it now."""
        self.process.kill(signal.SIGKILL)

    def drain(self) -> None:
        """Take what it said before it went."""
        while not self._closed and self._one():
            pass

    def close(self) -> None:
        """Close both links: whoever waits for an answer is told that none will come."""
        if self._closed:
            return
        self._closed = True
        self._reactor.forget(self.process.link.fileno())
        self._broker.close()
        self._broker_link.close()
        self.process.close()
        for _, fd in self._outbox:
            _close(fd)
        self._outbox.clear()
        asked, self._asked = self._asked, {}
        for _, done in asked.values():
            done(Reply(1, kind="unavailable", text=_GONE), -1)

    def _watch(self) -> None:
        mask = select.POLLIN | (select.POLLOUT if self._outbox else 0)
        self._reactor.watch(self.process.link.fileno(), mask, self._ready)

    def _ready(self, events: int) -> None:
        if events & select.POLLOUT:
            self._flush()
        for _ in range(_AT_A_TIME):
            if self._closed or not self._one():
                break
        if not self._closed:
            self._watch()

    def _one(self) -> bool:
        """Take one frame, if there is one."""
        try:
            data, fds = frames.receive(self.process.link, descriptors=1, wait=False)
        except BlockingIOError:
            return False
        except (MalformedError, OSError) as error:
            self._broken(str(error))
            return False
        if not data:  # its end is its launcher's to tell; nothing more comes from here
            frames.close(fds)
            self.kill()
            self.close()
            return False
        try:
            self._take(data, fds)
        except MalformedError as error:
            self._broken(str(error))
            return False
        finally:
            frames.close(fds)
        return True

    def _take(self, data: bytes, fds: list[int]) -> None:
        if is_request(data):
            message = decode_from_keep(data, len(fds))
            if isinstance(message, Request):
                self._answer_quote(message)
            else:
                self._moved(message)
            return
        number = reply_id(data)
        if number not in self._asked:
            raise MalformedError("reply of the keep", f"answers no request {number}")
        op, done = self._asked[number]
        reply = decode_reply(data, op, len(fds))
        del self._asked[number]
        done(reply, fds.pop() if fds else -1)

    def _moved(self, event: StateEvent) -> None:
        self.state = event.state
        self.workload_digest = event.workload_digest
        self.changed(self)

    def _answer_quote(self, request: Request) -> None:
        if self.quote is None:
            text = "the keep has no platform yet"
            self._send(encode_reply(Reply(request.id, kind="unavailable", text=text), "quote"), -1)
            return
        evidence = self.quote(request.report_data)
        reply = encode_reply(Reply(request.id, size=len(evidence)), "quote")
        self._send(reply, file_of("evidence", evidence))

    def _broken(self, problem: str) -> None:
        """It does not speak the protocol: nothing it does is of use any more."""
        self.process.broke(problem)
        self.close()
        self.changed(self)

    def _send(self, data: bytes, fd: int) -> None:
        self._outbox.append((data, fd))
        self._flush()
        if not self._closed:
            self._watch()

    def _flush(self) -> None:
        while self._outbox:
            data, fd = self._outbox[0]
            try:
                frames.send(self.process.link, data, (fd,) if fd >= 0 else (), wait=False)
            except BlockingIOError:
                return
            except OSError:  # it is gone: reading says so, after what it said last
                pass
            _close(fd)
            self._outbox.popleft()


def file_of(name: str, data: bytes) -> int:
    """A file in memory with *data* in it."""
    fd = os.memfd_create(name, os.MFD_CLOEXEC)
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
    return fd


def _close(fd: int) -> None:
    if fd >= 0:
        os.close(fd)
