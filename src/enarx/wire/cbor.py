"""CBOR from untrusted hands, and the one encoding of what we make ourselves.

Decides shape only, and knows no tag, no message and no signature.  The decoder takes the generic
data model without what no format of this field uses and what would let one meaning have two
readings: keys of maps are integers, text or bytes, and none occurs twice.  Tags are kept, never
interpreted, bignums included.  Lengths may be indefinite, because devices send such (a NitroTPM's
document begins with 0xbf); ``canonical`` refuses that and every other second spelling.

A COSE signature covers byte strings, which arrive whole: nothing is encoded again to verify.

Sources: RFC 8949, sections 3 (encoding), 4.2.1 (core deterministic encoding), 5.6 (maps);
docs/design/adr/0018-cbor.md.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, NoReturn, Union

from enarx.errors import MalformedError
from enarx.wire.reader import Reader

if TYPE_CHECKING:
    from collections.abc import Iterator

Key = int | str | bytes
Value = Union[
    int, bytes, str, float, bool, None, tuple["Value", ...], Mapping[Key, "Value"], "Tag", "Simple"
]
"""What a data item becomes; arrays are tuples, maps keep the order in which they arrived."""

MAX_DEPTH = 32
"""Arrays, maps and tags inside each other; a CCA token, the deepest recorded item, has five."""

_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _TAG, _OTHER = range(8)  # major types
_DIRECT = 24  # the first additional information that is no value itself
_ARGUMENTS = {24: (1, 24), 25: (2, 1 << 8), 26: (4, 1 << 16), 27: (8, 1 << 32)}
"""Additional information to the size that follows, and the least number that needs it."""
_INDEFINITE = 31
_UNTIL_BREAK = -1
_BREAK = b"\xff"
_FLOATS = {25: (2, ">e"), 26: (4, ">f"), 27: (8, ">d")}
_DOUBLE = 27
_SHORT_FLOATS = tuple((n, form) for n, form in _FLOATS.items() if n != _DOUBLE)
_NAN = b"\xf9\x7e\x00"
_CONSTANTS: dict[int, bool | None] = {20: False, 21: True, 22: None}
_FIRST_LONG_SIMPLE = 32
_SIMPLE = frozenset((*range(_DIRECT), *range(_FIRST_LONG_SIMPLE, 1 << 8)))


@dataclass(frozen=True, slots=True)
class Tag:
    """A tagged item (RFC 8949, section 3.4); what the number means is the format's business."""

    number: int
    value: Value


@dataclass(frozen=True, slots=True)
class Simple:
    """A simple value that is neither false, true nor null (RFC 8949, section 3.3)."""

    number: int


UNDEFINED = Simple(23)


def decode(data: bytes, where: str, *, canonical: bool = False) -> Value:
    """*data* as exactly one data item.

    Args:
        canonical: refuse whatever ``encode`` would have written differently.

    Raises:
        MalformedError: not well-formed or not valid CBOR, nested deeper than ``MAX_DEPTH``, a key
            of another type or twice, or something follows the item.
    """
    return _Decoder(data, where, canonical=canonical).whole()


def encode(value: object) -> bytes:
    """*value* in core deterministic encoding: the only one that ``canonical`` accepts.

    Lists and every Mapping are taken, too.

    Raises:
        TypeError: no data item stands for such a value.
        ValueError: an integer of more than 64 bits, or text that is not Unicode.
    """
    if value is None or isinstance(value, bool | Simple):
        return _encode_simple(value)
    if isinstance(value, int):
        return _head(_UNSIGNED, value) if value >= 0 else _head(_NEGATIVE, -1 - value)
    if isinstance(value, float):
        return _encode_float(value)
    if isinstance(value, bytes):
        return _head(_BYTES, len(value)) + value
    if isinstance(value, str):
        text = value.encode("utf-8")
        return _head(_TEXT, len(text)) + text
    if isinstance(value, tuple | list):
        return _head(_ARRAY, len(value)) + b"".join(encode(item) for item in value)
    if isinstance(value, Mapping):
        pairs = sorted((_encode_key(key), encode(item)) for key, item in value.items())
        return _head(_MAP, len(pairs)) + b"".join(key + item for key, item in pairs)
    if isinstance(value, Tag):
        return _head(_TAG, value.number) + encode(value.value)
    raise TypeError(f"no data item for {type(value).__name__}")


