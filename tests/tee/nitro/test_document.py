"""Nitro documents in shape: what is read of them, and what is refused."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enarx.errors import MalformedError
from enarx.tee.nitro.technology import NITRO
from enarx.wire import cbor

if TYPE_CHECKING:
    from tests.tee.nitro.conftest import Maker


def test_a_document_says_what_the_enclave_said(make: Maker) -> None:
    """Every field is shown; null is absent; the time is to the millisecond."""
    found = NITRO.parse(make.document())
    fields = found.fields()
    assert fields["nitro.module_id"] == "i-01-enc01"
    assert fields["nitro.pcr1"] == b"\x02" * 48
    assert fields["nitro.public_key"] == b""
    assert fields["nitro.user_data"] == b"u" * 64
    assert fields["nitro.nonce"] == b"n" * 32
    created = fields["nitro.timestamp"]
    assert isinstance(created, datetime)
    assert created.isoformat() == "2026-06-01T12:00:00.346000+00:00"
    assert len(found.carried.certificates) == 4
    assert NITRO.needs(found, found.carried, make.now) == ()


@pytest.mark.parametrize("tagged", [False, True])
def test_a_document_is_recognised(make: Maker, tagged: bool) -> None:  # noqa: FBT001
    """With or without the tag of COSE_Sign1; nothing else is."""
    data = make.document(tagged=tagged)
    assert NITRO.recognises(data)
    assert NITRO.parse(data).module_id == "i-01-enc01"
    assert not NITRO.recognises(data[2:])


def test_optional_fields_may_be_left_out(make: Maker) -> None:
    """What the schema calls optional may be missing instead of null."""
    payload = make.payload(public_key=..., user_data=..., nonce=...)
    found = NITRO.parse(make.document(payload))
    assert (found.public_key, found.user_data, found.nonce) == (b"", b"", b"")


def test_a_tpm_document_names_its_registers_so(make: Maker) -> None:
    """NitroTPM's registers have another key, and are shown under another name."""
    payload = make.payload(pcrs=..., nitrotpm_pcrs={4: b"\x04" * 48, 0: b"\1" * 48})
    found = NITRO.parse(make.document(payload))
    assert found.is_tpm
    assert list(found.pcrs) == [0, 4]
    assert found.fields()["nitro.nitrotpm_pcr4"] == b"\x04" * 48


