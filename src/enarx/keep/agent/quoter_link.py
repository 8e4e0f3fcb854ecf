"""The agent's end of its link to the quoter, the process in the same guest that asks the TEE.

One request is under way at a time, so that one that takes too long is seen.  A quoter that is
gone, stalls or talks nonsense gives no evidence any more: neither does anybody else.
"""

from __future__ import annotations

import select
from collections import deque

from enarx import frames
from enarx.errors import MalformedError
from enarx.keep.agent.host_link import read_file
from enarx.protocol.agent_link import Request, decode_reply, encode_request
from enarx.seal.offer import MAX_EVIDENCE_BYTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket

    from enarx.keep.agent.host_link import Quoted
    from enarx.keep.agent.loop import Loop, Timer

PATIENCE_S = 90.0
"""For one request: Linux gives an SNP firmware 60 s and a TDX host 30 s."""

_MOST_WAITING = 32


class QuoterLink:
    """Quotes from the guest's own quoter; nothing but these comes from it."""

    __slots__ = ("_last", "_loop", "_patience_s", "_sock", "_timer", "_waiting")

    def __init__(self, loop: Loop, sock: socket.socket, *, patience_s: float = PATIENCE_S) -> None:
        self._loop = loop
        self._sock = sock
        self._patience_s = patience_s
        self._waiting: deque[tuple[bytes, Quoted]] = deque()  # the first one is under way
        self._timer: Timer | None = None
        self._last = 0

    def start(self) -> None:
        """Begin to listen."""
        self._loop.watch(self._sock.fileno(), select.POLLIN, self._ready)

    def close(self) -> None:
        """Close the link; whoever waits for a quote is told that there is none."""
        if self._sock.fileno() < 0:
            return
        self._loop.forget(self._sock.fileno())
        self._sock.close()
        self._rest()
        waiting, self._waiting = self._waiting, deque()
        for _, done in waiting:
            done(None)

    def quote(self, report_data: bytes, done: Quoted) -> None:
        """Ask for evidence over *report_data*; *done* gets it, unverified, or None."""
        if len(self._waiting) >= _MOST_WAITING or self._sock.fileno() < 0:
            done(None)
            return
        self._waiting.append((report_data, done))
        if len(self._waiting) == 1:
            self._ask()

    def _ask(self) -> None:
        """Send the first one that waits."""
        self._last += 1
        request = Request("quote", id=self._last, report_data=self._waiting[0][0])
        self._timer = self._loop.later(self._patience_s, self.close)
        try:
            frames.send(self._sock, encode_request(request), wait=False)
        except OSError:  # gone; or it does not even read one request
            self.close()

    def _ready(self, _events: int) -> None:
        try:
            data, fds = frames.receive(self._sock, descriptors=1, wait=False)
        except BlockingIOError:
            return
        except (MalformedError, OSError):
            self.close()
            return
        try:
            evidence = self._read(data, fds)
        except (MalformedError, OSError):
            self.close()
            return
        finally:
            frames.close(fds)
        self._rest()
        _, done = self._waiting.popleft()
        if self._waiting:
            self._ask()
        done(evidence)

    def _read(self, data: bytes, fds: list[int]) -> bytes | None:
        """What the reply under way brings; None if it is a refusal."""
        if not data or not self._waiting:
            raise MalformedError("reply of the quoter", "answers no request")
        reply = decode_reply(data, "quote", len(fds))
        if reply.id != self._last or reply.size > MAX_EVIDENCE_BYTES:
            raise MalformedError("reply of the quoter", "is not for the request, or too large")
        return read_file(fds[0], reply.size) if reply.kind is None else None

    def _rest(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
