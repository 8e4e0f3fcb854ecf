"""The heads of messages: requests read and written, responses read and written.

Source: RFC 9112, sections 2 to 4, 6.3, 7.1 and 9; RFC 9110, section 7.2 (Host).
"""

from __future__ import annotations

import re
import time

from enarx.keep.http.fields import (
    MAX_HEAD,
    HttpError,
    content_length,
    is_chunked,
    members_of,
    parse_fields,
    values_of,
    write_fields,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enarx.keep.http.fields import Fields

MAX_TARGET = 8 * 1024
MAX_BODY = 1 << 30
"""Bytes of a request's body.  Bodies are streams: this bounds time, not memory."""

_END = b"\r\n\r\n"
_REQUEST = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) ([\x21-\x7e]+) HTTP/([0-9])\.([0-9])")
_ABSOLUTE = re.compile(rb"(?i:https?)://([^/?#]+)(/[^#]*|\?[^#]*)?")
_AUTHORITY = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+,;=%-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_STATUS = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: [\t\x20-\x7e\x80-\xff]*)?")
_NO_CONTENT, _NOT_MODIFIED, _FIRST_FINAL = 204, 304, 200
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
REASONS = {
    100: "Continue", 200: "OK", 201: "Created", 202: "Accepted", 204: "No Content",
    206: "Partial Content",
    301: "Moved Permanently", 302: "Found", 303: "See Other", 304: "Not Modified",
    307: "Temporary Redirect", 308: "Permanent Redirect", 400: "Bad Request", 401: "Unauthorized",
    403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 408: "Request Timeout",
    409: "Conflict", 413: "Content Too Large", 414: "URI Too Long", 415: "Unsupported Media Type",
    422: "Unprocessable Content", 429: "Too Many Requests", 431: "Request Header Fields Too Large",
    500: "Internal Server Error", 501: "Not Implemented", 502: "Bad Gateway",
    503: "Service Unavailable", 504: "Gateway Timeout", 505: "HTTP Version Not Supported",
}  # fmt: skip


class RequestHead:
    """What a request says before its body.

    Attributes:
        authority: of an absolute target, else of Host; empty in HTTP/1.0 without Host.
        expects_continue: whether the client waits for 100 before it sends the body.
        keep_alive: whether the client wants the connection to go on.
        length: bytes of the body; None if it is chunked.
        minor: 0 or 1, of HTTP/1.
        target: path and query, or ``*``.
    """

    __slots__ = (
        "authority", "expects_continue", "fields", "keep_alive", "length", "method", "minor",
        "target",
    )  # fmt: skip

    def __init__(self, method: str, target: str, minor: int, fields: Fields) -> None:
        self.method, self.target, self.minor, self.fields = method, target, minor, fields
        self.authority = ""
        self.length: int | None = None if is_chunked(fields) else content_length(fields) or 0
        connection = members_of(fields, "connection")
        self.keep_alive = b"close" not in connection and (minor > 0 or b"keep-alive" in connection)
        self.expects_continue = minor > 0 and members_of(fields, "expect") == [b"100-continue"]


class ResponseHead:
    """What a response says before its body; ``length`` and ``chunked`` say how that is framed."""

    __slots__ = ("chunked", "fields", "length", "status")

    def __init__(self, status: int, fields: Fields, *, to_head: bool) -> None:
        self.status, self.fields = status, fields
        self.chunked = is_chunked(fields)
        self.length = content_length(fields)
        if to_head or has_no_body(status):
            self.chunked, self.length = False, 0


def has_no_body(status: int) -> bool:
    """Whether a response of *status* never has a body, whatever its fields say."""
    return status < _FIRST_FINAL or status in (_NO_CONTENT, _NOT_MODIFIED)


def take_head(received: bytearray) -> bytes | None:
    """Cut a head, without its empty line, off *received*; None if it is not all there.

    One empty line before a request is skipped, as RFC 9112, section 2.2, asks.

    Raises:
        HttpError: it is too long.
    """
    if received.startswith(b"\r\n"):
        del received[:2]
    end = received.find(_END, 0, MAX_HEAD + len(_END))
    if end < 0:
        if len(received) > MAX_HEAD:
            raise HttpError(431, f"the head has more than {MAX_HEAD} bytes")
        return None
    head = bytes(received[:end])
    del received[: end + len(_END)]
    return head


