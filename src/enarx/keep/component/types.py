"""The types of component values, and how a value of each crosses between guest and keep.

A value is 32 bytes (``wasmtime_component_val_t``): its kind in byte 0, its contents from byte 8.
``load`` reads one and checks the kind first, because a component may declare any type it likes
for an import: a number must never be taken for a pointer.  ``store`` makes one, whose parts the
engine's allocator owns; the engine checks it against the declared type and frees it.

Python's side: bool, int, str, bytes for list<u8>, tuple for list and tuple and record, str for
enum, frozenset for flags, (case, payload) for variant, None for an absent option or payload.

Source: wasmtime 50.0.1, crates/c-api/include/wasmtime/component/val.h; component model, WIT.md.
"""

from __future__ import annotations

import ctypes
import struct

from enarx.keep.component.resource import NAMES
from enarx.keep.engine.trap import Trap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from enarx.keep.component.resource import Resource
    from enarx.keep.component.values import Values

    Value = Any  # which Python type, the WIT type says

SIZE = 32
_ENTRY_SIZE = 48  # wasmtime_component_valrecord_entry_t: a name (16 bytes), a value

# wasmtime_component_valkind_t
KIND_BOOL, KIND_U8, KIND_U16, KIND_U32, KIND_U64 = 0, 2, 4, 6, 8
KIND_STRING, KIND_LIST, KIND_RECORD, KIND_TUPLE = 12, 13, 14, 15
KIND_VARIANT, KIND_ENUM, KIND_OPTION, KIND_RESULT = 16, 17, 18, 19
KIND_FLAGS, KIND_RESOURCE = 20, 21

_word = struct.Struct("<Q")
_two_words = struct.Struct("<QQ")
_number = struct.Struct("<B7xQ16x")  # kind, an integer or a pointer
_vector = struct.Struct("<B7xQQ8x")  # kind, size, pointer
_variant = struct.Struct("<B7xQQQ")  # kind, name's size and pointer, payload's pointer
_result = struct.Struct("<B7xB7xQ8x")  # kind, is ok, payload's pointer
_name = struct.Struct("<QQ")


class Type:
    """One type of the interfaces."""

    kind = -1

    def load(self, raw: bytes, at: int, values: Values) -> Value:
        """The Python value of the 32 bytes of *raw* from *at* on.

        Raises:
            Trap: the component declared another type for it.
        """
        raise NotImplementedError

    def store(self, value: Value, values: Values) -> bytes:
        """The 32 bytes for *value*, its parts allocated."""
        raise NotImplementedError

    def expect(self, raw: bytes, at: int) -> None:
        """Raise Trap unless the value at *at* is of this kind."""
        if raw[at] != self.kind:
            raise mistyped()


class Unsigned(Type):
    """``u8`` to ``u64``, and ``bool``."""

    def __init__(self, kind: int, bits: int) -> None:
        self.kind = kind
        self._mask = (1 << bits) - 1

    def load(self, raw: bytes, at: int, values: Values) -> int:
        """Only the type's own bytes are defined; the rest of the word is not."""
        self.expect(raw, at)
        word: int = _word.unpack_from(raw, at + 8)[0]
        return word & self._mask

    def store(self, value: int, values: Values) -> bytes:
        """A value out of range is a bug of ours: struct.error."""
        return _number.pack(self.kind, value)


BOOL = Unsigned(KIND_BOOL, 1)
U8 = Unsigned(KIND_U8, 8)
U16 = Unsigned(KIND_U16, 16)
U32 = Unsigned(KIND_U32, 32)
U64 = Unsigned(KIND_U64, 64)


class _String(Type):
    kind = KIND_STRING

    def load(self, raw: bytes, at: int, values: Values) -> str:
        self.expect(raw, at)
        return _load_name(raw, at + 8)

    def store(self, value: str, values: Values) -> bytes:
        return _vector.pack(KIND_STRING, *values.name(value.encode()))


STRING = _String()


class _Bytes(Type):
    """``list<u8>``, in bulk: one value of 32 bytes an element, copied with a stride."""

    kind = KIND_LIST

    def load(self, raw: bytes, at: int, values: Values) -> bytes:
        self.expect(raw, at)
        size, data = _two_words.unpack_from(raw, at + 8)
        if not size:
            return b""
        elements = ctypes.string_at(data, size * SIZE)
        if elements[0] != KIND_U8:
            raise mistyped()
        return elements[8::SIZE]

    def store(self, value: bytes | bytearray | memoryview, values: Values) -> bytes:
        return _vector.pack(KIND_LIST, *values.byte_list(value))


