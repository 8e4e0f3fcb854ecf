"""The cursor over untrusted bytes takes what is there, names what is not, and never goes back."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.errors import MalformedError
from enarx.wire.reader import Reader


def test_parts_are_taken_from_the_front() -> None:
    """Each take moves on by what it took; offset and rest add up to the whole."""
    reader = Reader(b"abcdef", "it")
    assert reader.take(2, "first") == b"ab"
    assert (reader.offset, reader.left) == (2, 4)
    assert reader.take(0, "nothing") == b""
    assert reader.rest() == b"cdef"
    assert (reader.offset, reader.left) == (6, 0)
    reader.end()


def test_taking_too_much_names_part_and_place() -> None:
    """One byte more than there is: what was wanted, where, and both sizes."""
    reader = Reader(b"abcdef", "quote")
    reader.take(4, "header")
    with pytest.raises(MalformedError) as caught:
        reader.take(3, "body")
    assert str(caught.value) == "quote.body at 0x4: got 2 bytes, want 3"
    assert caught.value.offset == 4
    assert reader.take(2, "body") == b"ef"


def test_a_negative_size_takes_nothing_and_does_not_go_back() -> None:
    """A size computed from hostile lengths can be below zero; that is malformed, too."""
    reader = Reader(b"abcdef", "it")
    reader.take(4, "header")
    with pytest.raises(MalformedError, match=r"it.body at 0x4: got 2 bytes, want -1"):
        reader.take(-1, "body")
    assert reader.offset == 4


@pytest.mark.parametrize(("order", "number"), [("little", 0x0201), ("big", 0x0102)])
def test_integers_have_the_readers_byte_order(order: str, number: int) -> None:
    """The order is the reader's, for plain integers and for lengths."""
    assert Reader(b"\1\2", "it", order).uint(2, "number") == number  # type: ignore[arg-type]
    little = order == "little"
    sized = Reader(b"\1\0a" if little else b"\0\1a", "it", order)  # type: ignore[arg-type]
    assert sized.sized(2, "text", most=1) == b"a"


def test_an_integer_can_be_missing() -> None:
    """A cut integer is malformed, not smaller."""
    with pytest.raises(MalformedError, match=r"it.number at 0x0: got 1 bytes, want 2"):
        Reader(b"\1", "it").uint(2, "number")


def test_a_sized_part_is_bounded_before_it_is_taken() -> None:
    """A length above the bound is refused at the length's place, whatever follows."""
    reader = Reader(b"x\5\0\0\0abcde", "it")
    reader.take(1, "x")
    with pytest.raises(MalformedError) as caught:
        reader.sized(4, "text", most=4)
    assert str(caught.value) == "it.text at 0x1: got length 5, want at most 4"
    assert Reader(b"\5abcde", "it").sized(1, "text", most=5) == b"abcde"


def test_a_sized_part_must_be_there() -> None:
    """A length that promises more than there is, and a length that is cut, are named apart."""
    with pytest.raises(MalformedError, match=r"it.text at 0x1: got 3 bytes, want 5"):
        Reader(b"\5abc", "it").sized(1, "text", most=9)
    with pytest.raises(MalformedError, match=r"it.text length at 0x0: got 1 bytes, want 2"):
        Reader(b"\5", "it").sized(2, "text", most=9)


def test_reserved_bytes_must_be_zero() -> None:
    """Zeros pass and are taken; anything else is named at its beginning."""
    reader = Reader(bytes(4) + b"\0\1\0", "it")
    reader.zeros(4, "reserved")
    with pytest.raises(MalformedError) as caught:
        reader.zeros(3, "reserved too")
    assert str(caught.value) == "it.reserved too at 0x4: reserved, got 000100, want zero"


@pytest.mark.parametrize(
    ("size", "place", "problem"),
    [
        (32, 31, f"it.end at 0x0: reserved, got {'00' * 31}ff, want zero"),
        (33, 32, "it.end at 0x20: reserved, got ff, want zero"),
        (9_000, 0, "it.end at 0x0: reserved, got ff, want zero"),
    ],
)
def test_of_many_reserved_bytes_the_first_wrong_one_is_told(
    size: int, place: int, problem: str
) -> None:
    """An error about kilobytes is one short line that names the place."""
    data = bytes(place) + b"\xff" + bytes(size - place - 1)
    with pytest.raises(MalformedError) as caught:
        Reader(data, "it").zeros(size, "end")
    assert str(caught.value) == problem


def test_trailing_bytes_are_counted() -> None:
    """What nobody took is malformed."""
    reader = Reader(b"abc", "it")
    reader.take(1, "first")
    with pytest.raises(MalformedError) as caught:
        reader.end()
    assert str(caught.value) == "it at 0x1: 2 trailing bytes"


STEPS = st.lists(
    st.tuples(st.sampled_from(["take", "uint", "sized", "zeros"]), st.integers(-2, 9)), max_size=8
)


@given(st.binary(max_size=40), STEPS)
def test_no_sequence_of_takes_leaves_the_data(data: bytes, steps: list[tuple[str, int]]) -> None:
    """Whatever is asked: our error or progress inside the data, and never a step back."""
    reader = Reader(data, "it")
    at = 0
    for kind, size in steps:
        with suppress(MalformedError):
            if kind == "sized":
                reader.sized(max(size, 0), "part", most=20)
            else:
                getattr(reader, kind)(size, "part")
        assert at <= reader.offset <= len(data)
        assert reader.offset + reader.left == len(data)
        at = reader.offset