class _Decoder:
    """One pass over one input; its work is bounded by the input's length."""

    __slots__ = ("_canonical", "_data", "_reader")

    def __init__(self, data: bytes, where: str, *, canonical: bool) -> None:
        self._data = data
        self._reader = Reader(data, where, "big")
        self._canonical = canonical

    def whole(self) -> Value:
        """The only item."""
        found = self._item(MAX_DEPTH)
        self._reader.end()
        return found

    def _item(self, depth: int) -> Value:
        """The next item; *depth* is how many levels may still be opened."""
        at = self._reader.offset
        head = self._reader.uint(1, "item")
        major, information = head >> 5, head & 0x1F
        if major == _OTHER:
            return self._other(information, at)
        argument = self._argument(major, information, at)
        if major == _UNSIGNED:
            return argument
        if major == _NEGATIVE:
            return -1 - argument
        if major == _BYTES:
            return b"".join(self._chunks(major, argument, at))
        if major == _TEXT:
            return "".join([self._text(chunk, at) for chunk in self._chunks(major, argument, at)])
        if not depth:
            self._refuse(f"nested deeper than {MAX_DEPTH}", at)
        if major == _ARRAY:
            return tuple([self._item(depth - 1) for _ in self._elements(argument, 1, at)])
        if major == _MAP:
            return self._map(argument, depth - 1, at)
        return Tag(argument, self._item(depth - 1))

    def _argument(self, major: int, information: int, at: int) -> int:
        """The head's argument; ``_UNTIL_BREAK`` for an indefinite length."""
        if information < _DIRECT:
            return information
        if information in _ARGUMENTS:
            size, least = _ARGUMENTS[information]
            found = self._reader.uint(size, "argument")
            if self._canonical and found < least:
                self._refuse(f"{found} is not in its shortest encoding", at)
            return found
        if information != _INDEFINITE or major not in (_BYTES, _TEXT, _ARRAY, _MAP):
            self._refuse(f"additional information {information} is reserved here", at)
        if self._canonical:
            self._refuse("indefinite length", at)
        return _UNTIL_BREAK

    def _chunks(self, major: int, size: int, at: int) -> Iterator[bytes]:
        """The parts of a string; each is a string of its own in the indefinite form."""
        if size != _UNTIL_BREAK:
            yield self._reader.take(size, "string")
            return
        for _ in self._elements(size, 1, at):
            inner = self._reader.offset
            head = self._reader.uint(1, "chunk")
            if head >> 5 != major or head & 0x1F == _INDEFINITE:
                self._refuse("a chunk of another kind", inner)
            yield self._reader.take(self._argument(major, head & 0x1F, inner), "chunk")

    def _text(self, chunk: bytes, at: int) -> str:
        try:
            return chunk.decode("utf-8")
        except UnicodeDecodeError:
            self._refuse("text is not UTF-8", at)

    def _map(self, size: int, depth: int, at: int) -> Mapping[Key, Value]:
        found: dict[Key, Value] = {}
        last = b""
        for _ in self._elements(size, 2, at):
            begin = self._reader.offset
            key = self._item(depth)
            if not isinstance(key, int | str | bytes) or isinstance(key, bool):
                self._refuse("a key is neither an integer nor a string", begin)
            if key in found:
                self._refuse(f"key {key!r:.60} occurs twice", begin)
            if self._canonical:
                encoded = self._data[begin : self._reader.offset]
                if encoded < last:
                    self._refuse("keys are not in their order", begin)
                last = encoded
            found[key] = self._item(depth)
        return MappingProxyType(found)

    def _elements(self, count: int, width: int, at: int) -> Iterator[None]:
        """As many turns as there are elements, each of *width* items, of a byte or more."""
        if count == _UNTIL_BREAK:
            while not self._at_break():
                yield
            return
        if count * width > self._reader.left:
            self._refuse(f"{count} elements in {self._reader.left} bytes", at)
        for _ in range(count):
            yield

    def _at_break(self) -> bool:
        begin = self._reader.offset
        if self._data[begin : begin + 1] != _BREAK:
            return False
        self._reader.take(1, "break")
        return True

    def _other(self, information: int, at: int) -> Value:
        """A float or a simple value."""
        if information in _FLOATS:
            size, code = _FLOATS[information]
            found: float = struct.unpack(code, self._reader.take(size, "float"))[0]
            if self._canonical and self._data[at : self._reader.offset] != _encode_float(found):
                self._refuse("a number that is not in its shortest encoding", at)
            return found
        if information > _DIRECT:
            self._refuse(f"additional information {information} is reserved here", at)
        number = self._reader.uint(1, "simple") if information == _DIRECT else information
        if information == _DIRECT and number < _FIRST_LONG_SIMPLE:
            self._refuse(f"simple value {number} in two bytes", at)
        return _CONSTANTS[number] if number in _CONSTANTS else Simple(number)

    def _refuse(self, problem: str, at: int) -> NoReturn:
        raise MalformedError(self._reader.where, problem, offset=at)


def _head(major: int, argument: int) -> bytes:
    if argument < _DIRECT:
        return bytes((major << 5 | argument,))
    for information, (size, _) in _ARGUMENTS.items():
        if argument < 1 << (8 * size):
            return bytes((major << 5 | information,)) + argument.to_bytes(size, "big")
    raise ValueError(f"{argument} has more than 64 bits")


def _encode_key(key: object) -> bytes:
    if isinstance(key, bool) or not isinstance(key, int | str | bytes):
        raise TypeError(f"a key cannot be {type(key).__name__}")
    return encode(key)


def _encode_simple(value: bool | Simple | None) -> bytes:  # noqa: FBT001 - the value to encode
    if isinstance(value, Simple):
        if value.number in _CONSTANTS or value.number not in _SIMPLE:
            raise ValueError(f"no simple value: {value.number}")
        return _head(_OTHER, value.number)
    return _head(_OTHER, next(n for n, constant in _CONSTANTS.items() if value is constant))


def _encode_float(value: float) -> bytes:
    """The shortest of the three forms that keeps the value; every NaN is one."""
    if value != value:  # noqa: PLR0124 - NaN
        return _NAN
    for information, (_, code) in _SHORT_FLOATS:
        try:
            packed = struct.pack(code, value)
        except OverflowError:
            continue
        if struct.unpack(code, packed)[0] == value:
            return bytes((_OTHER << 5 | information,)) + packed
    return bytes((_OTHER << 5 | _DOUBLE,)) + struct.pack(_FLOATS[_DOUBLE][1], value)
