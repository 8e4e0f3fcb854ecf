"""Binary records, declared once with the offsets and sizes that the specification prints.

A record is read by comparing two columns, its specification's table and this declaration; the
import fails unless the fields tile the record exactly.  Skipping reserved bytes means checking
them.  Knows no formats.

Source: house style, after Oak's and virtee's report structures (docs/design/adr/0014-records.md).
"""

from __future__ import annotations

import dataclasses
import struct
from typing import TYPE_CHECKING, Any, TypeVar, dataclass_transform

from enarx.errors import MalformedError
from enarx.wire.reader import not_zero

if TYPE_CHECKING:
    from collections.abc import Callable

    R = TypeVar("R")

_ORDERS = {"little": "<", "big": ">"}


@dataclasses.dataclass(frozen=True, slots=True)
class _Field:
    offset: int  # bytes from the start of the record
    size: int  # bytes
    code: str  # struct format
    decode: Callable[[Any], Any] | None = None
    encode: Callable[[Any], Any] | None = None
    zero: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class _Layout:
    packed: struct.Struct
    fields: tuple[tuple[str, _Field], ...]
    puts: tuple[Callable[[object, Any], None], ...]  # of the slots: a frozen record's __init__
    zeros: tuple[tuple[int, bytes], ...]  # (position in the tuple, what it must be)
    decoded: tuple[tuple[int, Callable[[Any], Any]], ...]


def u8(offset: int, decode: Callable[[int], Any] | None = None) -> Any:  # noqa: ANN401 - any type
    """Unsigned integer of 1 byte."""
    return _at(_Field(offset, 1, "B", decode, int))


def u16(offset: int, decode: Callable[[int], Any] | None = None) -> Any:  # noqa: ANN401
    """Unsigned integer of 2 bytes."""
    return _at(_Field(offset, 2, "H", decode, int))


def u32(offset: int, decode: Callable[[int], Any] | None = None) -> Any:  # noqa: ANN401
    """Unsigned integer of 4 bytes."""
    return _at(_Field(offset, 4, "I", decode, int))


def u64(offset: int, decode: Callable[[int], Any] | None = None) -> Any:  # noqa: ANN401
    """Unsigned integer of 8 bytes.

    *decode* may raise ValueError; what it makes must give the number back by ``int()``.
    """
    return _at(_Field(offset, 8, "Q", decode, int))


def raw(offset: int, size: int, decode: Callable[[bytes], Any] | None = None) -> Any:  # noqa: ANN401
    """*size* opaque bytes; what *decode* makes of them must give them back by ``bytes()``."""
    return _at(_Field(offset, size, f"{size}s", decode, bytes))


def zero(offset: int, size: int) -> Any:  # noqa: ANN401
    """*size* reserved bytes; anything but zero is malformed."""
    return _at(_Field(offset, size, f"{size}s", zero=True))


@dataclass_transform(
    frozen_default=True, kw_only_default=True, field_specifiers=(u8, u16, u32, u64, raw, zero)
)
def record(*, size: int, order: str = "little") -> Callable[[type[R]], type[R]]:
    """Make a frozen dataclass whose fields tile ``[0, size)`` exactly; checked at import.

    Args:
        size: bytes of the whole record.
        order: "little" or "big", the byte order of its integers.

    Raises:
        TypeError: at import, if there is a gap, an overlap or another total.
    """

    def wrap(cls: type[R]) -> type[R]:
        made: Any = dataclasses.dataclass(frozen=True, slots=True, kw_only=True)(cls)
        fields = tuple((f.name, f.metadata["wire"]) for f in dataclasses.fields(made))
        _must_tile(cls.__name__, fields, size)
        made.__wire__ = _Layout(
            struct.Struct(_ORDERS[order] + "".join(field.code for _, field in fields)),
            fields,
            tuple(getattr(made, name).__set__ for name, _ in fields),
            tuple((i, bytes(f.size)) for i, (_, f) in enumerate(fields) if f.zero),
            tuple((i, f.decode) for i, (_, f) in enumerate(fields) if f.decode),
        )
        return made  # type: ignore[no-any-return]

    return wrap


def unpack(cls: type[R], data: bytes, where: str = "") -> R:
    """Parse *data* as exactly one *cls*.

    Args:
        where: what to call the record in errors; its class's name if empty.

    Raises:
        MalformedError: wrong length, non-zero reserved bytes, or an undecodable field.
    """
    layout = _layout(cls)
    where = where or cls.__name__
    if len(data) != layout.packed.size:
        raise MalformedError(where, f"got {len(data)} bytes, want {layout.packed.size}")
    values = list(layout.packed.unpack(data))
    for index, nothing in layout.zeros:
        if values[index] != nothing:
            name, field = layout.fields[index]
            raise not_zero(values[index], f"{where}.{name}", field.offset)
    for index, decode in layout.decoded:
        try:
            values[index] = decode(values[index])
        except ValueError as e:
            name, field = layout.fields[index]
            raise MalformedError(f"{where}.{name}", str(e), offset=field.offset) from e
    made = object.__new__(cls)
    for put, value in zip(layout.puts, values, strict=True):
        put(made, value)
    return made


def pack(value: object) -> bytes:
    """The bytes of a record; reserved fields become zero.

    For making evidence (the simulated TEE) and for round trips in tests: what arrived is verified
    over the bytes that arrived, never over these.
    """
    layout = _layout(type(value))
    parts = [
        bytes(field.size) if field.encode is None else field.encode(getattr(value, name))
        for name, field in layout.fields
    ]
    for part, (name, field) in zip(parts, layout.fields, strict=True):
        if isinstance(part, bytes) and len(part) != field.size:
            raise ValueError(f"{type(value).__name__}.{name}: {len(part)} bytes, not {field.size}")
    return layout.packed.pack(*parts)


def size_of(cls: type) -> int:
    """Bytes of one *cls*."""
    return _layout(cls).packed.size


def offset_of(cls: type, name: str) -> int:
    """Where *name* begins in a *cls*, in bytes."""
    return next(field.offset for found, field in _layout(cls).fields if found == name)


def _layout(cls: type) -> _Layout:
    found: _Layout = cls.__wire__  # type: ignore[attr-defined]
    return found


def _at(spec: _Field) -> Any:  # noqa: ANN401 - a field specifier stands for any type
    return dataclasses.field(metadata={"wire": spec})


def _must_tile(cls: str, fields: tuple[tuple[str, _Field], ...], size: int) -> None:
    end = 0
    for name, field in fields:
        if field.offset != end:
            raise TypeError(f"{cls}.{name} declared at 0x{field.offset:x}, expected 0x{end:x}")
        end += field.size
    if end != size:
        raise TypeError(f"{cls}: fields end at 0x{end:x}, size is 0x{size:x}")