def parse_request(head: bytes) -> RequestHead:
    """The request that *head* is.

    Raises:
        HttpError: it is none that is served.
    """
    first, *lines = head.split(b"\r\n")
    found = _REQUEST.fullmatch(first)
    if found is None:
        raise HttpError(400, "the request line is malformed")
    method, target = found[1].decode("ascii"), found[2]
    if found[3] != b"1" or found[4] not in b"01":
        raise HttpError(505, "only HTTP/1.1 and HTTP/1.0 are spoken")
    if len(target) > MAX_TARGET:
        raise HttpError(414, f"the target has more than {MAX_TARGET} bytes")
    request = RequestHead(method, "", int(found[4]), parse_fields(lines))
    authority, path = _target(method, target)
    request.authority = authority or _host(request)
    request.target = path
    if values_of(request.fields, "transfer-encoding") and not request.minor:
        raise HttpError(400, "Transfer-Encoding in HTTP/1.0")
    if (request.length or 0) > MAX_BODY:
        raise HttpError(413, f"a body of {request.length} bytes, at most {MAX_BODY}")
    if values_of(request.fields, "expect") and request.minor and not request.expects_continue:
        raise HttpError(417, "an expectation that is not 100-continue")
    return request


def _target(method: str, target: bytes) -> tuple[str, str]:
    """Authority and path of the request's target."""
    if method == "CONNECT":
        raise HttpError(501, "CONNECT is not served")
    if (target.startswith(b"/") and b"#" not in target) or (target == b"*" and method == "OPTIONS"):
        return "", target.decode("ascii")
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None or not _AUTHORITY.fullmatch(absolute[1]):
        raise HttpError(400, "the target is malformed")
    path = (absolute[2] or b"/").decode("ascii")
    return absolute[1].decode("ascii"), path if path.startswith("/") else f"/{path}"


def _host(request: RequestHead) -> str:
    values = values_of(request.fields, "host")
    if len(values) > 1 or (request.minor and not values):
        raise HttpError(400, "Host is not there once")
    if values and values[0] and not _AUTHORITY.fullmatch(values[0]):
        raise HttpError(400, "Host is malformed")
    return values[0].decode("ascii") if values else ""


def is_authority(text: str) -> bool:
    """Whether *text* is a host with, perhaps, a port."""
    return text.isascii() and _AUTHORITY.fullmatch(text.encode()) is not None


def is_target(text: str) -> bool:
    """Whether *text* is a path, with or without a query, that can be asked for."""
    return (
        text.startswith("/") and text.isascii() and text.isprintable() and not set(text) & set(" #")
    )


def parse_response(head: bytes, *, to_head: bool) -> ResponseHead:
    """The response that *head* is; *to_head*: to a HEAD request.

    Raises:
        HttpError: it is none.
    """
    first, *lines = head.split(b"\r\n")
    found = _STATUS.fullmatch(first)
    if found is None:
        raise HttpError(502, "the status line is malformed")
    return ResponseHead(int(found[2]), parse_fields(lines), to_head=to_head)


def write_request(method: str, target: str, fields: Fields) -> bytes:
    """A request's head."""
    return f"{method} {target} HTTP/1.1\r\n".encode("ascii") + write_fields(fields) + b"\r\n"


def write_response(status: int, fields: Fields) -> bytes:
    """A response's head."""
    first = f"HTTP/1.1 {status} {REASONS.get(status, '')}\r\n".encode("ascii")
    return first + write_fields(fields) + b"\r\n"


def date(now_s: float) -> bytes:
    """The value of Date (RFC 9110, section 5.6.7), without the locale's names."""
    at = time.gmtime(now_s)
    clock = f"{at.tm_hour:02}:{at.tm_min:02}:{at.tm_sec:02}"
    month = _MONTHS[at.tm_mon - 1]
    return f"{_DAYS[at.tm_wday]}, {at.tm_mday:02} {month} {at.tm_year:04} {clock} GMT".encode()
