"""The keeper's socket: who may connect, frames in, answers and events out.

Only the user that the keeper runs as may connect, by the directory's mode and by the credentials
that the kernel tells.  A client that does not read what it asked for is cut off.
"""

from __future__ import annotations

import os
import select
import socket
import struct
from collections import deque

from enarx import frames
from enarx.errors import MalformedError
from enarx.host.keeper.messages import (
    SOCKET,
    KeeperReply,
    decode_request,
    encode_reply,
    encode_status,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from enarx.host.keeper.messages import KeeperRequest, KeepStatus
    from enarx.host.reactor import Reactor

    Done: TypeAlias = Callable[[KeeperReply, int], None]
    Serve: TypeAlias = Callable[[KeeperRequest, int, Done], None]

_BACKLOG = 16
_MOST_CLIENTS = 16
_MOST_UNREAD = 20_000
_AT_A_TIME = 32
_CREDENTIALS = struct.Struct("3i")  # struct ucred: pid, uid, gid


class Server:
    """Listens in the current directory, and answers with *serve*.

    *shutdown* is called when a client asks for the end.
    """

    def __init__(self, reactor: Reactor, serve: Serve, shutdown: Callable[[], None]) -> None:
        self._reactor = reactor
        self._serve = serve
        self._shutdown = shutdown
        self._clients: set[_Client] = set()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
        before = os.umask(0o177)
        try:
            self._listener.bind(SOCKET)
        finally:
            os.umask(before)
        self._listener.listen(_BACKLOG)
        reactor.watch(self._listener.fileno(), select.POLLIN, lambda _: self._accept())

    def tell(self, status: KeepStatus) -> None:
        """Send an event to every client."""
        frame = encode_status(status)
        for client in tuple(self._clients):
            client.send(frame, -1)

    def close(self) -> None:
        """Cut everybody off."""
        self._reactor.forget(self._listener.fileno())
        self._listener.close()
        for client in tuple(self._clients):
            client.close()

    def _accept(self) -> None:
        try:
            sock, _ = self._listener.accept()
        except OSError:  # gone again, or out of descriptors: the next call says more
            return
        if len(self._clients) >= _MOST_CLIENTS or _user_of(sock) not in (0, os.geteuid()):
            sock.close()
            return
        self._clients.add(_Client(self._reactor, sock, self._request, self._clients.discard))

    def _request(self, request: KeeperRequest, fd: int, done: Done) -> None:
        if request.op == "shutdown":
            done(KeeperReply(id=request.id), -1)
            self._shutdown()
        else:
            self._serve(request, fd, done)


class _Client:
    """One connection; *gone* is called at its end."""

    def __init__(
        self,
        reactor: Reactor,
        sock: socket.socket,
        serve: Serve,
        gone: Callable[[_Client], None],
    ) -> None:
        self._reactor = reactor
        self._sock = sock
        self._serve = serve
        self._gone = gone
        self._outbox: deque[tuple[bytes, int]] = deque()
        self._closed = False
        self._watch()

    def send(self, frame: bytes, fd: int) -> None:
        """Queue a frame with a descriptor that is closed once it is sent, or -1."""
        if self._closed or len(self._outbox) >= _MOST_UNREAD:
            _close(fd)
            self.close()
            return
        self._outbox.append((frame, fd))
        self._flush()
        self._watch()

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._reactor.forget(self._sock.fileno())
        self._sock.close()
        for _, fd in self._outbox:
            _close(fd)
        self._outbox.clear()
        self._gone(self)

    def _watch(self) -> None:
        if not self._closed:
            mask = select.POLLIN | (select.POLLOUT if self._outbox else 0)
            self._reactor.watch(self._sock.fileno(), mask, self._ready)

    def _ready(self, events: int) -> None:
        if events & select.POLLOUT:
            self._flush()
        for _ in range(_AT_A_TIME):
            if self._closed or not self._one():
                break
        self._watch()

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
            request = decode_request(data, len(fds))
        except MalformedError:  # of our own user: a bug, or another version
            self.close()
            return False
        else:
            fd = fds.pop() if fds else -1
        finally:
            frames.close(fds)
        self._serve(request, fd, lambda reply, file: self._answer(request, reply, file))
        return True

    def _answer(self, request: KeeperRequest, reply: KeeperReply, file: int) -> None:
        self.send(encode_reply(reply, request.op), file)

    def _flush(self) -> None:
        while self._outbox:
            frame, fd = self._outbox[0]
            try:
                frames.send(self._sock, frame, (fd,) if fd >= 0 else (), wait=False)
            except BlockingIOError:
                return
            except OSError:
                self.close()
                return
            _close(fd)
            self._outbox.popleft()


def _user_of(sock: socket.socket) -> int:
    """Who is at the other end."""
    found = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(found)[1])


def _close(fd: int) -> None:
    if fd >= 0:
        os.close(fd)
