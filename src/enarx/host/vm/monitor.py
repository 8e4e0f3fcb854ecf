"""The socket of QEMU's monitor, in a reactor: bytes to and from ``qmp.Session``."""

from __future__ import annotations

import select

from enarx.errors import MalformedError
from enarx.host.vm.qmp import Answer, Event, Session

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from typing import TypeAlias

    from enarx.host.reactor import Reactor

    Said: TypeAlias = Callable[[Event | Answer], None]

_READ_BYTES = 1 << 16
_AT_A_TIME = 16
_MOST_DRAINED = 256
_MOST_UNSENT = 1 << 16


class Monitor:
    """One QEMU's monitor.

    Args:
        said: called with each event and answer.
        broken: called when QEMU does not speak the protocol, with what it did; then it is closed.
    """

    def __init__(
        self, reactor: Reactor, sock: socket.socket, *, said: Said, broken: Callable[[str], None]
    ) -> None:
        self._broken = broken
        self._reactor = reactor
        self._sock = sock
        self._said = said
        self._session = Session()
        self._outbox = bytearray()
        self._wanted: list[str] = []
        self._closed = False
        sock.setblocking(False)  # noqa: FBT003 - takes it by position only
        self._watch()

    def command(self, name: str) -> None:
        """Give a command, now or as soon as QEMU takes commands."""
        if self._closed:
            return
        if self._session.ready:
            self._give(name)
        else:
            self._wanted.append(name)

    def drain(self) -> None:
        """Take what QEMU has said so far, unless it never stops."""
        for _ in range(_MOST_DRAINED):
            if self._closed or not self._read():
                break

    def close(self) -> None:
        """Give the socket back."""
        if not self._closed:
            self._closed = True
            self._reactor.forget(self._sock.fileno())
            self._sock.close()

    def _watch(self) -> None:
        mask = select.POLLIN | (select.POLLOUT if self._outbox else 0)
        self._reactor.watch(self._sock.fileno(), mask, self._ready)

    def _ready(self, events: int) -> None:
        if events & select.POLLOUT:
            self._flush()
        for _ in range(_AT_A_TIME):
            if self._closed or not self._read():
                break
        if not self._closed:
            self._watch()

    def _read(self) -> bool:
        """Take what is there; false when there is nothing, or nothing more ever."""
        try:
            data = self._sock.recv(_READ_BYTES)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:  # QEMU's end is its process's to tell
            self.close()
            return False
        try:
            self._take(data)
        except MalformedError as error:
            self.close()
            self._broken(str(error))
            return False
        return True

    def _take(self, data: bytes) -> None:
        greeted, ready = self._session.greeted, self._session.ready
        said = self._session.feed(data)
        if self._session.greeted and not greeted:
            self._give("qmp_capabilities")
        if self._session.ready and not ready:
            wanted, self._wanted = self._wanted, []
            for name in wanted:
                self._give(name)
        for one in said:
            self._said(one)

    def _give(self, name: str) -> None:
        self._outbox += self._session.command(name)
        if len(self._outbox) > _MOST_UNSENT:
            raise MalformedError("QEMU's monitor", "does not read its commands")
        self._flush()
        if not self._closed:
            self._watch()

    def _flush(self) -> None:
        try:
            while self._outbox:
                del self._outbox[: self._sock.send(self._outbox)]
        except BlockingIOError:
            return
        except OSError:  # it is gone: reading says so, after what it said last
            self._outbox.clear()
