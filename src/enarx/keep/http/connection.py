"""One connection of a server: request after request, each read as far as it comes by itself.

A connection is a small state machine that never waits:

    HEAD -> BODY -> READY -> (the application) -> REST -> HEAD, or ENDING -> CLOSED

What a client sends is read up to ``PREFETCH`` before the application is bothered, so that slow
clients wait side by side and only large bodies are read while the application runs.

Source: RFC 9112, section 9 (connections).
"""

from __future__ import annotations

import time

from enarx.keep.http.body import Chunked, Encoder, Sized
from enarx.keep.http.fields import HttpError, content_length
from enarx.keep.http.head import (
    MAX_BODY,
    has_no_body,
    parse_request,
    take_head,
    write_response,
)
from enarx.keep.http.stream import BodyReader, BodyWriter, Patience

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enarx.keep.http.fields import Fields
    from enarx.keep.http.head import RequestHead
    from enarx.keep.http.wire import Wire

PREFETCH = 256 * 1024
HEAD_S = 10.0  # from the first byte of a request to the end of its head
IDLE_S = 60.0  # between two requests
BODY_S = 30.0  # for what is prefetched
LINGER_S = 2.0  # for the client to read the last response, while what it sends is thrown away
_LEFTOVER = 256 * 1024  # of a body that nobody read; more is not worth reading

HEAD, BODY, READY, REST, ENDING, CLOSED = "head", "body", "ready", "rest", "ending", "closed"


class Exchange:
    """One request, and the response that is being made for it.

    Attributes:
        body: the request's body.
        head: the request's head.
        is_tls: whether it came over TLS.
        status: of the response; 0 while there is none.
        writer: the response's body, once the response has begun.
    """

    def __init__(self, wire: Wire, head: RequestHead, *, is_tls: bool) -> None:
        self.head = head
        self.is_tls = is_tls
        decoder = Chunked(MAX_BODY) if head.length is None else Sized(head.length)
        self.body = BodyReader(wire, decoder, Patience())
        self.status = 0
        self.writer: BodyWriter | None = None
        self.keep_alive = head.keep_alive
        self._wire = wire

    def inform(self, status: int, fields: Fields) -> None:
        """Send an interim response, to clients that know of such."""
        if self.head.minor:
            self._wire.queue(write_response(status, fields))
            self._wire.send()

    def respond(self, status: int, fields: Fields) -> BodyWriter:
        """Begin the response; *fields* say nothing of connections and codings.

        Raises:
            HttpError: their Content-Length is none.
        """
        length = content_length(fields)
        silent = self.head.method == "HEAD" or has_no_body(status)
        chunked = length is None and bool(self.head.minor) and not silent
        if length is None and not chunked and not silent:
            self.keep_alive = False
        more = [("transfer-encoding", b"chunked")] if chunked else []
        if not self.keep_alive:
            more.append(("connection", b"close"))
        elif not self.head.minor:
            more.append(("connection", b"keep-alive"))
        self.status = status
        self._wire.queue(write_response(status, (*fields, *more)))
        encoder = Encoder(length, chunked=chunked, silent=silent)
        self.writer = BodyWriter(self._wire, encoder, Patience())
        return self.writer

    def refuse(self, status: int, now_date: bytes) -> None:
        """Answer with nothing but *status*."""
        self.keep_alive = False
        text = f"{status}\n".encode()
        fields = (
            ("date", now_date),
            ("content-type", b"text/plain"),
            ("content-length", b"%d" % len(text)),
        )
        writer = self.respond(status, fields)
        writer.put(text)
        writer.end(())


