"""``result`` as a value among others, as ``wasi:http`` nests it."""

from __future__ import annotations

import struct

from enarx.keep.component.types import KIND_RESULT, Type, load_payload, store_payload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enarx.keep.component.types import Value
    from enarx.keep.component.values import Values

_pointer = struct.Struct("<Q")
_result = struct.Struct("<B7xB7xQ8x")  # kind, is ok, payload's pointer


class Either(Type):
    """``result<ok, error>`` as a value among others: (whether it is ok, the payload)."""

    kind = KIND_RESULT

    def __init__(self, ok: Type | None = None, error: Type | None = None) -> None:
        self._sides = (error, ok)

    def load(self, raw: bytes, at: int, values: Values) -> tuple[bool, Value]:
        """The side's payload is loaded with its type."""
        self.expect(raw, at)
        ok = bool(raw[at + 8])
        (pointer,) = _pointer.unpack_from(raw, at + 16)
        return ok, load_payload(self._sides[ok], pointer, values)

    def store(self, value: tuple[bool, Value], values: Values) -> bytes:
        """Either side."""
        ok, payload = value
        inner = store_payload(self._sides[ok], payload, values)
        return _result.pack(KIND_RESULT, ok, inner)
