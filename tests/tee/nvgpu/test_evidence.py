"""NVIDIA reports in shape: what is read of them, and what is refused."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.errors import MalformedError
from enarx.tee.nvgpu import evidence, spdm
from enarx.tee.nvgpu.technology import NVGPU

if TYPE_CHECKING:
    from tests.tee.nvgpu.conftest import Maker


def test_a_report_says_what_the_device_said(make: Maker) -> None:
    """Every field of a transcript is shown, texts as text, unnamed types by number."""
    found = NVGPU.parse(make.transcript())
    assert NVGPU.recognises(found.raw)
    assert not found.carried
    assert dict(found.fields()) == {
        "nvgpu.devices": 1,
        "nvgpu.device0.nonce": make.nonce,
        "nvgpu.device0.responder_nonce": b"\xaa" * 32,
        "nvgpu.device0.slot": 0,
        "nvgpu.device0.vbios_version": "96.00.74.00.20",
        "nvgpu.device0.driver_version": "580.159.03",
        "nvgpu.device0.fwid": make.fwid,
        "nvgpu.device0.opaque_data_version": b"\x01\x00",
        "nvgpu.device0.opaque_28": b"*",
        "nvgpu.device0.measurement_1": b"\x11" * 48,
        "nvgpu.device0.measurement_2": b"\x22" * 48,
    }


def test_a_switch_writes_its_version_as_text(make: Maker) -> None:
    """A VBIOS version of another length is text; what is not printable stays bytes."""
    opaque = make.opaque((6, b"96.10.55.00.01"), (3, b"\xff\0"), (35, b"a\nb"))
    fields = NVGPU.parse(make.transcript(opaque=opaque)).fields()
    assert fields["nvgpu.device0.vbios_version"] == "96.10.55.00.01"
    assert fields["nvgpu.device0.driver_version"] == b"\xff\0"
    assert fields["nvgpu.device0.chip_info"] == b"a\nb"


def test_a_raw_value_is_told_from_a_digest(make: Maker) -> None:
    """Bit 7 of the value type says that the value is not a digest."""
    transcript = spdm.parse(make.transcript(blocks=(make.block(kind=0x83, value=b"x"),)), "it")
    (found,) = transcript.measurements.values()
    assert (found.is_raw, found.value_type, found.value) == (True, 3, b"x")


def test_a_list_carries_the_chains_of_its_devices(make: Maker) -> None:
    """The SDK's list has the transcripts and certificates of every device."""
    data = make.listed(make.item(), make.item(device=1))
    found = NVGPU.parse(data)
    assert NVGPU.recognises(data)
    assert len(found.devices) == 2
    assert len(found.carried.certificates) == 10
    assert found.fields()["nvgpu.device1.arch"] == "HOPPER"
    assert NVGPU.needs(found, found.carried, make.now) == ()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"request": b"\x12\xe0\x01\xff"}, "request.spdm_version at 0x0: got 0x12, want 0x11"),
        ({"request": b"\x11\xe1\x01\xff"}, "got 0xe1, want 0xe0"),
        ({"request": b"\x11\xe0\x00\xff"}, "got 0x00, want 0x01"),
        ({"request": b"\x11\xe0\x01\x01"}, "got 0x01, want 0xff"),
        ({"slot": 8}, "got 8, want a slot"),
        ({"slot": 1}, "got slot 0, want slot 1 as requested"),
        ({"response": b"\x12\x60\x00\x00"}, "response.spdm_version"),
        ({"response": b"\x11\x7f\x00\x00"}, "got 0x7f, want 0x60"),
        ({"response": b"\x11\x60\x01\x00"}, "reserved, got 01"),
        ({"count": 1}, "55 trailing bytes"),
        ({"count": 3}, "got 0 bytes, want 7"),
        ({"opaque": b"\x01"}, "got 1 bytes, want 2"),
        ({"opaque": b"\x01\0\x02\0\0"}, "got 1 bytes, want 2"),
        ({"opaque": b"\x01\0\0\0" * 2}, "type 1 occurs twice"),
        ({"opaque": b"\x25\0\0\0"}, "unknown opaque data type 37"),
        ({"opaque": b"\0\0\0\0"}, "unknown opaque data type 0"),
        ({"opaque": b"\x22\0\x01\0\x02"}, "opaque data version 2"),
        ({"opaque": b"\x14\0\x01\0\x02"}, "FWID of 1 bytes, want 48"),
        ({"opaque": bytes(5000)}, "got length 5000, want at most 4096"),
    ],
)
def test_another_transcript_is_refused(
    make: Maker, change: dict[str, object], problem: str
) -> None:
    """Other versions, messages, lengths and fields are malformed, signed or not."""
    with pytest.raises(MalformedError) as caught:
        NVGPU.parse(make.transcript(**change))
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"index": 0}, "index 0 twice or reserved"),
        ({"index": 255}, "index 255 twice or reserved"),
        ({"index": 2}, "index 2 twice or reserved"),
        ({"specification": 2}, "got 0x02, want 0x01"),
        ({"kind": 5}, "unknown value type 5"),
        ({"size": 50}, "a value of 48 bytes in 50"),
        ({"value_size": 100, "size": 103}, "bytes, want 100"),
    ],
)
def test_another_measurement_is_refused(make: Maker, change: dict[str, int], problem: str) -> None:
    """A block has one index, one kind and one size."""
    blocks = (make.block(2), make.block(**{"index": 1, **change}))
    with pytest.raises(MalformedError) as caught:
        NVGPU.parse(make.transcript(blocks=blocks))
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"arch": "AMPERE"}, "got 'AMPERE', want one of"),
        ({"nonce": "00" * 31}, "got 31 bytes, want 32"),
        ({"nonce": "00" * 32}, "not the nonce of the report"),
        ({"nonce": 1}, "got an integer"),
        ({"evidence": "AA=A"}, "evidence: not base64"),
        ({"evidence": "EeA="}, "want 37"),
        ({"certificate": base64.b64encode(b"x").decode()}, "neither a PEM block nor blank"),
        (
            {"certificate": base64.b64encode(b"-----BEGIN X-----\n-----END X-----\n").decode()},
            "no certificate",
        ),
        ({"more": 1}, "unknown key 'more'"),
    ],
)
def test_another_list_is_refused(make: Maker, change: dict[str, object], problem: str) -> None:
    """Unknown names, a nonce that is not the report's, and damaged parts are malformed."""
    with pytest.raises(MalformedError) as caught:
        NVGPU.parse(make.listed(make.item(**change)))
    assert problem in str(caught.value)


