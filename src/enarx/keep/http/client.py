"""One request to a server and its response, on a connection of its own; nothing here waits.

Source: RFC 9112, sections 4, 6.3 and 9.
"""

from __future__ import annotations

import errno
import time

from enarx.keep.http.body import Chunked, Decoder, Encoder, Sized, UntilClose
from enarx.keep.http.fields import content_length, values_of
from enarx.keep.http.head import parse_response, take_head, write_request
from enarx.keep.http.stream import BodyReader, BodyWriter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enarx.keep.http.fields import Fields
    from enarx.keep.http.head import ResponseHead
    from enarx.keep.http.wire import Wire

_MOST = 1 << 62  # of a response; the component that asked may stop reading
_FIRST_FINAL = 200
_WITH_BODY = frozenset(("POST", "PUT", "PATCH"))


class ClientExchange:
    """A request on its way, then its response.

    Args:
        wire: the connection, used for nothing else.
        method: a token.
        authority: for Host.
        target: path and query.
        fields: checked, without what belongs to the connection.
        has_body: whether a body is written.
        deadline: instant of `time.monotonic` by which the response must begin.

    Attributes:
        writer: the request's body.
    """

    def __init__(
        self,
        wire: Wire,
        method: str,
        authority: str,
        target: str,
        fields: Fields,
        *,
        has_body: bool,
        deadline: float,
    ) -> None:
        self._wire = wire
        self._is_head = method == "HEAD"
        self.deadline = deadline
        length = content_length(fields) if has_body else 0
        more: list[tuple[str, bytes]] = [("connection", b"close")]
        if length is None:
            more.append(("transfer-encoding", b"chunked"))
        elif not values_of(fields, "content-length") and method in _WITH_BODY:
            more.append(("content-length", b"0"))
        host = ("host", authority.encode("ascii"))
        wire.queue(write_request(method, target, (host, *fields, *more)))
        self.writer = BodyWriter(wire, Encoder(length, chunked=length is None))
        self._head: ResponseHead | None = None

    def response(self) -> tuple[ResponseHead, BodyReader] | None:
        """The response once its head is here, None before.

        Raises:
            HttpError: it is none.
            OSError: the connection broke, or it took too long.
        """
        while True:
            self._wire.send()
            head = take_head(self._wire.received)
            if head is None and self._wire.receive():
                head = take_head(self._wire.received)
            if head is None:
                self._check()
                return None
            response = parse_response(head, to_head=self._is_head)
            if response.status >= _FIRST_FINAL:
                return response, BodyReader(self._wire, _decoder(response))

    def interest(self) -> tuple[tuple[int, int], ...]:
        """What to wait for after None."""
        return self._wire.interest(read=True, write=True)

    def close(self) -> None:
        """Give it up."""
        self._wire.close()

    def _check(self) -> None:
        if self._wire.ended:
            raise self._wire.failure or ConnectionResetError(
                errno.ECONNRESET, "the server ended the connection"
            )
        if time.monotonic() >= self.deadline:
            raise TimeoutError(errno.ETIMEDOUT, "no response in time")


def _decoder(response: ResponseHead) -> Decoder:
    if response.chunked:
        return Chunked(_MOST)
    return UntilClose() if response.length is None else Sized(response.length)