class Connection:
    """One client.

    Attributes:
        deadline: instant of the monotonic clock at which ``expire`` is due; None for never.
        exchange: the request that is being read or answered.
        peer: host and port of the client, as the broker says.
        state: one of the constants of this module.
    """

    def __init__(self, wire: Wire, *, is_tls: bool) -> None:
        self.wire = wire
        self.is_tls = is_tls
        self.peer = wire.stream.peer
        self.state = HEAD
        self.exchange: Exchange | None = None
        self.deadline: float | None = time.monotonic() + HEAD_S
        self._skipped = 0
        self._begun = True  # a new client owes its first byte at once
        self._ending_sent = False

    def interest(self) -> tuple[tuple[int, int], ...]:
        """What to wait for before ``advance``."""
        return self.wire.interest(read=self.state != READY, write=True)

    def is_due(self, now: float) -> bool:
        """Whether the deadline has passed."""
        return self.deadline is not None and self.deadline <= now

    def advance(self) -> None:
        """Go on as far as possible.

        Raises:
            HttpError: the client's request cannot be served.
        """
        if self.state == CLOSED:
            return
        self.wire.send()
        if self.state == REST:
            self._skip_rest()
        if self.state == HEAD:  # also of a request that came with the one before
            self._read_head()
        if self.state == BODY:
            self._read_body()
        elif self.state == ENDING:
            self._linger()

    def expire(self) -> None:
        """The deadline has passed.

        Raises:
            HttpError: in the middle of a request, which may be told.
        """
        if self.state == BODY or (self.state == HEAD and self.wire.received):
            raise HttpError(408, "the request comes too slowly")
        self.close()

    def finish(self) -> None:
        """The application is through with the exchange."""
        exchange = self.exchange
        if exchange is None or exchange.writer is None or not exchange.writer.ended:
            self._end()  # a body without its end: the client sees that it is cut off
            return
        self.state = REST
        self.deadline = time.monotonic() + BODY_S
        self._skipped = 0
        self._skip_rest()

    def refuse(self, problem: HttpError, now_date: bytes) -> None:
        """Answer *problem*'s status if nothing was answered yet, and end the connection."""
        if self.exchange is None or not self.exchange.status:
            head = self.exchange.head if self.exchange is not None else None
            Exchange(self.wire, head or _NO_HEAD, is_tls=self.is_tls).refuse(
                problem.status, now_date
            )
        self._end()

    def close(self) -> None:
        """End it at once."""
        self.state = CLOSED
        self.wire.close()

    def _read_head(self) -> None:
        head = take_head(self.wire.received)
        if head is None and self.wire.receive():
            head = take_head(self.wire.received)
        if head is None:
            if self.wire.ended:
                self.close()
            elif self.wire.received and not self._begun:
                self._begun = True
                self.deadline = time.monotonic() + HEAD_S
            return
        self.exchange = None
        request = parse_request(head)
        self.exchange = Exchange(self.wire, request, is_tls=self.is_tls)
        if request.expects_continue and request.length != 0:
            self.exchange.inform(100, ())
        self.state = BODY
        self.deadline = time.monotonic() + BODY_S

    def _read_body(self) -> None:
        body = self._exchange().body
        try:
            ahead = body.prefetch(PREFETCH)
        except ConnectionError:
            self.close()
            return
        if body.complete() or ahead >= PREFETCH:
            self.state = READY
            self.deadline = None

    def _skip_rest(self) -> None:
        """Deliver the response, pass over what the application did not read, and go on."""
        self.wire.send()
        exchange = self._exchange()
        if not exchange.keep_alive or self.wire.failure is not None:
            self._end()
            return
        try:
            while not exchange.body.done and (data := exchange.body.take(_LEFTOVER)):
                self._skipped += len(data)
                if self._skipped > _LEFTOVER:
                    break
        except OSError:
            self._end()
            return
        if self._skipped > _LEFTOVER:
            self._end()
        elif exchange.body.done and not self.wire.waiting():
            self.state = HEAD
            self.exchange = None
            self._begun = False
            self.deadline = time.monotonic() + IDLE_S

    def _end(self) -> None:
        """Deliver what waits, then close, without a reset that would destroy it on its way."""
        self.state = ENDING
        self.deadline = time.monotonic() + (BODY_S if self.wire.waiting() else LINGER_S)
        self._ending_sent = False
        self._linger()

    def _linger(self) -> None:
        if not self.wire.waiting() and not self._ending_sent:
            self._ending_sent = True
            self.deadline = time.monotonic() + LINGER_S
            self.wire.end_sending()
        self.wire.receive()
        self.wire.received.clear()
        if self.wire.ended and (self._ending_sent or self.wire.failure is not None):
            self.close()

    def _exchange(self) -> Exchange:
        if self.exchange is None:
            raise TypeError("no request is being served")
        return self.exchange


_NO_HEAD = parse_request(b"GET / HTTP/1.1\r\nHost: -\r\nConnection: close")
"""Stands for a request that could not be read."""
