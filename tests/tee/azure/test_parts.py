"""The parts of an Azure bundle in shape: HCL report, runtime data, vTPM quote."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.errors import MalformedError
from enarx.tee.azure import hcl, runtime, tpm

if TYPE_CHECKING:
    from tests.tee.azure.conftest import Maker

HARDWARE = b"\x0d" * 1184


def test_an_hcl_report_comes_apart(make: Maker) -> None:
    """Of both versions and both kinds of hardware."""
    for version in (1, 2):
        found = hcl.parse(make.hcl(HARDWARE, b"{}", version=version))
        assert (found.version, found.kind) == (version, "snp")
        assert (found.hardware, found.runtime_data) == (HARDWARE, b"{}")
    td_report = bytes(128) + b"r" * 64 + bytes(832)
    found = hcl.parse(make.hcl(td_report, b"{}", kind=4))
    assert (found.kind, found.hardware, found.td_report_data) == ("tdx", td_report, b"r" * 64)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"magic": b"HCLB"}, "header.signature at 0x0: got 48434c42"),
        ({"version": 3}, "header.version at 0x4: got 3, want 1 or 2"),
        ({"request": 1}, "request_type"),
        ({"status": b"\1" + bytes(15)}, "status"),
        ({"status": bytes(15) + b"\1"}, "reserved"),
        ({"head_version": 2}, "runtime.version"),
        ({"kind": 3}, "report_type at 0x8: got 3, want 2 or 4"),
        ({"hash": 2}, "hash_type"),
        ({"data_size": 21}, "data of 21 bytes do not fit"),
        ({"report_size": 1}, "report of 1 bytes does not fit"),
        ({"variable_size": 3, "data_size": 23}, "report of 1238 bytes does not fit"),
        ({"variable_size": 200, "data_size": 220, "report_size": 1436}, "want 200"),
        ({"filling": b"\0\1"}, "reserved, got 0001"),
        ({"filling": bytes(1 << 16)}, "want at most 65536"),
        ({"kind": 4}, "hardware report.end"),
    ],
)
def test_another_hcl_report_is_refused(
    make: Maker, change: dict[str, object], problem: str
) -> None:
    """Other versions and kinds, and sizes that do not fit each other, are malformed."""
    with pytest.raises(MalformedError) as caught:
        hcl.parse(make.hcl(HARDWARE, b"{}", **change))
    assert problem in str(caught.value)


def test_runtime_data_say_key_and_configuration(make: Maker) -> None:
    """The attestation key among the keys, every setting, and what the guest asked for."""
    found = runtime.parse(make.runtime())
    assert found.key == make.key.public_key()
    assert found.configuration == {"secure-boot": True, "vmUniqueId": "01", "current-time": 1}
    assert found.user_data == make.nonce.ljust(64, b"\0")
    assert runtime.parse(make.runtime(user_data=...)).user_data == b""


def test_other_runtime_data_are_refused(make: Maker) -> None:
    """A key too few or too many, another kind or size of key, unknown members."""
    big = make.number(1 << 4200)
    others: tuple[tuple[dict[str, object], str], ...] = (
        ({"keys": []}, "got 0 keys 'HCLAkPub'"),
        ({"keys": [make.jwk(), make.jwk()]}, "got 2 keys 'HCLAkPub'"),
        ({"keys": [make.jwk()] * 9}, "want at most 8"),
        ({"keys": [make.jwk(kty="EC")]}, "kty"),
        ({"keys": [make.jwk(e=make.number(3))]}, "e: got 3, want 65537"),
        ({"keys": [make.jwk(n=make.number(5))]}, "a modulus of 1 bytes"),
        ({"keys": [make.jwk(n=big)]}, "a modulus of 526 bytes"),
        ({"keys": [make.jwk(n=make.number(1 << 2047))]}, "an even modulus"),
        ({"keys": [make.jwk(n="A" * 340 + "BQ")]}, "not a public key"),
        ({"keys": [make.jwk(n="AA==")]}, "n: not"),
        ({"keys": [make.jwk(n=...)]}, "key 'n' is missing"),
        ({"keys": [make.jwk(alg="RS256")]}, "unknown key 'alg'"),
        ({"vm_configuration": []}, "vm-configuration: want an object"),
        ({"vm_configuration": {str(i): 1 for i in range(65)}}, "want an object of at most 64"),
        ({"vm_configuration": {"a": 1.5}}, "vm-configuration.a"),
        ({"vm_configuration": {"a": {}}}, "vm-configuration.a"),
        ({"vm_configuration": ...}, "key 'vm-configuration' is missing"),
        ({"user_data": "00"}, "user-data: got 1 bytes, want 64"),
        ({"more": 1}, "unknown key 'more'"),
    )
    for change, problem in others:
        with pytest.raises(MalformedError) as caught:
            runtime.parse(make.runtime(**change))
        assert problem in str(caught.value)


def test_a_quote_comes_apart(make: Maker) -> None:
    """Nonce, clock and the selected registers by their indices."""
    pcrs = (b"\1" * 32, b"\2" * 32)
    message = make.message(pcrs=pcrs, select=b"\x01\x40\x00")
    found = tpm.parse(message, make.sign(message), pcrs, "it")
    assert found.pcrs == {0: b"\1" * 32, 14: b"\2" * 32}
    assert found.digest_of_pcrs() == found.pcr_digest
    assert dict(found.fields())["pcr14"] == b"\2" * 32
    assert (found.extra_data, found.clock, found.firmware_version) == (make.nonce, 7, 9)
    assert found.is_safe
    assert found.is_signed_by(make.key.public_key())


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"magic": b"\xff\x54\x43\x46\x80\x18"}, "magic at 0x0: got 0xff544346"),
        ({"magic": b"\xff\x54\x43\x47\x80\x17"}, "type at 0x4: got 0x8017"),
        ({"nonce": bytes(67)}, "got length 67, want at most 66"),
        ({"safe": b"\2"}, "safe at 0x6c: got 2, want 0 or 1"),
        ({"banks": b"\0\0\0\2\0\x0b"}, "pcrSelect.count"),
        ({"banks": b"\0\0\0\1\0\x0c"}, "pcrSelect.hash"),
        ({"select": bytes(5)}, "got length 5, want at most 4"),
        ({"select": b"\xff\xff\x7f"}, "got 24 values for 23 selected registers"),
        ({"digest": bytes(33)}, "got length 33, want at most 32"),
    ],
)
def test_another_quote_is_refused(make: Maker, change: dict[str, object], problem: str) -> None:
    """Not made by a TPM, no quote, another bank, or registers that are not those selected."""
    with pytest.raises(MalformedError) as caught:
        tpm.parse(make.message(**change), b"", make.pcrs, "it")
    assert problem in str(caught.value)


def test_registers_are_of_their_size(make: Maker) -> None:
    """Values that are no SHA-256 registers, none at all, or far too long parts are refused."""
    with pytest.raises(MalformedError, match=r"pcrs\[3\]: got 31 bytes"):
        tpm.parse(make.message(), b"", (*make.pcrs[:3], bytes(31), *make.pcrs[4:]), "it")
    with pytest.raises(MalformedError, match="got 0 values for 0"):
        tpm.parse(make.message(select=bytes(3)), b"", (), "it")
    for message, signature in ((bytes(1025), b""), (make.message(), bytes(1025))):
        with pytest.raises(MalformedError, match="got 1025 bytes"):
            tpm.parse(message, signature, make.pcrs, "it")
    with pytest.raises(MalformedError, match="1 trailing bytes"):
        tpm.parse(make.message() + b"\0", b"", make.pcrs, "it")


@given(st.binary() | st.binary().map(lambda data: b"HCLA\x01\0\0\0" + data))
def test_junk_raises_only_our_error(data: bytes) -> None:
    """Whatever arrives as a part is one or MalformedError."""
    for parse in (hcl.parse, runtime.parse):
        with suppress(MalformedError):
            parse(data)
    with suppress(MalformedError):
        tpm.parse(b"\xff\x54\x43\x47\x80\x18" + data, data, (data,), "it")
