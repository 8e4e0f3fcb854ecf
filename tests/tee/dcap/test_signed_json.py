"""The signed slice of Intel's JSON: exactly the bytes that arrived."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.errors import MalformedError
from enarx.tee.dcap.signed_json import MAX_BYTES, split

SIGNATURE = "ab" * 64
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner),
    max_leaves=8,
)
BLANKS = st.text(" \t\r\n", max_size=3)


def answer(body: str, *, signature: str = f'"{SIGNATURE}"') -> bytes:
    """An answer of the service, as it writes it."""
    return f'{{"tcbInfo":{body},"signature":{signature}}}'.encode()


def test_as_the_service_writes_it() -> None:
    """Value and signature, in the order of the service."""
    found = split(answer('{"a":1}'), "tcbInfo", "x")
    assert (found.body, found.signature) == (b'{"a":1}', bytes.fromhex(SIGNATURE))


@given(
    value=JSON,
    blanks=st.tuples(*[BLANKS] * 9),
    indent=st.sampled_from([None, 0, 3]),
    ascii_only=st.booleans(),
    swapped=st.booleans(),
)
def test_the_slice_is_what_arrived(
    *, value: object, blanks: tuple[str, ...], indent: int | None, ascii_only: bool, swapped: bool
) -> None:
    """Whatever is around it, and however it is written, the value is cut out byte by byte."""
    body = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    b = blanks
    members = [f'"tcbInfo"{b[2]}:{b[3]}{body}{b[4]}', f'"signature"{b[5]}:{b[6]}"{SIGNATURE}"']
    if swapped:
        members.reverse()
    text = f"{b[0]}{{{b[1]}{members[0]},{b[7]}{members[1]}}}{b[8]}"
    found = split(text.encode(), "tcbInfo", "x")
    assert (found.body, found.signature) == (body.encode(), bytes.fromhex(SIGNATURE))


@pytest.mark.parametrize("trick", ['"}', '\\"', "\\u007d", '{"signature":"x"}', "}}", "\u00e9"])
def test_strings_do_not_end_the_slice(trick: str) -> None:
    """Braces, quotes and names inside of strings are text."""
    body = json.dumps({"x": trick, "signature": trick}, ensure_ascii=False)
    assert split(answer(body), "tcbInfo", "x").body == body.encode()


def test_an_escaped_key_is_the_key() -> None:
    """A key may be written with escapes, as JSON allows, and is compared decoded."""
    data = answer("1").replace(b"tcbInfo", b"tcb\\u0049nfo")
    assert split(data, "tcbInfo", "x").body == b"1"
    twice = b'{"tcbInfo":1,"tcb\\u0049nfo":2,"signature":"%s"}' % SIGNATURE.encode()
    with pytest.raises(MalformedError, match="occurs twice"):
        split(twice, "tcbInfo", "x")


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "got ''"),
        (b"[]", "got '\\['"),
        (b"{}", "is not JSON"),
        (b'{"tcbInfo":1}', "got the keys 'tcbInfo'"),
        (b'{"enclaveIdentity":1,"signature":"ab"}', "got the keys 'enclaveIdentity'"),
        (answer("1")[:-1] + b',"more":1}', "got the keys 'more'"),
        (answer("1")[:-1] + b',"tcbInfo":1}', "'tcbInfo' occurs twice"),
        (answer("1")[:-1] + b',"signature":1}', "'signature' occurs twice"),
        (answer("1") + b"x", "something follows"),
        (answer("1")[:-1], "got ''"),
        (b'{1:2,"signature":"ab"}', "want a key"),
        (b'{"tcbInfo" 1}', "want ':'"),
        (b'{"tcbInfo":1;"signature":"ab"}', "want ',' or '}'"),
        (answer("1,"), "is not JSON"),
        (answer("["), "is not JSON"),
        (answer("[" * 100_000), "nested too deeply"),
        (answer("1", signature="1"), "signature: got an integer"),
        (answer("1", signature='"ab"'), "got 1 bytes, want 64"),
        (answer("1", signature=f'"{"zz" * 64}"'), "not hexadecimal"),
        (answer("1", signature=f'"{"ab" * 65}"'), "130 characters"),
        (b"\xef\xbb\xbf" + answer("1"), r"got '\\ufeff'"),
        (answer("1")[:-1] + b"\xff}", "is not UTF-8"),
        (answer("1") + b" " * MAX_BYTES, "want at most"),
        (b"\x00" + answer("1"), "got"),
    ],
)
def test_anything_else_is_malformed(data: bytes, problem: str) -> None:
    """Two keys, each once, nothing around them; the signature is 64 bytes in hexadecimal."""
    with pytest.raises(MalformedError, match=problem):
        split(data, "tcbInfo", "x")


@given(junk=st.binary(max_size=200))
def test_junk_is_malformed(junk: bytes) -> None:
    """Whatever arrives is refused as malformed."""
    with pytest.raises(MalformedError):
        split(junk, "tcbInfo", "x")
