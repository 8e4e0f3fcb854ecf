"""Intel's signed JSON: the exact bytes of the signed value, found without writing it anew.

An answer of the provisioning service is ``{"tcbInfo":<value>,"signature":"<hex>"}`` (or
``enclaveIdentity``).  The signature is over the bytes of the value as they were sent; spaces around
it are not part of it.

Source: Intel, Provisioning Certification Service API version 4, "Get TCB Info" and "Get Enclave
Identity".
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from enarx.errors import MalformedError
from enarx.wire.document import check_text
from enarx.wire.text import hexadecimal

if TYPE_CHECKING:
    from typing import NoReturn

MAX_BYTES = 1 << 20
"""Of one answer; the largest recorded one has 15 KiB."""

SIGNATURE_BYTES = 64

_BLANK = frozenset(" \t\r\n")
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedJson:
    """A value, still text, and the signature over it.

    Args:
        body: the signed bytes; JSON, of which only the extent is known.
        signature: ``r || s``, big-endian, 64 bytes.
    """

    body: bytes
    signature: bytes


def split(data: bytes, key: str, where: str) -> SignedJson:
    """Find the value of *key* and the signature over it; they are the only two keys.

    Whoever uses the value must read it with ``wire.document``, which is stricter.

    Raises:
        MalformedError: it is not that, in either order of the keys.
    """
    if len(data) > MAX_BYTES:
        raise MalformedError(where, f"got {len(data)} bytes, want at most {MAX_BYTES}")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as e:
        raise MalformedError(where, "is not UTF-8", offset=e.start) from e
    extents = _Scanner(text, where).members()
    if sorted(extents) != sorted((key, "signature")):
        got = ", ".join(map(repr, sorted(extents))) or "none"
        raise MalformedError(where, f"got the keys {got}, want {key!r} and 'signature'")
    begin, end = extents[key]
    signature = json.loads(text[slice(*extents["signature"])])
    digits = check_text(signature, f"{where}: signature", most=2 * SIGNATURE_BYTES)
    return SignedJson(
        body=text[begin:end].encode("utf-8"),
        signature=hexadecimal(digits, f"{where}: signature", size=SIGNATURE_BYTES),
    )


class _Scanner:
    """Walks over one JSON object and notes where each member's value begins and ends."""

    __slots__ = ("_at", "_text", "_where")

    def __init__(self, text: str, where: str) -> None:
        self._text, self._at, self._where = text, 0, where

    def members(self) -> dict[str, tuple[int, int]]:
        """Key to extent, in characters; nothing else is in the text."""
        found: dict[str, tuple[int, int]] = {}
        self._take("{")
        while True:
            key, _ = self._value()
            if not isinstance(key, str):
                self._refuse("want a key")
            if key in found:
                self._refuse(f"the key {key!r} occurs twice")
            self._take(":")
            _, found[key] = self._value()
            if self._take(",}") == "}":
                break
        self._skip()
        if self._at != len(self._text):
            self._refuse("something follows the object")
        return found

    def _value(self) -> tuple[object, tuple[int, int]]:
        self._skip()
        begin = self._at
        try:
            value, self._at = _DECODER.raw_decode(self._text, begin)
        except ValueError as e:
            raise MalformedError(self._where, f"is not JSON: {e}") from e
        except RecursionError as e:
            raise MalformedError(self._where, "is nested too deeply") from e
        return value, (begin, self._at)

    def _take(self, signs: str) -> str:
        self._skip()
        found = self._text[self._at : self._at + 1]
        if not found or found not in signs:
            self._refuse(f"got {found!r}, want {' or '.join(map(repr, signs))}")
        self._at += 1
        return found

    def _skip(self) -> None:
        while self._text[self._at : self._at + 1] in _BLANK:
            self._at += 1

    def _refuse(self, problem: str) -> NoReturn:
        raise MalformedError(self._where, f"is not the JSON of an answer: {problem}")