def test_every_key_of_a_list_is_needed(make: Maker) -> None:
    """A device without one of its four parts is malformed."""
    whole = make.item()
    for key in whole:
        part = {name: value for name, value in whole.items() if name != key}
        with pytest.raises(MalformedError, match=f"key '{key}' is missing"):
            NVGPU.parse(json.dumps([part]).encode())


def test_sizes_are_bounded(make: Maker) -> None:
    """An empty list, too many devices, and more bytes than there can be are refused."""
    for data in (b"[]", b"[" + b"{}," * 64 + b"{}]", b"[" + b" " * evidence.MAX_BYTES):
        with pytest.raises(MalformedError, match="NVIDIA evidence"):
            NVGPU.parse(data)
    with pytest.raises(MalformedError, match="want at most 131072"):
        NVGPU.parse(make.transcript() + bytes(spdm.MAX_REPORT))


def test_every_other_length_is_refused(make: Maker) -> None:
    """A report cut anywhere, or with a byte more, is malformed."""
    whole = make.transcript()
    for end in range(len(whole)):
        with pytest.raises(MalformedError):
            NVGPU.parse(whole[:end])
    with pytest.raises(MalformedError, match="1 trailing bytes"):
        NVGPU.parse(whole + b"\0")


def test_other_data_is_not_recognised() -> None:
    """Neither another SPDM message nor another JSON list looks like evidence."""
    for data in (b"", b"\x11\x61", b'[{"a":1}]', b"{}", b"[" + b" " * 9000 + b'"arch"'):
        assert not NVGPU.recognises(data)


@given(st.binary() | st.binary().map(lambda data: b"\x11\xe0\x01\xff" + data))
def test_junk_raises_only_our_error(data: bytes) -> None:
    """Whatever arrives is evidence or MalformedError."""
    NVGPU.recognises(data)
    with suppress(MalformedError):
        NVGPU.parse(data)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["arch", "nonce", "evidence", "certificate"]) | st.text(), inner
        )
    ),
    max_leaves=8,
)


@given(st.lists(JSON, max_size=3))
def test_nested_junk_raises_only_our_error(value: list[object]) -> None:
    """A list of anything is evidence or MalformedError."""
    with suppress(MalformedError):
        NVGPU.parse(json.dumps(value).encode())
