"""CCA tokens in shape: what is read of them, and what is refused."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enarx.errors import MalformedError
from enarx.tee.cca.technology import CCA
from enarx.tee.endorsements import Endorsements
from enarx.wire import cbor

if TYPE_CHECKING:
    from tests.tee.cca.conftest import Maker

HASH = b"\x0a" * 32


def test_a_token_says_what_platform_and_realm_said(make: Maker) -> None:
    """Every claim is shown under its name."""
    found = CCA.parse(make.token())
    fields = found.fields()
    assert fields["cca.platform.lifecycle_state"] == "secured"
    assert fields["cca.platform.sw_component0.version"] == "3.4.2"
    assert fields["cca.platform.sw_component0.hash_algo_id"] == "sha-256"
    assert fields["cca.platform.sw_component1.type"] == ""
    assert fields["cca.realm.extensible_measurement_3"] == b"\x03" * 32
    assert fields["cca.realm.profile"] == make.first
    assert "cca.realm.mec_policy" not in fields
    assert not found.carried
    assert CCA.needs(found, Endorsements(), datetime(2026, 1, 1, tzinfo=UTC)) == ()


@pytest.mark.parametrize("cmw", [False, True])
def test_both_collections_are_read(make: Maker, cmw: bool) -> None:  # noqa: FBT001
    """The bare map under tag 399 and the CMW collection under tag 907 hold the same tokens."""
    data = make.token(cmw=cmw)
    assert CCA.recognises(data)
    assert CCA.parse(data).realm.challenge == b"c" * 64
    assert not CCA.recognises(data[1:])


def test_the_second_profile_has_more_claims(make: Maker) -> None:
    """Of 2024: client id and MEC policy are needed, the rest is optional."""
    more = {
        265: make.second_platform,
        2394: 1,
        2399: [make.component({7: True, 8: [HASH, HASH]})],
        2403: b"m",
        2404: [{2: HASH}],
        2405: [{1: HASH}],
        2406: b"s",
    }
    realm = make.realm({265: make.second, 44243: "private"})
    fields = CCA.parse(make.token(make.platform(more), realm)).fields()
    assert fields["cca.platform.sw_component0.live_activation"] is True
    assert fields["cca.platform.sw_component0.countersigner1"] == HASH
    assert fields["cca.platform.manufacturing_config"] == b"m"
    assert fields["cca.platform.extension"] == cbor.encode([{2: HASH}])
    assert fields["cca.platform.peer_signers"] == b"s"
    assert fields["cca.realm.mec_policy"] == "private"
    least = make.platform({265: make.second_platform, 2394: 1, 2400: ...})
    assert CCA.parse(make.token(least, realm)).fields()["cca.platform.extension"] == b""


def test_a_realm_without_profile_has_a_bare_key(make: Maker) -> None:
    """Before there were profiles the key was a point of P-384."""
    found = CCA.parse(make.token(None, make.realm({265: ..., 44237: make.point})))
    assert "cca.realm.profile" not in found.fields()
    assert found.realm.key == make.rak.public_key()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({265: ...}, "claim 265 (profile) is missing"),
        ({265: "tag:arm.com,2026:cca_platform#2.0.0"}, "profile: got 'tag:arm.com,2026"),
        ({265: 1}, "profile: want printable text"),
        ({10: bytes(31)}, "challenge: got 31 bytes, want 32 or 48 or 64"),
        ({10: "c"}, "challenge: got no bytes, want 32"),
        ({2396: bytes(48)}, "implementation-id: got 48 bytes, want 32"),
        ({256: b"\x02" + bytes(32)}, "instance-id: does not begin with 01"),
        ({256: bytes(32)}, "instance-id: got 32 bytes, want 33"),
        ({2401: b""}, "config: got 0 bytes, want 1 to 4096"),
        ({2401: bytes(5000)}, "config: got 5000 bytes"),
        ({2395: 0x3100}, "lifecycle: got 12544"),
        ({2395: True}, "lifecycle: got True"),
        ({2395: 12288.0}, "lifecycle: got 12288.0"),
        ({2399: []}, "sw-components: want an array of 1 to 64 items"),
        ({2399: {}}, "sw-components: want an array of 1 to 64 items"),
        ({2399: [1] * 65}, "sw-components: want an array of 1 to 64 items"),
        ({2399: [1]}, "sw-components[0]: not a map of claims"),
        ({2399: [{2: HASH}]}, "sw-components[0]: claim 5 (signer-id) is missing"),
        ({2399: [{2: HASH, 5: HASH, 3: 1}]}, "sw-components[0]: unknown claim 3"),
        ({2399: [{2: HASH, 5: HASH, 6: "md5"}]}, "hash-algo-id: got 'md5'"),
        ({2399: [{2: HASH, 5: HASH, 7: 1}]}, "live-activation: want true or false"),
        ({2399: [{2: HASH, 5: HASH, 8: [b""]}]}, "countersigners: got 0 bytes"),
        ({2400: ""}, "verification-service: want printable text"),
        ({2400: "a" * 1025}, "verification-service: want printable text"),
        ({2400: "a\n"}, "verification-service: want printable text"),
        ({2402: "sha-1"}, "hash-algo-id: got 'sha-1'"),
        ({2394: 1}, "unknown claim 2394"),
        ({2403: b"m"}, "unknown claim 2403"),
        ({"x": 1}, "unknown claim 'x'"),
    ],
)
def test_another_platform_is_refused(make: Maker, change: dict[int, object], problem: str) -> None:
    """A claim that is missing, unknown or not of its form makes the platform token malformed."""
    with pytest.raises(MalformedError) as caught:
        CCA.parse(make.token(make.platform(change)))
    assert "CCA token: platform" in str(caught.value)
    assert problem in str(caught.value)


def test_the_second_profile_needs_its_client(make: Maker) -> None:
    """Only a token that the realm management asked for counts."""
    for change in ({}, {2394: 2}):
        with pytest.raises(MalformedError, match="client-id"):
            CCA.parse(make.token(make.platform({265: make.second_platform, **change})))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({10: bytes(32)}, "challenge: got 32 bytes, want 64"),
        ({44235: bytes(63)}, "personalization-value: got 63 bytes, want 64"),
        ({44236: "sha-1"}, "hash-algo-id: got 'sha-1'"),
        ({44240: "SHA-256"}, "public-key-hash-algo-id: got 'SHA-256'"),
        ({44238: bytes(20)}, "initial-measurement: got 20 bytes"),
        ({44239: [HASH] * 3}, "extensible-measurements: got 3, want 4"),
        ({44239: [HASH] * 5}, "extensible-measurements: want an array of 1 to 4 items"),
        ({44239: [HASH, HASH, HASH, 1]}, "extensible-measurements: got no bytes"),
        ({44237: b"x"}, "public-key"),
        ({44237: cbor.encode({1: 1})}, "public-key: got the key type 1"),
        ({265: ...}, "public-key: got 107 bytes, want an uncompressed point of 97"),
        ({265: "tag:arm.com,2026:realm#2.0.0"}, "profile: got 'tag:arm.com,2026"),
        ({265: "tag:arm.com,2024:realm#2.0.0"}, "claim 44243 (mec-policy) is missing"),
        ({44243: "private"}, "unknown claim 44243"),
    ],
)
def test_another_realm_is_refused(make: Maker, change: dict[int, object], problem: str) -> None:
    """A claim that is missing, unknown or not of its form makes the realm token malformed."""
    with pytest.raises(MalformedError) as caught:
        CCA.parse(make.token(None, make.realm(change)))
    assert "CCA token: realm" in str(caught.value)
    assert problem in str(caught.value)


def test_another_collection_is_refused(make: Maker) -> None:
    """Another tag, other keys, other records, or a token that is none."""
    one = make.sign1(cbor.encode(make.platform()), make.cpak)
    others = (
        {44234: one, 44241: one},
        cbor.Tag(400, {44234: one, 44241: one}),
        cbor.Tag(399, [one, one]),
        cbor.Tag(399, {44234: one}),
        cbor.Tag(399, {44234: one, 44241: one, 1: one}),
        cbor.Tag(399, {44234: [263, one], 44241: [263, one]}),
        cbor.Tag(399, {44234: b"x", 44241: one}),
        cbor.Tag(907, {44234: one, 44241: one}),
        cbor.Tag(907, {44234: [61, one], 44241: [61, one]}),
        cbor.Tag(907, {44234: [263, one, 4], 44241: [263, one]}),
        cbor.Tag(399, {44234: make.sign1(b"\x80", make.cpak), 44241: one}),
    )
    for other in others:
        with pytest.raises(MalformedError, match="CCA token"):
            CCA.parse(cbor.encode(other))


def test_every_other_length_is_refused(make: Maker) -> None:
    """A token cut anywhere, with a byte more, or far too long is malformed."""
    whole = make.token()
    for end in range(len(whole)):
        with pytest.raises(MalformedError):
            CCA.parse(whole[:end])
    with pytest.raises(MalformedError, match="trailing"):
        CCA.parse(whole + b"\0")
    with pytest.raises(MalformedError, match="want at most 65536"):
        CCA.parse(whole + bytes(1 << 16))


LABELS = st.sampled_from([10, 256, 265, 2394, 2395, 2396, 2399, 2400, 2401, 2402, 44237, 44239])
ITEMS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.binary() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(LABELS | st.integers(0, 9), inner, max_size=9)
    ),
    max_leaves=12,
)


@settings(max_examples=40)
@given(st.dictionaries(LABELS, ITEMS), st.dictionaries(LABELS, ITEMS))
def test_nested_junk_raises_only_our_error(
    make: Maker, platform: dict[int, object], realm: dict[int, object]
) -> None:
    """Claims of anything, in good tokens, are evidence or MalformedError."""
    for pair in (
        (make.platform(platform), make.realm(realm)),
        (cbor.encode(platform), cbor.encode(realm)),
    ):
        messages = [
            cbor.encode(
                (b"\xa1\x01\x26", {}, p if isinstance(p, bytes) else cbor.encode(p), bytes(64))
            )
            for p in pair
        ]
        with suppress(MalformedError):
            CCA.parse(cbor.encode(cbor.Tag(399, {44234: messages[0], 44241: messages[1]})))


@given(st.binary() | st.binary().map(lambda data: b"\xd9\x01\x8f\xa2" + data))
def test_junk_raises_only_our_error(data: bytes) -> None:
    """Whatever arrives is evidence or MalformedError."""
    CCA.recognises(data)
    with suppress(MalformedError):
        CCA.parse(data)
