"""DER through the library's strict decoder: every other encoding is our error."""

from __future__ import annotations

from contextlib import suppress

import pytest
from cryptography.hazmat import asn1
from hypothesis import given
from hypothesis import strategies as st

from enarx.errors import MalformedError
from enarx.wire import der

OID = bytes.fromhex("06032a0304")  # 1.2.3.4
OTHER = bytes.fromhex("06032a0305")  # 1.2.3.5


@asn1.sequence
class Pair:
    """A declared sequence."""

    number: int
    text: bytes


def test_a_declared_sequence_is_read() -> None:
    """Types come from the declaration."""
    found = der.decode(Pair, bytes.fromhex("3006020105040161"), "pair")
    assert (found.number, found.text) == (5, b"a")


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param("", id="nothing"),
        pytest.param("30060201050401", id="cut"),
        pytest.param("300602010504016100", id="trailing byte"),
        pytest.param("308106020105040161", id="length in the long form"),
        pytest.param("30800201050401610000", id="indefinite length"),
        pytest.param("300702020005040161", id="number with a leading zero"),
        pytest.param("3006040161020105", id="another order"),
        pytest.param("3009020105040161020101", id="a third element"),
        pytest.param("3003020105", id="only one element"),
        pytest.param("3106020105040161", id="a set"),
    ],
)
def test_another_encoding_is_malformed(wrong: str) -> None:
    """BER, other tags, missing and additional elements are refused, with the place."""
    with pytest.raises(MalformedError, match=r"^pair: not the DER of its type") as caught:
        der.decode(Pair, bytes.fromhex(wrong), "pair")
    assert "\n" not in str(caught.value)


def test_a_huge_number_is_malformed() -> None:
    """A number that Python would refuse to print is refused where it is read."""
    most = der.encode((1 << der.MAX_INTEGER_BITS) - 1)
    more = der.encode(1 << der.MAX_INTEGER_BITS)
    assert str(der.decode(int, most, "number"))
    with pytest.raises(MalformedError, match=r"^number: a number of more than 4096 bits$"):
        der.decode(int, more, "number")
    attribute = der.decode(der.Attribute, der.sequence(OID, more), "attribute")
    with pytest.raises(MalformedError, match=r"^number: a number of more than 4096 bits$"):
        der.inner(int, attribute.value, "number")


def test_attributes_are_found_by_identifier() -> None:
    """A list of pairs becomes a mapping; values are read as their type asks."""
    value = der.sequence(
        der.sequence(OID, der.encode(7)), der.sequence(OTHER, der.encode(b"octets"))
    )
    found = der.attributes(value, "extension")
    assert list(found) == ["1.2.3.4", "1.2.3.5"]
    assert der.inner(int, found["1.2.3.4"], "number") == 7
    assert der.inner(bytes, found["1.2.3.5"], "octets") == b"octets"
    with pytest.raises(MalformedError, match=r"^text: not the DER of its type"):
        der.inner(str, found["1.2.3.4"], "text")


def test_an_identifier_occurs_once() -> None:
    """Of two values nobody could say which one counts."""
    one = der.sequence(OID, der.encode(7))
    with pytest.raises(MalformedError, match=r"^it: an object identifier occurs twice$"):
        der.attributes(der.sequence(one, one), "it")


def test_what_is_no_list_of_attributes_is_malformed() -> None:
    """Neither one attribute alone, nor two lists, nor nothing."""
    one = der.sequence(der.sequence(OID, der.encode(7)))
    assert der.attributes(der.sequence(), "empty") == {}
    for wrong in (b"", one + one, der.sequence(OID, der.encode(7)), der.encode(7)):
        with pytest.raises(MalformedError):
            der.attributes(wrong, "it")


def test_attributes_inside_attributes() -> None:
    """A value that is a list itself is read the same way."""
    inner = der.sequence(der.sequence(OID, der.encode(7)))
    outer = der.attributes(der.sequence(der.sequence(OTHER, inner)), "outer")
    assert der.element(outer["1.2.3.5"]) == inner
    found = der.inner_attributes(outer["1.2.3.5"], "inner")
    assert der.inner(int, found["1.2.3.4"], "number") == 7
    flat = der.attributes(der.sequence(der.sequence(OID, der.encode(7))), "flat")
    with pytest.raises(MalformedError):
        der.inner_attributes(flat["1.2.3.4"], "no list")


@pytest.mark.parametrize("size", [0, 1, 0x7F, 0x80, 0xFF, 0x100, 0xFFFF, 0x10000])
def test_lengths_are_the_shortest(size: int) -> None:
    """Around each step of the length's form, an element is rebuilt as the library encodes it."""
    encoded = der.encode(bytes(size))
    attribute = der.decode(der.Attribute, der.sequence(OID, encoded), "attribute")
    assert der.element(attribute.value) == encoded


@given(st.binary(max_size=60))
def test_junk_raises_only_our_error(data: bytes) -> None:
    """Whatever arrives is a value or MalformedError, for each entry of the module."""
    for cls in (int, bytes, str, Pair, der.Attribute):
        with suppress(MalformedError):
            der.decode(cls, data, "junk")
    with suppress(MalformedError):
        for value in der.attributes(data, "junk").values():
            der.inner_attributes(value, "junk")


@given(st.integers(min_value=-(2**200), max_value=2**200), st.binary(max_size=300))
def test_what_is_written_is_read(number: int, text: bytes) -> None:
    """Numbers and octets survive the round trip."""
    encoded = der.sequence(der.encode(number), der.encode(text))
    found = der.decode(Pair, encoded, "pair")
    assert (found.number, found.text) == (number, text)
