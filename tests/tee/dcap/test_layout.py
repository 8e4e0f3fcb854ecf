"""The records of quotes: what they read they write, and what is reserved is checked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.errors import MalformedError
from enarx.tee.dcap import layout
from enarx.tee.dcap.enclave import EnclaveFlags, EnclaveReport
from enarx.tee.dcap.layout import INTEL_QE_VENDOR_ID, HeaderV3, HeaderV4
from enarx.wire.record import offset_of, pack, size_of, unpack

SIZES = {
    layout.BodyDescriptor: 6,
    layout.QuoteSignature: 128,
    layout.QeReport: 448,
    layout.CertificationHead: 6,
    layout.PpidClear: 36,
    layout.PpidClearShort: 34,
    layout.PpidRsa2048: 276,
    layout.PpidRsa3072: 404,
}
"""Records without reserved or checked fields."""

HEADERS = (HeaderV3, HeaderV4)
HEAD = bytes.fromhex("0300 0200") + bytes(8) + INTEL_QE_VENDOR_ID + bytes(20)


@pytest.mark.parametrize("cls", SIZES, ids=lambda cls: cls.__name__)
@given(data=st.data())
def test_records_write_what_they_read(cls: type, data: st.DataObject) -> None:
    """Any bytes of the specified size come back unchanged."""
    size = SIZES[cls]
    assert size_of(cls) == size
    raw = data.draw(st.binary(min_size=size, max_size=size))
    assert pack(unpack(cls, raw)) == raw


@pytest.mark.parametrize("cls", HEADERS, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize(
    ("offset", "problem"),
    [(2, "att_key_type"), (12, "vendor_id"), (27, "vendor_id")],
)
def test_headers_are_of_intels_p256_quoting_enclave(cls: type, offset: int, problem: str) -> None:
    """Another key type and another vendor are refused, by name."""
    assert pack(unpack(cls, HEAD)) == HEAD
    raw = bytearray(HEAD)
    raw[offset] ^= 1
    with pytest.raises(MalformedError, match=problem):
        unpack(cls, bytes(raw))


@pytest.mark.parametrize(
    ("cls", "reserved"), [(HeaderV3, range(4, 8)), (HeaderV4, range(8, 12))], ids=["v3", "v4"]
)
def test_reserved_bytes_of_headers_are_zero(cls: type, reserved: range) -> None:
    """The fields that the two layouts do not share are reserved in the other one."""
    for offset in reserved:
        raw = bytearray(HEAD)
        raw[offset] = 1
        with pytest.raises(MalformedError, match="reserved"):
            unpack(cls, bytes(raw))


def test_an_enclave_report_reserves_what_the_manual_reserves() -> None:
    """Each byte is a field's, or must be zero; all of a report comes back."""
    assert size_of(EnclaveReport) == 384
    reserved = {*range(21, 32), *range(96, 128), *range(160, 192), *range(262, 304)}
    for offset in range(384):
        raw = bytes(offset) + b"\x01" + bytes(383 - offset)
        if offset in reserved:
            with pytest.raises(MalformedError, match="reserved"):
                unpack(EnclaveReport, raw)
        else:
            assert pack(unpack(EnclaveReport, raw)) == raw


def test_an_enclave_report_has_its_fields_where_the_manual_has_them() -> None:
    """Offsets as in the table of REPORT."""
    offsets = {
        "cpu_svn": 0, "misc_select": 16, "cet_attributes": 20, "isv_ext_prod_id": 32, "flags": 48,
        "xfrm": 56, "mr_enclave": 64, "mr_signer": 128, "config_id": 192, "isv_prod_id": 256,
        "isv_svn": 258, "config_svn": 260, "isv_family_id": 304, "report_data": 320,
    }  # fmt: skip
    assert {name: offset_of(EnclaveReport, name) for name in offsets} == offsets


FLAGS = {
    "init": 0,
    "debug": 1,
    "mode64bit": 2,
    "provision_key": 4,
    "einittoken_key": 5,
    "cet": 6,
    "kss": 7,
    "aex_notify": 10,
}


@pytest.mark.parametrize("name", FLAGS)
def test_each_enclave_flag_is_its_own_bit(name: str) -> None:
    """A flag is set by exactly one bit, and the number is kept whole."""
    seen = {bit for bit in range(64) if getattr(EnclaveFlags(1 << bit), name)}
    assert seen == {FLAGS[name]}
    assert int(EnclaveFlags(0xFFFF)) == 0xFFFF
