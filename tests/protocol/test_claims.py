"""Claims: one spelling, one purpose, and a digest that binds all of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.errors import MalformedError
from enarx.protocol import claims
from enarx.protocol.claims import (
    ChannelClaims,
    IdentityClaims,
    OfferClaims,
    SecretsClaims,
    check_digest,
    parse_channel,
    parse_identity,
    parse_offer,
    parse_secrets,
    report_data,
)
from enarx.wire import canonical

NONCE = bytes(range(32))
DIGEST = "sha256:" + "ab" * 32
OFFER = OfferClaims(NONCE, {"x25519": b"k" * 32}, b"spki").encode()
CHANNEL = ChannelClaims(NONCE, b"spki", b"e" * 32, DIGEST).encode()
IDENTITY = IdentityClaims(NONCE, b"spki", "").encode()
SECRETS = SecretsClaims(
    NONCE, {"x25519": b"k" * 32}, b"spki", workload_digest=DIGEST, names=["a", "b"]
).encode()
PARSERS: dict[str, tuple[bytes, Callable[[bytes], Any]]] = {
    "offer": (OFFER, parse_offer),
    "channel": (CHANNEL, parse_channel),
    "identity": (IDENTITY, parse_identity),
    "secrets": (SECRETS, parse_secrets),
}


def test_the_bytes_of_claims() -> None:
    """As docs/design/formats/claims.md shows them."""
    nonce = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
    assert OFFER.decode() == (
        '{"channel_spki":"c3BraQ","nonce":"' + nonce + '",'
        '"profile":"tag:github.com,2026:enarx/claims/1","purpose":"offer",'
        '"suites":[{"kem":"x25519","public_key":"a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s"}]}'
    )
    assert report_data(OFFER) == hashlib.sha512(OFFER).digest()
    assert len(report_data(OFFER)) == 64


@given(
    nonce=st.binary(min_size=32, max_size=32),
    suites=st.dictionaries(
        st.text("abcdef0-", min_size=1, max_size=20), st.binary(min_size=1, max_size=64),
        min_size=1, max_size=4,
    ),
    spki=st.binary(min_size=1, max_size=200),
)  # fmt: skip
def test_offers_come_out_as_they_went_in(
    nonce: bytes, suites: dict[str, bytes], spki: bytes
) -> None:
    """Keys keep their order: the first is the preferred one."""
    found = parse_offer(OfferClaims(nonce, suites, spki).encode())
    assert (found.nonce, found.channel_spki) == (nonce, spki)
    assert list(found.suites.items()) == list(suites.items())


def test_channel_and_identity_come_out_as_they_went_in() -> None:
    """With a workload and without one."""
    for digest in ("", DIGEST):
        channel = parse_channel(ChannelClaims(NONCE, b"s", b"e" * 32, digest).encode())
        assert (channel.nonce, channel.channel_spki) == (NONCE, b"s")
        assert (channel.exporter, channel.workload_digest) == (b"e" * 32, digest)
        identity = parse_identity(IdentityClaims(NONCE, b"s", digest).encode())
        assert (identity.nonce, identity.spki, identity.workload_digest) == (NONCE, b"s", digest)


def test_requests_for_secrets_come_out_as_they_went_in() -> None:
    """With every field."""
    found = parse_secrets(SECRETS)
    assert (found.nonce, found.spki, found.workload_digest) == (NONCE, b"spki", DIGEST)
    assert (found.suites, found.names) == ({"x25519": b"k" * 32}, ("a", "b"))


@pytest.mark.parametrize("made_for", PARSERS)
@pytest.mark.parametrize("used_for", PARSERS)
def test_claims_of_one_purpose_are_of_no_use_for_another(made_for: str, used_for: str) -> None:
    """Attack: evidence for an offer shown on a channel, and the other way round."""
    data, parse = PARSERS[made_for][0], PARSERS[used_for][1]
    if made_for == used_for:
        assert parse(data)
        return
    with pytest.raises(MalformedError, match="purpose"):
        parse(data)


@pytest.mark.parametrize("purpose", PARSERS)
def test_every_truncation_and_flipped_bit_is_malformed_or_other_claims(purpose: str) -> None:
    """Whatever is still read has another digest."""
    data, parse = PARSERS[purpose]
    for size in range(len(data)):
        with pytest.raises(MalformedError):
            parse(data[:size])
    for bit in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            found = parse(bytes(flipped))
        except MalformedError:
            continue
        assert found.encode() == bytes(flipped)
        assert report_data(found.encode()) != report_data(data)


def changed(data: bytes, **changes: object) -> bytes:
    """*data* with other values; None drops a key."""
    value = {**json.loads(data), **changes}
    return canonical.encode({key: item for key, item in value.items() if item != "DROP"})


@pytest.mark.parametrize(
    ("purpose", "changes", "problem"),
    [
        ("offer", {"profile": "tag:x"}, "profile"),
        ("offer", {"nonce": "AAAA"}, "got 3 bytes, want 32"),
        ("offer", {"nonce": 1}, "nonce"),
        ("offer", {"suites": []}, "no key"),
        ("offer", {"suites": [{"kem": "a", "public_key": "AA"}] * 2}, "a twice"),
        ("offer", {"suites": [{"kem": "a", "public_key": ""}]}, "got 0 bytes"),
        ("offer", {"suites": [{"kem": "", "public_key": "AA"}]}, "kem"),
        ("offer", {"suites": [{"kem": "a", "public_key": "AA", "x": 1}]}, "unknown key 'x'"),
        ("offer", {"suites": [{"kem": str(n), "public_key": "AA"} for n in range(5)]}, "suites"),
        ("offer", {"channel_spki": ""}, "got 0 bytes, want 1 to 2048"),
        ("offer", {"channel_spki": "DROP"}, "'channel_spki' is missing"),
        ("offer", {"further": 1}, "unknown key 'further'"),
        ("channel", {"exporter": "AAAA"}, "exporter"),
        ("channel", {"workload_digest": "sha256:00"}, "want sha256: and 64 digits"),
        ("channel", {"workload_digest": 1}, "want a text or null"),
        ("identity", {"workload_digest": "sha256:" + "AB" * 32}, "want sha256"),
        ("identity", {"spki": "!"}, "spki"),
        ("secrets", {"workload_digest": None}, "workload_digest"),
        ("secrets", {"names": []}, "at least one name"),
        ("secrets", {"names": ["a", "a"]}, "none twice"),
        ("secrets", {"names": ["a" * 129]}, "names"),
        ("secrets", {"suites": []}, "no key"),
        ("secrets", {"spki": ""}, "got 0 bytes"),
    ],
)
def test_wrong_claims_are_malformed(purpose: str, changes: dict[str, object], problem: str) -> None:
    """Sizes, kinds, unknown and missing keys."""
    data, parse = PARSERS[purpose]
    with pytest.raises(MalformedError, match=problem):
        parse(changed(data, **changes))


def test_claims_are_bounded() -> None:
    """Nothing is read of what is too large."""
    with pytest.raises(MalformedError, match=f"want at most {claims.MAX_BYTES}"):
        parse_offer(OFFER.ljust(claims.MAX_BYTES + 1))


@pytest.mark.parametrize(
    "text", ["", "sha256:", "sha512:" + "0" * 64, "sha256:" + "g" * 64, "0" * 64]
)
def test_what_is_no_workload_digest(text: str) -> None:
    """The prefix, the size and the digits are the only ones."""
    with pytest.raises(MalformedError):
        check_digest(text, "x")
    assert check_digest(DIGEST, "x") == DIGEST
