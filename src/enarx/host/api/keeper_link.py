"""The API's end of the keeper's socket, inside an event loop.

One connection: when it ends, everything that was asked fails as unavailable, and whoever owns it
makes another.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections import deque

from enarx import frames
from enarx.errors import MalformedError, UnavailableError
from enarx.host.keeper.messages import (
    SOCKET,
    KeeperReply,
    KeeperRequest,
    decode_reply,
    decode_status,
    encode_request,
    reply_id,
)
from enarx.web.problem import Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from enarx.host.keeper.messages import KeepStatus

_AT_A_TIME = 64
_WHAT = "keeper"
_PROBLEMS = {
    "bug": "bug",
    "cannot-open": "cannot-open",
    "full": "unavailable",
    "malformed": "malformed",
    "out-of-order": "out-of-order",
    "unavailable": "unavailable",
    "unknown-keep": "out-of-order",
}


class KeeperLink:
    """A connection to the keeper of *directory*.

    Args:
        event: called with each event, in their order.

    Raises:
        UnavailableError: no keeper listens there.
    """

    def __init__(self, directory: str, event: Callable[[KeepStatus], None]) -> None:
        self.lost = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._event = event
        self._asked: dict[int, tuple[str, asyncio.Future[tuple[KeeperReply, int]]]] = {}
        self._outbox: deque[tuple[bytes, int]] = deque()
        self._last = 0
        self._sock = _connect(directory)
        self._loop.add_reader(self._sock, self._readable)

    async def ask(self, request: KeeperRequest, fd: int = -1) -> tuple[KeeperReply, int]:
        """Ask, with *fd*, which is ours from here on; the answer and its file, the caller's, or -1.

        Raises:
            Problem: the keeper, or the keep, refused.
            UnavailableError: the keeper is gone.
        """
        if self.lost.is_set():
            _close(fd)
            raise UnavailableError(_WHAT, "the keeper is not there", retry_after_s=1)
        self._last += 1
        request.id = self._last
        future: asyncio.Future[tuple[KeeperReply, int]] = self._loop.create_future()
        self._asked[request.id] = (request.op, future)
        self._outbox.append((encode_request(request), fd))
        self._flush()
        reply, file = await future
        if reply.kind:
            raise Problem(_PROBLEMS[reply.kind], reply.text)
        return reply, file

    async def ask_for_file(self, request: KeeperRequest, most: int, fd: int = -1) -> bytes:
        """Ask for something that is answered with a file, of which at most *most* bytes.

        Raises:
            Problem, UnavailableError: as ``ask``.
            MalformedError: the file is larger.
        """
        reply, file = await self.ask(request, fd)
        try:
            if reply.size > most:
                raise MalformedError(_WHAT, f"got {reply.size} bytes, want at most {most}")
            return _read(file, reply.size)
        finally:
            os.close(file)

    def close(self) -> None:
        """End the connection; whoever waits is told."""
        if self.lost.is_set():
            return
        self.lost.set()
        self._loop.remove_reader(self._sock)
        self._loop.remove_writer(self._sock)
        self._sock.close()
        for _, fd in self._outbox:
            _close(fd)
        self._outbox.clear()
        asked, self._asked = self._asked, {}
        for _, future in asked.values():
            if not future.done():
                error = UnavailableError(_WHAT, "the keeper has gone away", retry_after_s=1)
                future.set_exception(error)

    def _readable(self) -> None:
        for _ in range(_AT_A_TIME):
            if self.lost.is_set() or not self._one():
                return

    def _one(self) -> bool:
        try:
            data, fds = frames.receive(self._sock, descriptors=1, wait=False)
        except BlockingIOError:
            return False
        except (MalformedError, OSError):
            self.close()
            return False
        try:
            if not data:
                self.close()
                return False
            self._take(data, fds)
        except MalformedError:  # another version, or a bug: begin anew
            self.close()
            return False
        finally:
            frames.close(fds)
        return True

    def _take(self, data: bytes, fds: list[int]) -> None:
        status = decode_status(data)
        if status is not None:
            self._event(status)
            return
        asked = self._asked.pop(reply_id(data), None)
        if asked is None:
            raise MalformedError(_WHAT, "answers what was not asked")
        op, future = asked
        reply = decode_reply(data, op, len(fds))
        if future.done():  # who asked has gone away
            return
        future.set_result((reply, fds.pop() if fds else -1))

    def _flush(self) -> None:
        while self._outbox and not self.lost.is_set():
            data, fd = self._outbox[0]
            try:
                frames.send(self._sock, data, (fd,) if fd >= 0 else (), wait=False)
            except BlockingIOError:
                self._loop.add_writer(self._sock, self._flush)
                return
            except OSError:
                self.close()
                return
            _close(fd)
            self._outbox.popleft()
        if not self.lost.is_set():
            self._loop.remove_writer(self._sock)


def _connect(directory: str) -> socket.socket:
    """Connect through a descriptor of the directory: a socket's path must be short."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
    try:
        folder = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            sock.connect(f"/proc/self/fd/{folder}/{SOCKET}")
        finally:
            os.close(folder)
    except OSError as error:
        sock.close()
        raise UnavailableError(_WHAT, "no keeper listens", retry_after_s=1) from error
    return sock


def _read(fd: int, size: int) -> bytes:
    found = bytearray()
    while len(found) < size:
        piece = os.pread(fd, min(size - len(found), 1 << 20), len(found))
        if not piece:
            raise MalformedError(_WHAT, f"got a file of {len(found)} bytes, want {size}")
        found += piece
    return bytes(found)


def _close(fd: int) -> None:
    if fd >= 0:
        os.close(fd)
