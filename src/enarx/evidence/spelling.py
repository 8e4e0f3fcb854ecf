"""Evidence that was written as text for transport: hexadecimal, base64 or base64url, nothing else.

Only if the whole is that.  Line breaks are allowed, since the usual tools break lines; apart from
them there is one spelling of the same bytes.
"""

from __future__ import annotations

import re

from enarx.wire import text

_HEX = re.compile(rb"(?:0x)?[0-9A-Fa-f]+")
_BASE64 = re.compile(rb"[A-Za-z0-9+/]+={0,2}")
_BASE64URL = re.compile(rb"[A-Za-z0-9_-]+")
_BREAKS = b"\r\n"


def read(data: bytes, where: str) -> tuple[str, bytes] | None:
    """What the text is called, and its bytes; None if *data* is no such text.

    Raises:
        MalformedError: it can only be such text, and is not canonical.
    """
    whole = data.translate(None, _BREAKS)
    if _HEX.fullmatch(whole):
        return "hexadecimal text", text.hexadecimal(whole.decode().removeprefix("0x"), where)
    if _BASE64.fullmatch(whole):
        return "base64 text", text.base64(whole.decode(), where)
    if _BASE64URL.fullmatch(whole):
        return "base64url text", text.base64url(whole.decode(), where)
    return None