BYTES = _Bytes()


class List(Type):
    """``list<T>`` of anything but bytes."""

    kind = KIND_LIST

    def __init__(self, element: Type) -> None:
        self._element = element

    def load(self, raw: bytes, at: int, values: Values) -> tuple[Value, ...]:
        """Every element's type is checked: such lists are short."""
        self.expect(raw, at)
        size, data = _two_words.unpack_from(raw, at + 8)
        elements = ctypes.string_at(data, size * SIZE) if size else b""
        load = self._element.load
        return tuple(load(elements, index * SIZE, values) for index in range(size))

    def store(self, value: Value, values: Values) -> bytes:
        """*value* is any sequence."""
        store = self._element.store
        packed = b"".join([store(element, values) for element in value])
        return _vector.pack(KIND_LIST, *values.list_of(packed, len(value)))


class Tuple(Type):
    """``tuple<...>``."""

    kind = KIND_TUPLE

    def __init__(self, *parts: Type) -> None:
        self._parts = parts

    def load(self, raw: bytes, at: int, values: Values) -> tuple[Value, ...]:
        """As many parts as the type has."""
        self.expect(raw, at)
        size, data = _two_words.unpack_from(raw, at + 8)
        if size != len(self._parts):
            raise mistyped()
        inner = ctypes.string_at(data, size * SIZE)
        return tuple(part.load(inner, i * SIZE, values) for i, part in enumerate(self._parts))

    def store(self, value: Value, values: Values) -> bytes:
        """*value* has as many parts as the type."""
        packed = [part.store(v, values) for part, v in zip(self._parts, value, strict=True)]
        return _vector.pack(KIND_TUPLE, *values.tuple_of(b"".join(packed), len(packed)))


class Record(Type):
    """``record``: a Python tuple of the fields in the declared order."""

    kind = KIND_RECORD

    def __init__(self, **fields: Type) -> None:
        self._fields = {name.strip("_").replace("_", "-"): t for name, t in fields.items()}

    def load(self, raw: bytes, at: int, values: Values) -> tuple[Value, ...]:
        """Fields of other names, or in another order, are another type."""
        self.expect(raw, at)
        size, data = _two_words.unpack_from(raw, at + 8)
        if size != len(self._fields):
            raise mistyped()
        inner = ctypes.string_at(data, size * _ENTRY_SIZE)
        found = []
        for index, (name, field) in enumerate(self._fields.items()):
            entry = index * _ENTRY_SIZE
            if _load_name(inner, entry) != name:
                raise mistyped()
            found.append(field.load(inner, entry + 16, values))
        return tuple(found)

    def store(self, value: Value, values: Values) -> bytes:
        """*value* has one item a field."""
        packed = [
            _name.pack(*values.name(name.encode())) + field.store(v, values)
            for (name, field), v in zip(self._fields.items(), value, strict=True)
        ]
        return _vector.pack(KIND_RECORD, *values.record_of(b"".join(packed), len(packed)))


class Variant(Type):
    """``variant``: (case, payload); cases in the interface's order."""

    kind = KIND_VARIANT

    def __init__(self, **cases: Type | None) -> None:
        self._cases = {name.replace("_", "-"): payload for name, payload in cases.items()}

    def load(self, raw: bytes, at: int, values: Values) -> tuple[str, Value]:
        """The payload is loaded with its case's type."""
        self.expect(raw, at)
        case = _load_name(raw, at + 8)
        if case not in self._cases:
            raise mistyped()
        (pointer,) = _word.unpack_from(raw, at + 24)
        return case, load_payload(self._cases[case], pointer, values)

    def store(self, value: tuple[str, Value], values: Values) -> bytes:
        """A case that the type has not is a bug of ours: KeyError."""
        case, payload = value
        inner = store_payload(self._cases[case], payload, values)
        return _variant.pack(KIND_VARIANT, *values.name(case.encode()), inner)


class Enum(Type):
    """``enum``: the case's name."""

    kind = KIND_ENUM

    def __init__(self, cases: str) -> None:
        self.cases = frozenset(cases.split())

    def load(self, raw: bytes, at: int, values: Values) -> str:
        """A name that the type has not is another type."""
        self.expect(raw, at)
        case = _load_name(raw, at + 8)
        if case not in self.cases:
            raise mistyped()
        return case

    def store(self, value: str, values: Values) -> bytes:
        """The engine refuses a name that the type has not."""
        return _vector.pack(KIND_ENUM, *values.name(value.encode()))