def test_a_map_of_indefinite_length_is_read(make: Maker) -> None:
    """AWS's hypervisor writes such; the signature covers the bytes that arrived."""
    payload = cbor.encode(make.payload())
    assert payload[0] == 0xA9
    indefinite = b"\xbf" + payload[1:] + b"\xff"
    assert NITRO.parse(make.document(indefinite)).module_id == "i-01-enc01"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"module_id": ...}, "key 'module_id' is missing"),
        ({"module_id": ""}, "module_id: want printable text"),
        ({"module_id": "a\n"}, "module_id: want printable text"),
        ({"module_id": "a" * 257}, "module_id: want printable text"),
        ({"module_id": b"a"}, "module_id: want printable text"),
        ({"digest": "SHA512"}, "digest: got 'SHA512', want 'SHA384'"),
        ({"timestamp": 0}, "timestamp: want milliseconds"),
        ({"timestamp": True}, "timestamp: want milliseconds"),
        ({"timestamp": 1.5}, "timestamp: want milliseconds"),
        ({"timestamp": 1 << 63}, "timestamp: want milliseconds"),
        ({"pcrs": ...}, "want either 'pcrs' or 'nitrotpm_pcrs'"),
        ({"nitrotpm_pcrs": {0: bytes(48)}}, "want either 'pcrs' or 'nitrotpm_pcrs'"),
        ({"pcrs": {}}, "pcrs: want a map of 1 to 32 registers"),
        ({"pcrs": []}, "pcrs: want a map of 1 to 32 registers"),
        ({"pcrs": {32: bytes(48)}}, "pcrs: got the index 32"),
        ({"pcrs": {"0": bytes(48)}}, "pcrs: got the index '0'"),
        ({"pcrs": {0: bytes(47)}}, "pcrs[0]: want 32, 48 or 64 bytes"),
        ({"pcrs": {0: "0" * 48}}, "pcrs[0]: want 32, 48 or 64 bytes"),
        ({"certificate": b""}, "certificate: want 1 to 1024 bytes"),
        ({"certificate": None}, "certificate: want 1 to 1024 bytes"),
        ({"cabundle": []}, "cabundle: want 1 to 16 certificates"),
        ({"cabundle": [b"a"] * 17}, "cabundle: want 1 to 16 certificates"),
        ({"cabundle": {}}, "cabundle: want 1 to 16 certificates"),
        ({"cabundle": [bytes(1025)]}, "cabundle[0]: want 1 to 1024 bytes"),
        ({"public_key": b""}, "public_key: want 1 to 1024 bytes"),
        ({"user_data": bytes(1025)}, "user_data: want 0 to 1024 bytes"),
        ({"nonce": "n"}, "nonce: want 0 to 1024 bytes"),
        ({"more": 1}, "unknown key 'more'"),
        ({1: 1}, "unknown key 1"),
    ],
)
def test_another_payload_is_refused(make: Maker, change: dict[str, object], problem: str) -> None:
    """Whatever breaks AWS's schema is malformed, signed or not."""
    with pytest.raises(MalformedError) as caught:
        NITRO.parse(
            make.document({**make.payload(), **change} if 1 in change else make.payload(**change))
        )
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        (b"", "got 0 bytes"),
        (b"\x80", "payload is not a map"),
        (b"\xa2\x61a\x01\x61a\x01", "occurs twice"),
        (b"\xa0\x00", "trailing"),
        (bytes(16_385), "got a payload of 16385 bytes"),
        (b"\x81" * 1000, "nested deeper"),
    ],
)
def test_another_item_is_refused(make: Maker, payload: bytes, problem: str) -> None:
    """Not a map, a key twice, something behind it, too long or too deep."""
    with pytest.raises(MalformedError, match=problem):
        NITRO.parse(make.document(payload))


def test_another_algorithm_is_refused(make: Maker) -> None:
    """AWS signs with ES384 and nothing else."""
    message = cbor.encode((cbor.encode({1: -7}), {}, cbor.encode(make.payload()), bytes(64)))
    with pytest.raises(MalformedError, match="signed with ES256"):
        NITRO.parse(message)


def test_every_other_length_is_refused(make: Maker) -> None:
    """A document cut anywhere, with a byte more, or far too long is malformed."""
    whole = make.document()
    for end in range(len(whole)):
        with pytest.raises(MalformedError):
            NITRO.parse(whole[:end])
    with pytest.raises(MalformedError, match="trailing"):
        NITRO.parse(whole + b"\0")
    with pytest.raises(MalformedError, match="want at most"):
        NITRO.parse(whole + bytes(32 * 1024))


KEYS = st.sampled_from(
    ["module_id", "digest", "timestamp", "pcrs", "certificate", "cabundle", "nonce", "user_data"]
)
ITEMS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.binary() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.integers(0, 40), inner, max_size=9)
    ),
    max_leaves=12,
)


@settings(max_examples=60)
@given(st.dictionaries(KEYS | st.text(), ITEMS, max_size=9))
def test_nested_junk_raises_only_our_error(value: dict[str, object]) -> None:
    """A map of anything in a message is a document or MalformedError."""
    message = (b"\xa1\x01\x38\x22", {}, cbor.encode(value), bytes(96))
    with suppress(MalformedError):
        NITRO.parse(cbor.encode(message))


@given(st.binary() | st.binary().map(lambda data: b"\x84\x44\xa1\x01\x38\x22" + data))
def test_junk_raises_only_our_error(data: bytes) -> None:
    """Whatever arrives is a document or MalformedError."""
    NITRO.recognises(data)
    with suppress(MalformedError):
        NITRO.parse(data)
