"""Hexadecimal, base64, PEM and instants have one spelling; every other one is malformed."""

from __future__ import annotations

import base64
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.errors import MalformedError
from enarx.wire import text


@given(st.binary(max_size=40))
def test_bytes_survive_each_spelling(data: bytes) -> None:
    """What is written in hexadecimal, base64 and base64url is read back."""
    assert text.hexadecimal(data.hex(), "it") == data
    assert text.hexadecimal(data.hex().upper(), "it", size=len(data)) == data
    assert text.base64(base64.b64encode(data).decode(), "it") == data
    assert text.base64url(text.to_base64url(data), "it") == data


@given(st.text(max_size=20) | st.text(alphabet="AQgw09+/-_= \n\0\u0660", max_size=12))
def test_no_two_texts_are_the_same_bytes(value: str) -> None:
    """A text that is accepted is exactly what its bytes are written as."""
    with suppress(MalformedError):
        assert base64.b64encode(text.base64(value, "it")).decode() == value
    with suppress(MalformedError):
        assert text.to_base64url(text.base64url(value, "it")) == value
    with suppress(MalformedError):
        assert text.hexadecimal(value, "it").hex() == value.lower()


@pytest.mark.parametrize("wrong", ["0", "0g", "0x00", " 00", "00\n", "0 0", "\u0660\u0660"])
def test_not_hexadecimal(wrong: str) -> None:
    """Half a byte, prefixes, blanks and digits of other scripts are refused."""
    with pytest.raises(MalformedError, match=r"^it: not hexadecimal digits$"):
        text.hexadecimal(wrong, "it")


def test_hexadecimal_of_another_size() -> None:
    """Where the size is fixed, both sizes are named."""
    with pytest.raises(MalformedError, match=r"^it: got 2 bytes, want 3$"):
        text.hexadecimal("0001", "it", size=3)


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        pytest.param("QUI", "not base64", id="no padding"),
        pytest.param("QUI==", "not base64", id="too much padding"),
        pytest.param("QUJ=", "not canonical base64", id="unused bits"),
        pytest.param("QUI=\n", "not base64", id="line end"),
        pytest.param("-_-_", "not base64", id="the other alphabet"),
        pytest.param("QU\u0130=", "not base64", id="no ASCII"),
        pytest.param("\ud800AAA", "not base64", id="half a character"),
    ],
)
def test_not_base64(wrong: str, problem: str) -> None:
    """Padding, alphabet and unused bits must be the canonical ones."""
    with pytest.raises(MalformedError) as caught:
        text.base64(wrong, "it")
    assert str(caught.value) == f"it: {problem}"


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        pytest.param("QUI=", "not canonical base64", id="padding"),
        pytest.param("QUJ", "not canonical base64", id="unused bits"),
        pytest.param("+/+/", "not canonical base64", id="the other alphabet"),
        pytest.param("A", "not base64", id="six bits"),
        pytest.param("QQ QQ", "not base64", id="blank"),
    ],
)
def test_not_base64url(wrong: str, problem: str) -> None:
    """The alphabet of base64url, and no padding."""
    with pytest.raises(MalformedError) as caught:
        text.base64url(wrong, "it")
    assert str(caught.value) == f"it: {problem}"


@pytest.mark.parametrize(
    "right", ["2026-01-31T01:02:03Z", "2026-01-31t01:02:03z", "2026-01-31T01:02:03.999999999Z"]
)
def test_instants_are_read_to_the_second(right: str) -> None:
    """RFC 3339 in UTC, in either case; a fraction is cut off."""
    assert text.instant(right, "it") == datetime(2026, 1, 31, 1, 2, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "2026-01-31",
        "2026-01-31T01:02:03",
        "2026-01-31T01:02:03+00:00",
        "2026-01-31 01:02:03Z",
        "2026-1-31T01:02:03Z",
        "2026-01-31T01:02:03.Z",
        "2026-01-31T01:02:03.0123456789Z",
        "2026-01-31T01:02:03Z\n",
        "\u0662026-01-31T01:02:03Z",
    ],
)
def test_not_an_instant(wrong: str) -> None:
    """Offsets, missing parts and other digits are refused, with an example of what is right."""
    with pytest.raises(MalformedError, match=r"want a time like 2026-01-31T00:00:00Z$") as caught:
        text.instant(wrong, "it")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "wrong", ["2026-02-30T00:00:00Z", "2026-01-01T24:00:00Z", "2016-12-31T23:59:60Z",
              "0000-01-01T00:00:00Z"]
)  # fmt: skip
def test_no_such_time(wrong: str) -> None:
    """Days and hours that do not exist, and leap seconds, which datetime cannot hold."""
    with pytest.raises(MalformedError, match=r"^it: no such time: "):
        text.instant(wrong, "it")


