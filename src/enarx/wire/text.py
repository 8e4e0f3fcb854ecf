"""Bytes written as text: hexadecimal, base64, PEM, instants; strictly, one spelling each.

A second spelling of the same bytes would be a second evidence with the same meaning; so padding,
alphabet and unused bits must be the canonical ones.
"""

from __future__ import annotations

import base64 as _base64
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from enarx.errors import MalformedError

if TYPE_CHECKING:
    from collections.abc import Callable

_HEX = re.compile(r"(?:[0-9a-fA-F]{2})*")
_INSTANT = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.[0-9]{1,9})?[Zz]"
)
_BEGIN = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----")
_LINE = 64
_BLANK = b" \t\r\n\0"


def hexadecimal(text: str, where: str, *, size: int | None = None) -> bytes:
    """The bytes of an even number of hexadecimal digits, of either case.

    Args:
        size: how many bytes it must be, if that is fixed.

    Raises:
        MalformedError: another character, half a byte, or another size.
    """
    if not _HEX.fullmatch(text):
        raise MalformedError(where, "not hexadecimal digits")
    found = bytes.fromhex(text)
    if size is not None and len(found) != size:
        raise MalformedError(where, f"got {len(found)} bytes, want {size}")
    return found


def base64(text: str, where: str) -> bytes:
    """The bytes of standard base64 with padding (RFC 4648, section 4), canonical, on one line.

    Raises:
        MalformedError: another alphabet, wrong padding, or unused bits that are not zero.
    """
    return _canonical(text, where, _decode_standard, to_base64)


def base64url(text: str, where: str) -> bytes:
    """The bytes of base64url without padding (RFC 7515, section 2), canonical.

    Raises:
        MalformedError: another alphabet, padding, or unused bits that are not zero.
    """
    return _canonical(text, where, _decode_url, to_base64url)


def to_base64(data: bytes) -> str:
    """*data* as standard base64 with padding."""
    return _base64.b64encode(data).decode("ascii")


def to_base64url(data: bytes) -> str:
    """*data* as base64url without padding."""
    return _base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")


def instant(text: str, where: str) -> datetime:
    """An RFC 3339 time in UTC, such as 2026-01-31T00:00:00Z, to the second.

    Raises:
        MalformedError: another form, or no such time.
    """
    parts = _INSTANT.fullmatch(text)
    if parts is None:
        raise MalformedError(where, f"got {text[:40]!r}, want a time like 2026-01-31T00:00:00Z")
    try:
        return datetime(*(int(part) for part in parts.groups()), tzinfo=UTC)  # type: ignore[misc,arg-type]
    except ValueError as e:
        raise MalformedError(where, f"no such time: {text[:40]!r}") from e


def is_pem(data: bytes) -> bool:
    """Whether *data* begins like PEM."""
    return data.lstrip(_BLANK).startswith(b"-----BEGIN ")


def pem_blocks(data: bytes, where: str, *, most: int = 64) -> tuple[tuple[str, bytes], ...]:
    """Every ``(label, DER)`` of PEM blocks that follow each other with only blanks between.

    Trailing NULs are blanks: Intel's quoting library counts the C string's terminator.

    Raises:
        MalformedError: something else stands there, a block is damaged, or there are too many.
    """
    found: list[tuple[str, bytes]] = []
    at = 0
    while rest := data[at:].lstrip(_BLANK):
        at = len(data) - len(rest)
        if len(found) == most:
            raise MalformedError(where, f"more than {most} PEM blocks", offset=at)
        label, body, at = _block(data, at, where)
        found.append((label, body))
    return tuple(found)


def to_pem(label: str, der: bytes) -> bytes:
    """*der* as one PEM block, in lines of 64 characters (RFC 7468, section 2)."""
    body = _base64.b64encode(der).decode("ascii")
    lines = (body[at : at + _LINE] for at in range(0, len(body), _LINE))
    return "\n".join((f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", "")).encode()


def _block(data: bytes, at: int, where: str) -> tuple[str, bytes, int]:
    begin = _BEGIN.match(data, at)
    if begin is None:
        raise MalformedError(where, "neither a PEM block nor blank", offset=at)
    closing = b"-----END " + begin[1] + b"-----"
    end = data.find(closing, begin.end())
    if end < 0:
        raise MalformedError(where, f"PEM block {begin[1].decode()!r} has no end", offset=at)
    body = b"".join(data[begin.end() : end].split())
    try:
        text = body.decode("ascii")
    except UnicodeDecodeError as e:
        raise MalformedError(where, "PEM block is not ASCII", offset=at) from e
    return begin[1].decode(), base64(text, where), end + len(closing)


def _canonical(
    text: str, where: str, decode: Callable[[str], bytes], encode: Callable[[bytes], str]
) -> bytes:
    try:
        found = decode(text)
    except ValueError as e:  # binascii.Error is one
        raise MalformedError(where, "not base64") from e
    if encode(found) != text:
        raise MalformedError(where, "not canonical base64")
    return found


def _decode_standard(text: str) -> bytes:
    return _base64.b64decode(text, validate=True)


def _decode_url(text: str) -> bytes:
    return _base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
