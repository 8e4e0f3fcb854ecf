"""What uvicorn leaves open: connections that send nothing, slowly, or too much at once.

A connection has a bounded time for the head of each request, and none beyond its answer for a body
that nobody reads.  What is no HTTP is answered with a problem, too.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from enarx.web.problem import CODES, MEDIA_TYPE, Problem, document

if TYPE_CHECKING:
    import asyncio

    from enarx.web.bounds import Bounds

_LINGER_S = 1.0
_ID_BYTES = 12


def protocol(limits: Bounds) -> type[asyncio.Protocol]:
    """The protocol class for uvicorn, which keeps *limits*."""

    class Bounded(_Bounded):
        bounds = limits

    return Bounded


class _Bounded(H11Protocol):
    bounds: Bounds
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Admit a connection, or say that there are too many."""
        super().connection_made(transport)
        if len(self.connections) > self.bounds.connections:
            self._refuse(Problem("unavailable", "too many connections"))
        else:
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Go on; the clock for a head runs only while there is none."""
        super().data_received(data)
        if self.transport.is_closing() or self.conn.their_state is not h11.IDLE:
            self._stop_waiting()
        elif self._deadline is None:
            self._await_head()

    def on_response_complete(self) -> None:
        """Do not wait for the rest of a body that was refused."""
        unread = self.conn.their_state is h11.SEND_BODY
        super().on_response_complete()
        if unread and not self.transport.is_closing():
            self.loop.call_later(_LINGER_S, self.transport.close)

    def send_400_response(self, msg: str) -> None:
        """Say that it is no HTTP, or not of the kind that we take."""
        self._refuse(Problem("malformed", "want HTTP/1.1 with a head of ordinary size"))

    def _await_head(self) -> None:
        self._deadline = self.loop.call_later(self.bounds.head_s, self._late)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _late(self) -> None:
        self._deadline = None
        self._refuse(Problem("timeout", f"no request within {self.bounds.head_s:g} s"))

    def _refuse(self, problem: Problem) -> None:
        """Answer without a request, and close."""
        body = document(problem, os.urandom(_ID_BYTES).hex())
        status, _ = CODES[problem.code]
        head = (
            f"HTTP/1.1 {status} Refused\r\nContent-Type: {MEDIA_TYPE}\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        if not self.transport.is_closing():
            self.transport.write(head.encode("ascii") + body)
            self.transport.close()
