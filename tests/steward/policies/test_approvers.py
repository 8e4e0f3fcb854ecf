"""Who must approve: names, keys and a threshold, and what cannot be such a document."""

from __future__ import annotations

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from enarx.errors import MalformedError
from enarx.steward.policies import statement
from enarx.steward.policies.approvers import PROFILE, SMALL_ORDER, Approvers, parse
from enarx.steward.policies.statement import Change
from enarx.wire import canonical
from enarx.wire.text import to_base64url

KEY = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
"""Of RFC 8032, section 7.1, test 1."""
OTHER = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")


def document(threshold: object = 1, **keys: object) -> bytes:
    """Such a document, or nearly."""
    return canonical.encode({"keys": keys, "profile": PROFILE, "threshold": threshold})


def test_a_document_is_read_as_it_was_written() -> None:
    """Names, keys and threshold survive."""
    found = Approvers(threshold=2, keys={"alice": KEY, "bob-2.x": OTHER})
    assert parse(found.encode()) == found


def test_nobody_must_be_said() -> None:
    """A threshold of 0 goes with no keys, and has to stand there."""
    assert parse(document(0)) == Approvers(threshold=0, keys={})
    with pytest.raises(MalformedError, match="threshold"):
        parse(canonical.encode({"keys": {}, "profile": PROFILE}))


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (document(1), "got 1, want 0, for no keys"),
        (document(0, a=to_base64url(KEY)), "got 0, want 1 to 1, for 1 keys"),
        (document(2, a=to_base64url(KEY)), "got 2, want 1 to 1, for 1 keys"),
        (document("1", a=to_base64url(KEY)), "a string"),
        (document(1, a=to_base64url(KEY), b=to_base64url(KEY)), "one key approves once"),
        (document(1, A=to_base64url(KEY)), "want a name"),
        (document(1, a=to_base64url(KEY[:-1])), "got 31 bytes"),
        (document(1, a="x" * 65), "want 32 bytes"),
        (document(1, a=1), "a string"),
        (document(1, **{f"a{n}": to_base64url(KEY) for n in range(101)}), "101"),
        (b" " + document(0), "canonical"),
        (b"[]", "object"),
        (b"x" * 65_537, "65537 bytes"),
    ],
)
def test_what_is_no_document(data: bytes, problem: str) -> None:
    """Too few could approve, one could approve twice, or it has a second spelling."""
    with pytest.raises(MalformedError, match=problem):
        parse(data)


@given(
    st.binary(max_size=200) | st.dictionaries(st.text(), st.integers(0, 9)).map(canonical.encode)
)
def test_any_bytes_end_in_our_error(data: bytes) -> None:
    """Nothing but MalformedError comes out of what is no document."""
    with pytest.raises(MalformedError):
        parse(data)
    with pytest.raises(MalformedError):
        statement.parse(data)


@pytest.mark.parametrize("key", sorted(SMALL_ORDER))
@pytest.mark.parametrize("sign", [0, 0x80])
def test_a_key_that_everybody_signs_for_is_refused(key: bytes, sign: int) -> None:
    """Each of them is refused with either sign."""
    signed = key[:-1] + bytes((key[-1] | sign,))
    with pytest.raises(MalformedError, match="everybody can sign"):
        parse(document(1, a=to_base64url(signed)))


@pytest.mark.parametrize("key", sorted(SMALL_ORDER))
def test_such_keys_would_indeed_verify(key: bytes) -> None:
    """Without a private key, one of a few signatures passes: the refusal is not for nothing."""
    public = Ed25519PublicKey.from_public_bytes(key)

    def verifies(point: bytes, message: bytes) -> bool:
        try:
            public.verify(point + bytes(32), message)
        except InvalidSignature:
            return False
        return True

    points = [p[:-1] + bytes((p[-1] | sign,)) for p in SMALL_ORDER for sign in (0, 0x80)]
    assert any(verifies(point, bytes([n])) for n in range(100) for point in points)


CHANGE = Change(
    kind="policy", origin="s.example/log", previous="", sha256="sha256:" + "ab" * 32, version=1
)


def test_a_statement_is_read_as_it_was_written() -> None:
    """Whoever signs offline sees what it is about."""
    assert statement.parse(CHANGE.encode()) == CHANGE


@pytest.mark.parametrize(
    "data",
    [
        CHANGE.encode() + b"\n",
        CHANGE.encode().replace(b'"policy"', b'"secret"'),
        CHANGE.encode().replace(b'"version":1', b'"version":0'),
        CHANGE.encode().replace(b"approval/1", b"approval/2"),
        CHANGE.encode().replace(b'"origin":"s.example/log",', b""),
        b"x" * 5000,
    ],
)
def test_what_is_no_statement(data: bytes) -> None:
    """Another spelling, kind, version or profile is not signed by mistake."""
    with pytest.raises(MalformedError):
        statement.parse(data)
