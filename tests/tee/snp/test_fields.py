"""Every field by its name, before and after verification."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from enarx.tee.snp.evidence import parse
from enarx.tee.snp.fields import ReportFields
from enarx.tee.snp.report import AttestationReport, PlatformInfo
from enarx.tee.snp.roots import AMD_ROOTS
from enarx.tee.snp.technology import SNP
from enarx.wire.record import offset_of

if TYPE_CHECKING:
    from tests.tee.snp.conftest import Workshop


def test_every_field_has_a_name(genoa: Workshop) -> None:
    """No field of the report but the reserved ones is left out, and the order is the report's."""
    fields = list(parse(genoa.of(version=5).report).fields())
    shown = dict.fromkeys(name.split(".")[1] for name in fields)
    names = [f for f in AttestationReport.__slots__ if not f.startswith("reserved")]
    parts = {"author_key_en", "mask_chip_key", "signing_key"}
    assert set(names) - set(shown) == {"signer_info"}
    assert set(shown) - set(names) == parts | {"product", "chip_id_masked"}
    in_report = [offset_of(AttestationReport, name) for name in shown if name in names]
    assert in_report == sorted(in_report)


def test_values(genoa: Workshop) -> None:
    """Fields have the values of the report, TCBs also by component."""
    raw = genoa.signed(platform_info=PlatformInfo(0x47), vmpl=2, guest_svn=7)
    fields = parse(raw).fields()
    want = {
        "snp.version": 3, "snp.guest_svn": 7, "snp.vmpl": 2, "snp.policy.raw": 0x3_0000,
        "snp.policy.smt": True, "snp.platform_info.raw": 0x47, "snp.platform_info.tio_en": False,
        "snp.signing_key": "vcek", "snp.author_key_en": False, "snp.measurement": b"m" * 48,
        "snp.host_data": b"h" * 32, "snp.id_key_digest": b"i" * 48, "snp.cpuid_fam_id": 0x19,
        "snp.reported_tcb.raw": genoa.machine.tcb_version, "snp.launch_tcb.bootloader": 10,
        "snp.current_tcb.snp": 25, "snp.committed_tcb.microcode": 84, "snp.chip_id_masked": False,
        "snp.reported_tcb.tee": 0, "snp.product": "Genoa", "snp.current_minor": 58,
    }  # fmt: skip
    assert {name: fields[name] for name in want} == want


def test_what_is_not_there_is_absent(genoa: Workshop, milan2: Workshop, turin: Workshop) -> None:
    """What a version or product does not have is not shown as zero."""
    two, three, five = (parse(w.report).fields() for w in (milan2, genoa, turin))
    assert not {"snp.cpuid_fam_id", "snp.product", "snp.reported_tcb.snp"} & set(two)
    assert "snp.reported_tcb.raw" in two
    assert "snp.launch_mit_vector" not in three
    assert "snp.reported_tcb.fmc" not in three
    assert {"snp.launch_mit_vector", "snp.reported_tcb.fmc"} < set(five)
    for fields in (two, three, five):
        assert not [name for name in fields if name.startswith("snp.vek.")]
        assert len(fields) == len(list(fields))
    with pytest.raises(KeyError):
        two["snp.reported_tcb.snp"]


def test_what_the_certificate_adds(milan2: Workshop, vlek: Workshop) -> None:
    """After verification there is what the VEK says, and the product it is of."""
    fields = milan2.authenticate(milan2.report).claims.fields
    assert fields["snp.product"] == "Milan"
    assert fields["snp.reported_tcb.snp"] == 24
    assert fields["snp.vek.product_name"] == "Milan-B0"
    assert fields["snp.vek.hwid"] == milan2.machine.hwid
    fields = vlek.authenticate(vlek.report).claims.fields
    assert (fields["snp.vek.signer"], fields["snp.vek.csp_id"]) == ("vlek", "CN=SIMULATED provider")
    assert (fields["snp.signing_key"], fields["snp.chip_id_masked"]) == ("vlek", True)


def test_fields_without_a_product_have_no_tcb(milan2: Workshop) -> None:
    """A TCB is not interpreted by guessing its layout."""
    fields = parse(milan2.report).fields()
    assert isinstance(fields, ReportFields)
    with pytest.raises(KeyError, match="current_tcb"):
        _ = fields.current_tcb
    assert repr(fields).startswith("ReportFields({'snp.version': 2")


def test_recognised_by_the_first_bytes(genoa: Workshop) -> None:
    """A report begins with a small number of 4 bytes, damaged or of an unknown version too."""
    for raw in (genoa.report, genoa.report[:9], b"\x01\0\0\0", b"\x06\0\0\0"):
        assert SNP.recognises(raw)
    others = (b"", b"\0" * 9, b"\x04\0\x02\0", b"\x03\0", b"{}", b"\x10\0\0\0", b"\x84\x44\xa1\x01")
    assert not any(SNP.recognises(raw) for raw in others)


def test_the_pinned_roots() -> None:
    """The pinned keys are those whose fingerprints AMD's key server and other projects have."""
    assert {anchor.name: anchor.sha256.hex() for anchor in AMD_ROOTS} == {
        "ARK-Milan": "9f056bee44377e29308cb5ffa895bdfb62d18881fa6bed8d6f075b0204089cb9",
        "ARK-Genoa": "429a69c9422aa258ee4d8db5fcda9c6470ef15f8cd5a9cebd6cbc7d90b863831",
        "ARK-Turin": "4f125410563a2ab9a50356f9243f6fe0b6f73de98603f53f90339c70e9d7ad08",
    }
    for anchor in AMD_ROOTS:
        assert (anchor.vendor, anchor.simulated) == ("amd", False)
        assert anchor.public_key().key_size == 4096