class _Flags(Type):
    kind = KIND_FLAGS

    def load(self, raw: bytes, at: int, values: Values) -> frozenset[str]:
        self.expect(raw, at)
        size, data = _two_words.unpack_from(raw, at + 8)
        names = ctypes.string_at(data, size * 16) if size else b""
        return frozenset(_load_name(names, index * 16) for index in range(size))

    def store(self, value: frozenset[str], values: Values) -> bytes:
        names = b"".join([_name.pack(*values.name(name.encode())) for name in sorted(value)])
        return _vector.pack(KIND_FLAGS, *values.flags_of(names, len(value)))


FLAGS = _Flags()


class Option(Type):
    """``option<T>``: None or the value."""

    kind = KIND_OPTION

    def __init__(self, inner: Type) -> None:
        self._inner = inner

    def load(self, raw: bytes, at: int, values: Values) -> Value:
        """None where there is none."""
        self.expect(raw, at)
        (pointer,) = _word.unpack_from(raw, at + 8)
        return load_payload(self._inner, pointer, values) if pointer else None

    def store(self, value: Value, values: Values) -> bytes:
        """None is an absent value."""
        inner = 0 if value is None else values.box(self._inner.store(value, values))
        return _number.pack(KIND_OPTION, inner)


class Result(Type):
    """``result<ok, error>``; a host function returns the one and raises OSError for the other."""

    kind = KIND_RESULT

    def __init__(self, ok: Type | None = None, error: ErrorType | None = None) -> None:
        self._ok = ok
        self._error = error

    def load(self, raw: bytes, at: int, values: Values) -> bool:
        """Whether it is ok; no interface gives the keep a payload in a result."""
        self.expect(raw, at)
        return bool(raw[at + 8])

    def store(self, value: Value, values: Values) -> bytes:
        """The ok side."""
        return _result.pack(KIND_RESULT, 1, store_payload(self._ok, value, values))

    def store_error(self, error: OSError, values: Values) -> bytes:
        """The error side."""
        inner = 0
        if self._error is not None:
            inner = values.box(self._error.store(self._error.of(error), values))
        return _result.pack(KIND_RESULT, 0, inner)


class ErrorType(Type):
    """A type that can say what an OSError is in it."""

    def of(self, error: OSError) -> Value:
        """The value for *error*."""
        raise NotImplementedError


class Borrow(Type):
    """``borrow<R>``, and ``self`` of a method: the Python object behind the handle."""

    kind = KIND_RESOURCE

    def __init__(self, resource: type) -> None:
        self._resource = resource

    def load(self, raw: bytes, at: int, values: Values) -> Value:
        """A handle of another resource is another type."""
        self.expect(raw, at)
        found = values.resource(_word.unpack_from(raw, at + 8)[0])
        if not isinstance(found, self._resource):
            raise mistyped()
        return found


class Own(Type):
    """``own<R>``: as a result, the guest gets a handle, and its drop ends in ``close``.

    As a parameter it is the Python object, which the guest holds no longer and nobody closes.
    """

    kind = KIND_RESOURCE

    def __init__(self, resource: type[Resource]) -> None:
        self._resource = resource
        self._number = NAMES.index(resource.wit_name)

    def load(self, raw: bytes, at: int, values: Values) -> Value:
        """A handle of another resource is another type."""
        self.expect(raw, at)
        found = values.taken(_word.unpack_from(raw, at + 8)[0])
        if not isinstance(found, self._resource):
            raise mistyped()
        return found

    def store(self, value: Value, values: Values) -> bytes:
        """Enter *value* into the table of the guest's resources."""
        return _number.pack(KIND_RESOURCE, values.new_resource(value, self._number))


def mistyped() -> Trap:
    """The trap for a component that declares another type than the interface has."""
    return Trap("an imported function is declared with types that its interface does not have")


def _load_name(raw: bytes, at: int) -> str:
    size, data = _name.unpack_from(raw, at)
    return ctypes.string_at(data, size).decode() if size else ""


def load_payload(payload: Type | None, pointer: int, values: Values) -> Value:
    """The value at *pointer*, None where the type has none.

    Raises:
        Trap: there is one and the type has none, or the other way round.
    """
    if payload is None or not pointer:
        if payload is not None or pointer:
            raise mistyped()
        return None
    return payload.load(ctypes.string_at(pointer, SIZE), 0, values)


def store_payload(payload: Type | None, value: Value, values: Values) -> int:
    """The address of the stored value, 0 where the type has none."""
    return 0 if payload is None else values.box(payload.store(value, values))
