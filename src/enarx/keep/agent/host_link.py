"""The agent's end of its link to the host agent, which is not trusted.

What the host sends is checked for shape and size, and read from regular files only, once.  A host
that does not read what it is told is not read from either.  One that breaks the protocol, or goes
away, has lost the keep.
"""

from __future__ import annotations

import os
import select
import stat

from enarx import frames
from enarx.errors import MalformedError
from enarx.protocol.agent_link import (
    Reply,
    Request,
    StateEvent,
    decode_from_host,
    encode_reply,
    encode_request,
    encode_state,
)
from enarx.seal.offer import MAX_EVIDENCE_BYTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from typing import Protocol, TypeAlias

    from enarx.keep.agent.loop import Loop
    from enarx.protocol.agent_link import Kind
    from enarx.protocol.states import State

    Quoted: TypeAlias = Callable[[bytes | None], None]

    class Served(Protocol):
        """Who answers the host."""

        def request(self, request: Request, fd: int) -> None:
            """Answer *request*; its descriptor is *fd* or -1, closed afterwards by the caller."""

        def host_lost(self) -> None:
            """The link is closed."""


_AT_A_TIME = 32
_MOST_QUOTES = 32
_PIECE = 1 << 20


class HostLink:
    """Requests of the host to *served*, replies and events back, and quotes from the host."""

    __slots__ = ("_last", "_loop", "_queue", "_quotes", "_served", "_sock")

    def __init__(self, loop: Loop, sock: socket.socket, served: Served) -> None:
        self._loop = loop
        self._sock = sock
        self._served = served
        self._queue: list[tuple[bytes, int]] = []
        self._quotes: dict[int, Quoted] = {}
        self._last = 0

    def start(self) -> None:
        """Begin to listen."""
        self._watch()

    def close(self) -> None:
        """Close the link; whoever waits for a quote is told that there is none."""
        if self._sock.fileno() < 0:
            return
        self._loop.forget(self._sock.fileno())
        self._sock.close()
        for _, fd in self._queue:
            _close(fd)
        self._queue.clear()
        waiting, self._quotes = self._quotes, {}
        for done in waiting.values():
            done(None)

    def quote(self, report_data: bytes, done: Quoted) -> None:
        """Ask for evidence over *report_data*; *done* gets it, unverified, or None."""
        if len(self._quotes) >= _MOST_QUOTES or self._sock.fileno() < 0:
            done(None)
            return
        self._last += 1
        self._quotes[self._last] = done
        self._send(encode_request(Request("quote", id=self._last, report_data=report_data)))

    def answer(self, request: Request, file: bytes | None = None) -> None:
        """Say yes, with what was asked for."""
        if file is None:
            self._send(encode_reply(Reply(request.id), request.op))
            return
        fd = os.memfd_create("reply", os.MFD_CLOEXEC)
        try:
            _write(fd, file)
            self._send(encode_reply(Reply(request.id, size=len(file)), request.op), os.dup(fd))
        finally:
            os.close(fd)

    def answer_status(self, request: Request, state: State, workload_digest: str) -> None:
        """Say how it is."""
        reply = Reply(request.id, state=state, workload_digest=workload_digest)
        self._send(encode_reply(reply, request.op))

    def refuse(self, request: Request, kind: Kind, text: str) -> None:
        """Say no."""
        self._send(encode_reply(Reply(request.id, kind=kind, text=text), request.op))

    def event(self, state: State, workload_digest: str) -> None:
        """Tell the state."""
        self._send(encode_state(StateEvent(state, workload_digest)))

    def _watch(self) -> None:
        if self._sock.fileno() >= 0:
            mask = select.POLLOUT if self._queue else select.POLLIN
            self._loop.watch(self._sock.fileno(), mask, self._ready)

    def _ready(self, events: int) -> None:
        if events & select.POLLOUT:
            self._flush()
        lost = events & (select.POLLHUP | select.POLLERR)
        for _ in range(_AT_A_TIME):
            if self._sock.fileno() < 0 or (self._queue and not lost) or not self._one():
                break
        self._watch()

    def _one(self) -> bool:
        """Take one frame, if there is one."""
        try:
            data, fds = frames.receive(self._sock, descriptors=1, wait=False)
        except BlockingIOError:
            return False
        except (MalformedError, OSError):
            self._served.host_lost()
            return False
        try:
            if not data:
                self._served.host_lost()
                return False
            self._take(decode_from_host(data, len(fds)), fds)
        except MalformedError:
            self._served.host_lost()
            return False
        finally:
            frames.close(fds)
        return True

    def _take(self, message: Request | Reply, fds: list[int]) -> None:
        if isinstance(message, Request):
            self._served.request(message, fds[0] if fds else -1)
            return
        done = self._quotes.pop(message.id, None)
        if done is None:
            raise MalformedError("reply of the host", f"answers no request {message.id}")
        if message.kind is not None or message.size > MAX_EVIDENCE_BYTES:
            done(None)
            return
        try:
            evidence = read_file(fds[0], message.size)
        except (MalformedError, OSError):
            done(None)
            return
        done(evidence)

    def _send(self, data: bytes, fd: int = -1) -> None:
        if self._sock.fileno() < 0:
            _close(fd)
            return
        self._queue.append((data, fd))
        self._flush()
        self._watch()

    def _flush(self) -> None:
        while self._queue:
            data, fd = self._queue[0]
            try:
                frames.send(self._sock, data, (fd,) if fd >= 0 else (), wait=False)
            except BlockingIOError:
                return
            except OSError:  # the host is gone: reading says so, after what it said last
                pass
            _close(fd)
            del self._queue[0]


def read_file(fd: int, size: int) -> bytes:
    """Copy *size* bytes of a regular file: what is checked is then what is used.

    Raises:
        MalformedError: it is no regular file, or shorter.
        OSError: it cannot be read.
    """
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        raise MalformedError("file of the host", "is not a regular file")
    found = bytearray(size)
    view = memoryview(found)
    offset = 0
    while offset < size:
        count = os.preadv(fd, [view[offset : offset + _PIECE]], offset)
        if not count:
            raise MalformedError("file of the host", f"got {offset} bytes, want {size}")
        offset += count
    return bytes(found)


def _write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _close(fd: int) -> None:
    if fd >= 0:
        os.close(fd)
