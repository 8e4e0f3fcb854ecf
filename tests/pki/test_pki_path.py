"""Bundles of Enarx 0.7: what goes in comes out, and nothing else is taken."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from enarx.errors import MalformedError
from enarx.pki.pki_path import (
    MAX_CERTIFICATES,
    MAX_REQUESTS,
    decode_answer,
    decode_path,
    decode_requests,
    encode_answer,
    encode_path,
    encode_requests,
)
from enarx.pki.request import make
from enarx.wire import der

REQUEST = make(ec.generate_private_key(ec.SECP256R1()), b"\x80")
ITEMS = st.lists(st.binary(max_size=300).map(der.encode), max_size=8).map(tuple)


@given(ITEMS)
def test_a_path_comes_back(items: tuple[bytes, ...]) -> None:
    """Each element to the octet, in its order; also none."""
    assert decode_path(encode_path(items)) == items


@given(ITEMS, ITEMS)
def test_an_answer_comes_back(chain: tuple[bytes, ...], issued: tuple[bytes, ...]) -> None:
    """What all have in common, and a certificate for each."""
    assert decode_answer(encode_answer(chain, issued)) == (chain, issued)


def test_requests_come_back_and_none_is_refused() -> None:
    """A bundle asks for something."""
    assert decode_requests(encode_requests((REQUEST, REQUEST))) == (REQUEST, REQUEST)
    with pytest.raises(MalformedError, match="no request"):
        decode_requests(encode_requests(()))


def test_bundles_are_bounded() -> None:
    """As many elements as allowed, and not one more."""
    item = der.encode(b"")
    assert len(decode_requests(encode_requests([item] * MAX_REQUESTS))) == MAX_REQUESTS
    with pytest.raises(MalformedError, match="at most 16"):
        decode_requests(encode_requests([item] * (MAX_REQUESTS + 1)))
    with pytest.raises(MalformedError, match="at most 64"):
        decode_path(encode_path([item] * (MAX_CERTIFICATES + 1)))


@pytest.mark.parametrize("decode", [decode_path, decode_requests, decode_answer])
@given(data=st.binary(max_size=200))
def test_any_bytes_are_taken_or_refused(decode: object, data: bytes) -> None:
    """No other exception than ours, whatever arrives."""
    assert callable(decode)
    try:
        decode(data)
    except MalformedError:
        return


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: whole + b"\0",
        lambda whole: whole[:-1],
        lambda whole: b"\x31" + whole[1:],
        lambda whole: b"\x30\x80" + whole[4:] + b"\0\0",
        lambda whole: whole + whole,
        lambda whole: der.sequence(whole)[:1] + b"\x83\0" + whole[2:],
    ],
)
def test_a_bundle_is_der_and_nothing_follows_it(damage: object) -> None:
    """Trailing and missing octets, a SET, an indefinite length, and one that is not minimal."""
    assert callable(damage)
    whole = encode_requests((REQUEST,))
    for decode in (decode_path, decode_requests):
        with pytest.raises(MalformedError):
            decode(damage(whole))
