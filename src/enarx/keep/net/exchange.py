"""One question over HTTP/1.1 and its answer, on one TLS connection, read strictly and in time.

What is not needed is not understood: no redirect, no transfer coding, no second question on the
same connection.  An answer says its length, once, and has nothing after it; one with status 204
has no content, and need not say so.

Source: RFC 9112, sections 4 to 6; RFC 9110, section 15.3.5 (204).
"""

from __future__ import annotations

import errno
import re
import select
import time

from enarx.errors import MalformedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enarx.keep.net.tls import TlsStream

MAX_BODY = 1 << 20
MAX_HEAD = 16 * 1024
NO_CONTENT = 204

_BLOCK = 64 * 1024
_END_OF_HEAD = b"\r\n\r\n"
_STATUS = re.compile(rb"HTTP/1\.1 ([1-5][0-9]{2})(?: [\t\x20-\x7e\x80-\xff]*)?")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)")
_LENGTH = re.compile(r"[0-9]{1,7}")
_ONCE = frozenset(("content-length", "content-type", "transfer-encoding"))


class Answer:
    """What was answered: a status, the media type without its parameters, and the body."""

    __slots__ = ("body", "media", "status")

    def __init__(self, status: int, media: str, body: bytes) -> None:
        self.status, self.media, self.body = status, media, body


def post(authority: str, path: str, body: bytes, media: str) -> bytes:
    """The bytes of a POST to *path* at *authority*, the host and a port that is not the usual one.

    The caller has made sure that none of them holds a control character or a space.
    """
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {authority}\r\nContent-Type: {media}\r\n"
        f"Content-Length: {len(body)}\r\nAccept: application/json, application/problem+json\r\n"
        "User-Agent: enarx-keep\r\nConnection: close\r\n\r\n"
    )
    return head.encode("ascii") + body


def exchange(
    stream: TlsStream, question: bytes, *, deadline: float, where: str, most: int = MAX_BODY
) -> Answer:
    """Send *question* and read the answer; the caller closes *stream*.

    Args:
        deadline: an instant of `time.monotonic` by which all of it must be there.
        where: what to call the answer in errors.
        most: bytes that its body may have.

    Raises:
        MalformedError: the answer is none that is understood, or is too long.
        TimeoutError: it is not there in time.
        OSError: the connection broke.
    """
    _send(stream, question, deadline)
    received = bytearray()
    while _END_OF_HEAD not in received:
        if len(received) > MAX_HEAD:
            raise MalformedError(where, f"its head has more than {MAX_HEAD} bytes")
        received += _receive(stream, deadline, where)
    head, _, rest = bytes(received).partition(_END_OF_HEAD)
    status, fields = _parse(head, where)
    length = _length(status, fields, where, most)
    body = bytearray(rest)
    while len(body) < length:
        body += _receive(stream, deadline, where)
    if len(body) > length:
        raise MalformedError(where, f"goes on after the {length} bytes that it announced")
    media = fields.get("content-type", "").partition(";")[0].strip().lower()
    return Answer(status, media, bytes(body))


def _parse(head: bytes, where: str) -> tuple[int, dict[str, str]]:
    """Status and fields; of a field that must not come twice, the one there is."""
    first, *lines = head.split(b"\r\n")
    status = _STATUS.fullmatch(first)
    if status is None or len(head) > MAX_HEAD:
        raise MalformedError(where, "does not begin like an answer of HTTP/1.1")
    fields: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        field = _FIELD.fullmatch(line)
        if field is None:
            raise MalformedError(where, f"field {number} of its head is malformed")
        name = field[1].decode("ascii").lower()
        if name in fields and name in _ONCE:
            raise MalformedError(where, f"has {name} twice")
        fields[name] = field[2].decode("latin-1").strip()
    return int(status[1]), fields


def _length(status: int, fields: dict[str, str], where: str, most: int) -> int:
    if "transfer-encoding" in fields:
        raise MalformedError(where, "comes in a transfer coding, want a content-length")
    text = fields.get("content-length", "0" if status == NO_CONTENT else None)
    if text is None or not _LENGTH.fullmatch(text):
        raise MalformedError(where, "does not say its length (content-length)")
    if status == NO_CONTENT:
        most = 0
    if int(text) > most:
        raise MalformedError(where, f"got {text} bytes, want at most {most}")
    return int(text)


def _send(stream: TlsStream, data: bytes, deadline: float) -> None:
    view = memoryview(data)
    while view:
        try:
            view = view[stream.send(view) :]
        except BlockingIOError:
            _wait(stream, select.POLLOUT, deadline)


def _receive(stream: TlsStream, deadline: float, where: str) -> bytes:
    """At least one byte."""
    block = bytearray(_BLOCK)
    while True:
        _check(deadline)  # also for a peer that sends byte by byte
        try:
            count = stream.recv_into(memoryview(block))
        except BlockingIOError:
            _wait(stream, stream.wants(), deadline)
            continue
        if not count:
            raise MalformedError(where, "ends too early")
        return bytes(block[:count])


def _wait(stream: TlsStream, mask: int, deadline: float) -> None:
    stream.wait(mask, deadline)
    _check(deadline)


def _check(deadline: float) -> None:
    if time.monotonic() >= deadline:
        raise TimeoutError(errno.ETIMEDOUT, "no whole answer in time")
