"""Bodies as resources: ``incoming-body``, ``outgoing-body`` and their streams.

Source: wasi:http 0.2.12, types.wit.
"""

from __future__ import annotations

import errno

from enarx.keep.component.http.error_code import CodedError
from enarx.keep.component.http.fields import Fields
from enarx.keep.component.pollable import Pollable, wait
from enarx.keep.component.resource import Resource
from enarx.keep.component.streams import InputStream, OutputStream, StreamClosedError
from enarx.keep.engine.trap import Trap
from enarx.keep.http.stream import BUFFER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from enarx.keep.http.stream import BodyReader, BodyWriter

    class Progress(Protocol):
        """What must happen before a body can be sent."""

        def ready(self) -> bool:
            """Go on; whether it has happened."""

        def interest(self) -> tuple[tuple[int, int], ...]:
            """What to wait for."""

        def deadline_ns(self) -> int | None:
            """When to go on anyway."""


class BodyReadable(Pollable):
    """Ready when bytes of a body are here, or its end."""

    def __init__(self, reader: BodyReader) -> None:
        self._reader = reader

    def ready(self) -> bool:
        """Take in what is there."""
        if self._reader.ready():
            return True
        self.deadline = self._reader.deadline_ns()
        return False

    def interest(self) -> tuple[tuple[int, int], ...]:
        """The connection."""
        return self._reader.interest()


class BodyInput(InputStream):
    """The stream of an ``incoming-body``."""

    def __init__(self, reader: BodyReader) -> None:
        self._reader = reader

    def _take(self, size: int, *, blocking: bool) -> memoryview | None:
        while True:
            data = self._reader.take(size)
            if data is not None:
                return memoryview(data)
            if not blocking:
                return None
            wait((self.subscribe(),))

    def subscribe(self) -> Pollable:
        """Ready when ``read`` would return bytes, the end or a failure."""
        return BodyReadable(self._reader)


class FutureTrailers(Resource):
    """``future-trailers``: known at once, because what was not read is not waited for."""

    wit_name = "future-trailers"

    def __init__(self, reader: BodyReader) -> None:
        self._reader = reader
        self._given = False

    def subscribe(self) -> Pollable:
        """Ready."""
        return Pollable()

    def get(self) -> tuple[bool, tuple[bool, Fields | None] | None]:
        """The trailers, once; an error after that."""
        if self._given:
            return False, None
        self._given = True
        trailers = self._reader.trailers if self._reader.done else ()
        return True, (True, Fields.received(trailers) if trailers else None)


class IncomingBody(Resource):
    """``incoming-body``.

    Args:
        release: called when nobody wants more of it.
    """

    wit_name = "incoming-body"

    def __init__(self, reader: BodyReader, release: Callable[[], None] | None = None) -> None:
        self._reader = reader
        self._release = release
        self._streamed = False

    def stream(self) -> InputStream:
        """Its bytes; once."""
        if self._streamed:
            raise OSError(errno.EBUSY, "the stream was taken")
        self._streamed = True
        return BodyInput(self._reader)

    def finish(self) -> FutureTrailers:
        """What comes after the bytes."""
        self.close()
        return FutureTrailers(self._reader)

    def close(self) -> None:
        """Nobody wants more."""
        if self._release is not None:
            self._release()


class BodyWritable(Pollable):
    """Ready when an ``outgoing-body`` takes bytes, or has sent all it took."""

    def __init__(self, body: OutgoingBody, *, drained: bool) -> None:
        self._body = body
        self._drained = drained

    def ready(self) -> bool:
        """A failure makes it ready: the next operation tells."""
        try:
            ready = self._body.drained() if self._drained else self._body.room() > 0
        except OSError:
            return True
        self.deadline = None if ready else self._body.deadline_ns()
        return ready

    def interest(self) -> tuple[tuple[int, int], ...]:
        """The connection."""
        return self._body.interest()


class OutgoingBody(Resource):
    """``outgoing-body``: kept here until it is known where it goes.

    Attributes:
        progress: what brings that about while the guest waits; None if only the guest can.
    """

    wit_name = "outgoing-body"

    def __init__(self) -> None:
        self.progress: Progress | None = None
        self._writer: BodyWriter | None = None
        self._kept = bytearray()
        self._written = False
        self._finished = False
        self._trailers: Fields | None = None
        self._failure: OSError | None = None

    def write(self) -> OutputStream:
        """The stream that fills it; once."""
        if self._written:
            raise OSError(errno.EBUSY, "the stream was taken")
        self._written = True
        return BodyOutput(self)

    def finish(self, trailers: Fields | None) -> None:
        """It is whole."""
        self._finished = True
        self._trailers = trailers
        if self._failure is not None:
            raise CodedError("connection-terminated") from self._failure
        if self._writer is not None:
            self._end(self._writer)

    def attach(self, writer: BodyWriter) -> None:
        """Here it goes; a failure is for whoever writes."""
        self._writer = writer
        try:
            if self._kept:
                writer.put(bytes(self._kept))
                self._kept.clear()
            if self._finished:
                self._end(writer)
        except OSError as error:
            self._failure = error

    def fail(self, error: OSError) -> None:
        """It goes nowhere."""
        self._failure = error

    def room(self) -> int:
        """Bytes that may be put now."""
        if self._waiting_to_go():
            return max(0, BUFFER - len(self._kept)) if self.progress is not None else BUFFER
        return self._writer.room() if self._writer is not None else 0

    def put(self, data: bytes) -> None:
        """Take *data*."""
        if self._finished:
            raise StreamClosedError
        if not self._waiting_to_go() and self._writer is not None:
            self._writer.put(data)
            return
        self._kept += data
        if len(self._kept) > 2 * BUFFER:
            raise Trap(f"more than {BUFFER} bytes of a body before its response was set")

    def drained(self) -> bool:
        """Whether nothing is kept that could go."""
        if self._waiting_to_go():
            return self.progress is None
        return self._writer is None or self._writer.drained()

    def interest(self) -> tuple[tuple[int, int], ...]:
        """What makes room."""
        if self._writer is not None:
            return self._writer.interest()
        return self.progress.interest() if self.progress is not None else ()

    def deadline_ns(self) -> int | None:
        """When to look again anyway."""
        if self._writer is not None:
            return self._writer.deadline_ns()
        return self.progress.deadline_ns() if self.progress is not None else None

    def _waiting_to_go(self) -> bool:
        if self._writer is None and self.progress is not None:
            self.progress.ready()
        if self._failure is not None:
            raise BrokenPipeError(errno.EPIPE, "the body goes nowhere") from self._failure
        return self._writer is None

    def _end(self, writer: BodyWriter) -> None:
        try:
            writer.end(self._trailers.all if self._trailers is not None else ())
        except OSError as error:
            if error.errno == errno.EMSGSIZE:
                raise CodedError("HTTP-response-body-size", writer.written) from error
            raise


class BodyOutput(OutputStream):
    """The stream of an ``outgoing-body``."""

    def __init__(self, body: OutgoingBody) -> None:
        self._body = body

    def _room(self) -> int:
        return self._body.room()

    def _put(self, data: bytes) -> None:
        self._body.put(data)

    def _drain(self) -> None:
        while not self._body.drained():
            wait((BodyWritable(self._body, drained=True),))

    def flush(self) -> None:
        """Ask that what was taken leaves."""
        self._body.drained()

    def subscribe(self) -> Pollable:
        """Ready when ``check-write`` would permit something."""
        return BodyWritable(self._body, drained=False)
