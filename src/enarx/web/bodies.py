"""Reading the body of a request: never more than allowed, never longer than allowed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect

from enarx.protocol.claims import NONCE_BYTES
from enarx.web.problem import Problem
from enarx.wire.document import load
from enarx.wire.text import base64url

if TYPE_CHECKING:
    from starlette.requests import Request

    from enarx.web.bounds import Bounds
    from enarx.wire.document import Fields

JSON = "application/json"
_MAX_NONCE = 64
_MAX_DIGITS = 12


async def read_json(request: Request, limits: Bounds) -> Fields:
    """The one JSON object of the body.

    Raises:
        Problem: it is too large, too slow, or of another media type.
        MalformedError: it is no such object.
    """
    check_media_type(request, JSON)
    data = await read(request, most=limits.json_bytes, seconds=limits.json_s)
    return load(data, "body")


def check_media_type(request: Request, want: str) -> None:
    """Refuse a body that calls itself something else than *want*.

    Raises:
        Problem: it does.
    """
    got = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if got != want:
        raise Problem("unsupported-media-type", f"want {want}")


def declared_size(request: Request, most: int) -> int:
    """How long the body says it is; *most* where it does not say.

    Raises:
        Problem: it is longer than *most*.
    """
    text = request.headers.get("content-length")
    if text is None:
        return most
    if not text.isdecimal() or len(text) > _MAX_DIGITS or int(text) > most:
        raise Problem("too-large", f"want at most {most} bytes")
    return int(text)


async def read(request: Request, *, most: int, seconds: float) -> bytes:
    """The body, of at most *most* bytes, which must be here within *seconds*.

    Raises:
        Problem: it is not.
    """
    declared_size(request, most)
    found = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for piece in request.stream():
                found += piece
                if len(found) > most:
                    raise Problem("too-large", f"want at most {most} bytes")
    except TimeoutError as error:
        raise Problem("timeout", f"the body was not here within {seconds:g} s") from error
    except ClientDisconnect as error:
        raise Problem("malformed", "the body broke off") from error
    return bytes(found)


def nonce_of(fields: Fields) -> bytes:
    """The verifier's nonce, 32 bytes.

    Raises:
        MalformedError: it is none.
    """
    found = base64url(fields.text("nonce", most=_MAX_NONCE), f"{fields.where}: nonce")
    if len(found) != NONCE_BYTES:
        fields.refuse("nonce", f"got {len(found)} bytes, want {NONCE_BYTES}")
    return found
