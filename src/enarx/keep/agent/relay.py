"""Between the runtime's link and the host's broker: requests one way, replies the other.

What the runtime says about itself (events) stops here, since the host is not to know it.  Requests
for the host's cache of compiled code stop here too: compiled code is the application.  The broker
is not trusted: its replies go to the runtime, which checks them; what answers nothing ends the
broker's link, and requests are refused from then on.  Nothing waits in memory: a link that takes
no more stops the reading of the other, and no more requests are under way than the protocol
allows.
"""

from __future__ import annotations

import errno
import os
import select
from functools import partial

from enarx import frames
from enarx.errors import MalformedError
from enarx.protocol.link import (
    MAX_OUTSTANDING,
    Event,
    Reply,
    decode_message,
    decode_reply,
    encode_reply,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from typing import TypeAlias

    from enarx.keep.agent.loop import Loop
    from enarx.protocol.link import Request

    Frame: TypeAlias = tuple[bytes, tuple[int, ...]]

_AT_A_TIME = 32
_PROVEN = frozenset(("prove", "vouch"))
_RELAYED = frozenset(("connect", "listen", "resolve"))
_NO_BROKER = "the host's broker is gone"
_LOST = select.POLLHUP | select.POLLERR


class Relay:
    """Serves both links until the runtime's is closed.

    Args:
        event: called with each event of the runtime, its fields checked.
        gone: called once when the runtime's link has ended, with the rule that it broke, or "".
        prove: answers what only the agent can: takes the request, and what to call with the
            evidence.
    """

    def __init__(
        self,
        loop: Loop,
        runtime: socket.socket,
        broker: socket.socket,
        *,
        event: Callable[[Event], None],
        gone: Callable[[str], None],
        prove: Callable[[Request, Callable[[bytes | None], None]], None],
    ) -> None:
        self._loop = loop
        self._runtime = _Sender(runtime)
        self._broker = _Sender(broker)
        self._event = event
        self._gone = gone
        self._prove = prove
        self._asked: set[int] = set()
        self._ended = False
        self._cut = False
        self._watch()

    def close(self) -> None:
        """Close both links, without a word to anybody."""
        self._ended = True
        self._forget(self._runtime)
        self._lose_broker()

    def _watch(self) -> None:
        """Read from each link only what the other takes."""
        if not self._ended:
            room = not self._broker.waiting and len(self._asked) < MAX_OUTSTANDING
            self._loop.watch(
                self._runtime.fileno(), self._runtime.mask(reads=room), self._runtime_ready
            )
        if not self._cut:
            self._loop.watch(
                self._broker.fileno(),
                self._broker.mask(reads=not self._runtime.waiting),
                self._broker_ready,
            )

    def _runtime_ready(self, events: int) -> None:
        if events & select.POLLOUT:
            self._flush(self._runtime)
        lost = events & _LOST  # what it said before it went is still taken
        for _ in range(_AT_A_TIME):
            busy = self._broker.waiting or len(self._asked) >= MAX_OUTSTANDING
            if self._ended or (busy and not lost):
                break
            if not self._from_runtime():
                break
        self._watch()

    def _from_runtime(self) -> bool:
        """Take one frame of the runtime, if there is one."""
        try:
            data, fds = frames.receive(self._runtime.sock, descriptors=1, wait=False)
        except BlockingIOError:
            return False
        except OSError:
            self._end("")
            return False
        except MalformedError as error:
            self._end(str(error))
            return False
        try:
            if not data:
                self._end("")
                return False
            message = decode_message(data, len(fds))
        except MalformedError as error:
            self._end(str(error))
            return False
        finally:
            frames.close(fds)  # only "store" has any, which goes no further
        if isinstance(message, Event):
            self._event(message)
        else:
            self._request(message, data)
        return True

    def _request(self, request: Request, data: bytes) -> None:
        if request.op in _PROVEN:
            self._prove(request, partial(self._proven, request.id))
        elif request.op not in _RELAYED:
            self._refuse(request.id, errno.EPERM, "the host is not to see compiled code")
        elif self._cut:
            self._refuse(request.id, errno.ENOTCONN, _NO_BROKER)
        elif request.id in self._asked:
            self._end(f"asks twice under the id {request.id}")
        else:
            self._asked.add(request.id)
            self._send(self._broker, (data, ()))

    def _proven(self, number: int, evidence: bytes | None) -> None:
        """Pass evidence on, in a file in memory."""
        if self._ended:
            return
        if evidence is None:
            self._refuse(number, errno.ENODATA, "no evidence was given")
        else:
            fd = os.memfd_create("evidence", os.MFD_CLOEXEC)
            with os.fdopen(os.dup(fd), "wb") as file:
                file.write(evidence)
            reply = encode_reply(Reply(number, {"size": len(evidence)}))
            self._send(self._runtime, (reply, (fd,)))
        self._watch()

    def _refuse(self, number: int, code: int, text: str) -> None:
        self._send(self._runtime, (encode_reply(Reply(number, errno=code, text=text)), ()))

    def _broker_ready(self, events: int) -> None:
        if events & select.POLLOUT:
            self._flush(self._broker)
        for _ in range(_AT_A_TIME):
            if self._cut or (self._runtime.waiting and not events & _LOST):
                break
            if not self._from_broker():
                break
        self._watch()

    def _from_broker(self) -> bool:
        """Take one frame of the broker, if there is one."""
        try:
            data, fds = frames.receive(self._broker.sock, descriptors=1, wait=False)
        except BlockingIOError:
            return False
        except (MalformedError, OSError):
            self._lose_broker()
            return False
        try:
            number = decode_reply(data).id if data else 0
        except MalformedError:
            number = 0
        if number not in self._asked:  # also: the link has ended
            frames.close(fds)
            self._lose_broker()
            return False
        self._asked.discard(number)
        self._send(self._runtime, (data, tuple(fds)))
        return True

    def _send(self, to: _Sender, frame: Frame) -> None:
        to.queue.append(frame)
        self._flush(to)

    def _flush(self, to: _Sender) -> None:
        try:
            to.flush()
        except OSError:  # it is gone; what it said last is still to be read
            to.drop()
            if to is self._broker:
                self._lose_broker()

    def _lose_broker(self) -> None:
        """No more help from the host: whoever waits for some is told so."""
        if self._cut:
            return
        self._cut = True
        self._forget(self._broker)
        asked, self._asked = self._asked, set()
        if not self._ended:
            for number in sorted(asked):
                self._refuse(number, errno.ENOTCONN, _NO_BROKER)

    def _end(self, problem: str) -> None:
        if self._ended:
            return
        self._ended = True
        self._forget(self._runtime)
        self._lose_broker()
        self._gone(problem)

    def _forget(self, end: _Sender) -> None:
        if end.fileno() >= 0:
            self._loop.forget(end.fileno())
        end.close()


class _Sender:
    """A link, and the frames that it did not take yet."""

    __slots__ = ("queue", "sock")

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.queue: list[Frame] = []

    @property
    def waiting(self) -> bool:
        return bool(self.queue)

    def fileno(self) -> int:
        return self.sock.fileno()

    def mask(self, *, reads: bool) -> int:
        return (select.POLLIN if reads else 0) | (select.POLLOUT if self.queue else 0)

    def flush(self) -> None:
        """Send what fits.

        Raises:
            OSError: the other end is gone.
        """
        while self.queue:
            data, fds = self.queue[0]
            try:
                frames.send(self.sock, data, fds, wait=False)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno == errno.ETOOMANYREFS:  # too many descriptors are on their way
                    return
                raise
            frames.close(fds)
            del self.queue[0]

    def drop(self) -> None:
        """Forget what was not sent."""
        for _, fds in self.queue:
            frames.close(fds)
        self.queue.clear()

    def close(self) -> None:
        self.drop()
        self.sock.close()
