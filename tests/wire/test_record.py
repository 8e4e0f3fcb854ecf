"""Declared records: the declaration is checked at import, and everything else at each byte."""

from __future__ import annotations

import dataclasses
from contextlib import suppress
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.errors import MalformedError
from enarx.wire.record import (
    offset_of,
    pack,
    raw,
    record,
    size_of,
    u8,
    u16,
    u32,
    u64,
    unpack,
    zero,
)

SIZE = 0x18


@dataclass(frozen=True, slots=True)
class Flags:
    """An integer with a meaning; 0xff is not one."""

    bits: int

    @staticmethod
    def decode(bits: int) -> Flags:
        """What the integer means."""
        if bits == 0xFF:
            raise ValueError("all flags at once")
        return Flags(bits)

    def __int__(self) -> int:
        return self.bits


@dataclass(frozen=True, slots=True)
class Name:
    """Bytes with a meaning."""

    text: str

    @staticmethod
    def decode(data: bytes) -> Name:
        """What the bytes mean; only ASCII means anything."""
        return Name(data.decode("ascii"))  # UnicodeDecodeError is a ValueError

    def __bytes__(self) -> bytes:
        return self.text.encode("ascii")


@record(size=SIZE)
class Little:
    """Each kind of field once."""

    version: int = u8(0x00)
    flags: Flags = u8(0x01, Flags.decode)
    short: int = u16(0x02)
    word: int = u32(0x04)
    long: int = u64(0x08)
    reserved_10: bytes = zero(0x10, 4)
    name: Name = raw(0x14, 4, Name.decode)


@record(size=14, order="big")
class Big:
    """The integers of the other byte order."""

    short: int = u16(0)
    word: int = u32(2)
    long: int = u64(6)


VALUE = Little(
    version=1,
    flags=Flags(2),
    short=0x0403,
    word=0x08070605,
    long=0x100F0E0D0C0B0A09,
    reserved_10=bytes(4),
    name=Name("milk"),
)
BYTES = bytes(range(1, 17)) + bytes(4) + b"milk"


def test_each_field_is_read_from_its_offset() -> None:
    """Integers are little-endian, bytes stay bytes, and what has a meaning gets it."""
    assert unpack(Little, BYTES) == VALUE


def test_the_byte_order_is_the_declared_one() -> None:
    """A big-endian record reads and writes big-endian integers."""
    value = Big(short=0x0102, word=0x03040506, long=0x0708090A0B0C0D0E)
    assert unpack(Big, bytes(range(1, 15))) == value
    assert pack(value) == bytes(range(1, 15))


def test_what_was_read_can_be_written() -> None:
    """``pack`` gives the bytes back that ``unpack`` read."""
    assert pack(VALUE) == BYTES


def test_reserved_bytes_are_written_as_zero() -> None:
    """A value cannot smuggle anything into reserved bytes."""
    assert pack(dataclasses.replace(VALUE, reserved_10=b"evil")) == BYTES


@given(st.binary(min_size=SIZE, max_size=SIZE))
def test_every_accepted_record_is_written_as_it_came(data: bytes) -> None:
    """Whatever arrives is refused with our error, or is exactly what ``pack`` makes of it."""
    with suppress(MalformedError):
        assert pack(unpack(Little, data)) == data


@given(st.integers(min_value=0, max_value=SIZE * 8 - 1))
def test_every_bit_is_refused_or_visible(bit: int) -> None:
    """No single bit of a record can change without an error or another value."""
    flipped = bytearray(BYTES)
    flipped[bit // 8] ^= 1 << bit % 8
    with suppress(MalformedError):
        assert unpack(Little, bytes(flipped)) != VALUE


@pytest.mark.parametrize("size", [0, 1, SIZE - 1, SIZE + 1, 2 * SIZE])
def test_another_size_is_malformed(size: int) -> None:
    """One byte short, one byte long and nothing at all are refused, with both sizes."""
    with pytest.raises(MalformedError) as caught:
        unpack(Little, bytes(size))
    assert str(caught.value) == f"Little: got {size} bytes, want {SIZE}"


@pytest.mark.parametrize("place", range(0x10, 0x14))
def test_each_reserved_byte_is_checked(place: int) -> None:
    """A reserved byte that is not zero is named with its field and its offset."""
    data = bytearray(BYTES)
    data[place] = 0x80
    with pytest.raises(MalformedError) as caught:
        unpack(Little, bytes(data), "report")
    assert caught.value.where == "report.reserved_10"
    assert caught.value.offset == 0x10
    assert caught.value.problem == f"reserved, got {bytes(data[0x10:0x14]).hex()}, want zero"


def test_a_field_that_cannot_be_decoded_is_named() -> None:
    """What a decoder dislikes is malformed at the field's offset, with the decoder's words."""
    with pytest.raises(MalformedError) as caught:
        unpack(Little, BYTES[:1] + b"\xff" + BYTES[2:])
    assert str(caught.value) == "Little.flags at 0x1: all flags at once"


def test_reserved_bytes_come_before_meanings() -> None:
    """The shape is refused before any decoder sees a field of it."""
    data = BYTES[:1] + b"\xff" + BYTES[2:0x10] + b"\1" + BYTES[0x11:]
    with pytest.raises(MalformedError, match="reserved_10"):
        unpack(Little, data)


def test_values_cannot_change() -> None:
    """A record is frozen and has no room for other attributes."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        VALUE.version = 2  # type: ignore[misc]
    assert not hasattr(VALUE, "__dict__")


def test_sizes_and_offsets_can_be_asked() -> None:
    """Callers take sizes and offsets from the declaration instead of repeating them."""
    assert size_of(Little) == SIZE
    assert size_of(Big) == 14
    assert {f.name: offset_of(Little, f.name) for f in dataclasses.fields(Little)} == {
        "version": 0x00, "flags": 0x01, "short": 0x02, "word": 0x04,
        "long": 0x08, "reserved_10": 0x10, "name": 0x14,
    }  # fmt: skip


def test_bytes_of_another_size_are_not_written() -> None:
    """``struct`` would cut or fill them in silence."""
    for text in ("cow", "horse"):
        with pytest.raises(ValueError, match=rf"Little.name: {len(text)} bytes, not 4"):
            pack(dataclasses.replace(VALUE, name=Name(text)))


def test_a_gap_stops_the_import() -> None:
    """A field that begins later than the one before ends is refused when it is declared."""
    with pytest.raises(TypeError, match=r"Gap.second declared at 0x2, expected 0x1"):

        @record(size=3)
        class Gap:
            first: int = u8(0)
            second: int = u8(2)


def test_an_overlap_stops_the_import() -> None:
    """A field that begins before the one before it ends is refused when it is declared."""
    with pytest.raises(TypeError, match=r"Overlap.second declared at 0x1, expected 0x2"):

        @record(size=3)
        class Overlap:
            first: int = u16(0)
            second: int = u16(1)


@pytest.mark.parametrize("size", [1, 3])
def test_another_total_stops_the_import(size: int) -> None:
    """Fields that end before or after the specification's size are refused when declared."""
    with pytest.raises(TypeError, match=rf"Total: fields end at 0x2, size is 0x{size}"):

        @record(size=size)
        class Total:
            only: int = u16(0)
