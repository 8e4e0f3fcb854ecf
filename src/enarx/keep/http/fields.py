"""Header fields: their grammar, read strictly and written only if they keep to it.

Nothing is repaired: what two parsers could read in two ways is refused, because in front of or
behind a keep there may be another parser (request smuggling).

Source: RFC 9110, section 5 (fields); RFC 9112, sections 2.2 and 5 (lines).
"""

from __future__ import annotations

import errno
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    # Names in lower case, in the order of the message; values are bytes, since any octet may come.
    Fields = tuple[tuple[str, bytes], ...]

MAX_FIELDS = 100
MAX_HEAD = 32 * 1024

_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([\t\x20-\x7e\x80-\xff]*)")
_VALUE = re.compile(rb"(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?")
_DIGITS = re.compile(rb"[0-9]{1,18}")


class HttpError(OSError):
    """A message that is not taken, with the status that a server answers.

    Attributes:
        status: 400 and up.
    """

    def __init__(self, status: int, problem: str) -> None:
        super().__init__(errno.EPROTO, problem)
        self.status = status
        self.problem = problem


def is_token(name: bytes) -> bool:
    """Whether *name* can be a field's name, or a method."""
    return _TOKEN.fullmatch(name) is not None


def is_value(value: bytes) -> bool:
    """Whether *value* can be a field's value: no control characters, no space around it."""
    return _VALUE.fullmatch(value) is not None


def parse_fields(lines: Iterable[bytes]) -> Fields:
    """The fields of *lines*, which have no line ends.

    Raises:
        HttpError: one of them is none, or they are too many.
    """
    found = []
    for number, line in enumerate(lines, 1):
        if number > MAX_FIELDS:
            raise HttpError(431, f"more than {MAX_FIELDS} fields")
        field = _LINE.fullmatch(line)
        if field is None:
            raise HttpError(400, f"field {number} is malformed")
        found.append((field[1].decode("ascii").lower(), field[2].strip(b" \t")))
    return tuple(found)


def values_of(fields: Fields, name: str) -> list[bytes]:
    """Every value of *name*."""
    return [value for each, value in fields if each == name]


def members_of(fields: Fields, name: str) -> list[bytes]:
    """The members of a field that is a list, in lower case, over all its lines."""
    joined = b",".join(values_of(fields, name))
    return [member for each in joined.split(b",") if (member := each.strip(b" \t").lower())]


def content_length(fields: Fields) -> int | None:
    """The one Content-Length, None if there is none.

    Raises:
        HttpError: more than one, even of the same value, or no number.
    """
    values = values_of(fields, "content-length")
    if not values:
        return None
    if len(values) > 1 or not _DIGITS.fullmatch(values[0]):
        raise HttpError(400, "Content-Length is not one number")
    return int(values[0])


def is_chunked(fields: Fields) -> bool:
    """Whether the body is chunked.

    Raises:
        HttpError: another coding, more than one, or a Content-Length beside it.
    """
    values = values_of(fields, "transfer-encoding")
    if not values:
        return False
    if values_of(fields, "content-length"):
        raise HttpError(400, "both Content-Length and Transfer-Encoding")
    if len(values) > 1 or values[0].lower() != b"chunked":
        raise HttpError(501, "a Transfer-Encoding that is not chunked")
    return True


def write_fields(fields: Iterable[tuple[str, bytes]]) -> bytes:
    """Lines with their ends; the caller has checked each name and value."""
    return b"".join([b"%b: %b\r\n" % (name.encode("ascii"), value) for name, value in fields])