def test_a_long_text_is_not_repeated_whole() -> None:
    """An error about a megabyte is one short line."""
    with pytest.raises(MalformedError) as caught:
        text.instant("x" * 1_000_000, "it")
    assert len(str(caught.value)) < 120


def pem(label: str, data: bytes) -> bytes:
    """One block, in lines of 64."""
    return f"-----BEGIN {label}-----\n{wrapped(data)}\n-----END {label}-----\n".encode()


def wrapped(data: bytes) -> str:
    """Base64 in lines of 64."""
    whole = base64.b64encode(data).decode()
    return "\n".join(whole[at : at + 64] for at in range(0, len(whole), 64))


BLOCKS = st.lists(
    st.tuples(st.from_regex(r"[A-Z0-9 ]{1,40}", fullmatch=True), st.binary(max_size=99)), max_size=4
)


@given(BLOCKS, st.sampled_from([b"", b"\0", b" \r\n\t\0\0"]))
def test_blocks_are_read_in_their_order(blocks: list[tuple[str, bytes]], blank: bytes) -> None:
    """Every block's label and bytes, whatever blanks stand between, before and after."""
    data = blank + b"".join(pem(*block) + blank for block in blocks)
    assert text.pem_blocks(data, "chain") == tuple(blocks)


@given(st.binary(max_size=200))
def test_blocks_are_written_in_lines_of_64(data: bytes) -> None:
    """``to_pem`` writes what this file's own writing of RFC 7468 gives, and it is read back."""
    written = text.to_pem("A CERTIFICATE", data)
    assert written == (pem("A CERTIFICATE", data) if data else written)
    assert text.pem_blocks(written, "chain") == (("A CERTIFICATE", data),)
    assert max(map(len, written.splitlines())) <= 64


def test_lines_may_end_as_they_like() -> None:
    """CR LF, one long line, and no line end before the end are the same block."""
    body = base64.b64encode(b"twelve bytes")
    for form in (
        b"-----BEGIN A-----\r\n%b\r\n-----END A-----",
        b"-----BEGIN A-----%b-----END A-----",
    ):
        assert text.pem_blocks(form % body, "chain") == (("A", b"twelve bytes"),)


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        (b"x", "chain at 0x0: neither a PEM block nor blank"),
        (pem("A", b"a") + b"x", "chain at 0x27: neither a PEM block nor blank"),
        (b"\n-----BEGIN a-----\n-----END a-----", "chain at 0x1: neither a PEM block nor blank"),
        (b"-----BEGIN A-----\nYQ==\n", "chain at 0x0: PEM block 'A' has no end"),
        (b"-----BEGIN A-----\nYQ==\n-----END B-----", "chain at 0x0: PEM block 'A' has no end"),
        (b"-----BEGIN A-----\n\xff\n-----END A-----", "chain at 0x0: PEM block is not ASCII"),
        (b"-----BEGIN A-----\nYQ\n-----END A-----", "chain: not base64"),
        (b"-----BEGIN A-----\nYR==\n-----END A-----", "chain: not canonical base64"),
        (b"-----BEGIN A-----\nProc-Type: 4\n\nYQ==\n-----END A-----", "chain: not base64"),
    ],
)
def test_damaged_blocks(wrong: bytes, problem: str) -> None:
    """What stands between blocks, what does not end and what is no base64 is named."""
    with pytest.raises(MalformedError) as caught:
        text.pem_blocks(wrong, "chain")
    assert str(caught.value) == problem


def test_the_number_of_blocks_is_bounded() -> None:
    """One more than the most is refused at its place; exactly the most is not."""
    assert len(text.pem_blocks(pem("A", b"a") * 3, "chain", most=3)) == 3
    with pytest.raises(MalformedError, match=r"^chain at 0x75: more than 3 PEM blocks$"):
        text.pem_blocks(pem("A", b"a") * 4, "chain", most=3)


@given(st.binary(max_size=80), st.integers(0, 60))
def test_a_damaged_block_raises_only_our_error(junk: bytes, at: int) -> None:
    """Junk anywhere in a block is our error, or blanks."""
    whole = pem("CERTIFICATE", b"some bytes")
    with suppress(MalformedError):
        text.pem_blocks(whole[:at] + junk + whole[at:], "chain")


def test_pem_is_recognised_by_its_beginning() -> None:
    """Leading blanks do not matter; DER does not begin like that."""
    assert text.is_pem(b"\r\n\0-----BEGIN CERTIFICATE-----")
    assert not text.is_pem(b"0\x82\x01\x00")
    assert not text.is_pem(b"text -----BEGIN ")
