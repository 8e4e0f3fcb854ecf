"""Where verifiers of SNP reports have gone wrong, each once (reference: the traps of SEV-SNP)."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.asn1 import IA5String
from cryptography.x509.oid import SignatureAlgorithmOID

from enarx.errors import MalformedError, UnauthenticError
from enarx.tee.endorsements import Endorsements
from enarx.tee.simulated.certificates import pem
from enarx.tee.snp.certificate_table import ARK, ASK, VCEK, CertificateTable, Entry, pack_table
from enarx.tee.snp.evidence import parse
from enarx.tee.snp.report import PlatformInfo
from enarx.tee.snp.vek import HW_ID
from enarx.tee.x509 import load_certificate, serial_number
from enarx.wire.der import encode

if TYPE_CHECKING:
    from tests.tee.snp.conftest import Workshop

Patched = Callable[[bytes, int, bytes], bytes]


def test_serial_number_0(genoa: Workshop) -> None:
    """VCEKs have the serial number 0; nobody hears a warning of it, and the chain holds."""
    assert serial_number(load_certificate(genoa.vek(), "VEK")) == 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert genoa.authenticate(genoa.report)


def test_hwid_that_begins_like_der(genoa: Workshop) -> None:
    """A chip whose identifier begins with 0x16, IA5String's tag, is a chip like others."""
    hwid = b"\x16" + genoa.machine.hwid[1:]
    whole = encode(IA5String("x" * 62))  # the whole identifier is a string in DER
    for chip in (hwid, whole):
        bag = Endorsements(certificates=(genoa.vek({HW_ID: chip}), *genoa.chain()))
        assert genoa.authenticate(genoa.signed(chip_id=chip), bag).claims.instance == chip


def test_turin_has_its_own_tcb_layout(turin: Workshop) -> None:
    """The microcode of a Turin is where others have it, and nothing else is."""
    assert turin.machine.tcb_version == bytes.fromhex("0101010400000048")
    tcb = turin.authenticate(turin.report).claims.tcb
    assert tcb.components == {"fmc": 1, "bootloader": 1, "tee": 1, "snp": 4, "microcode": 72}


def test_turin_has_a_short_chip_id(turin: Workshop) -> None:
    """A Turin's hwID has 8 bytes, and CHIP_ID is those and zeros, not just begins with them."""
    chip = turin.authenticate(turin.report).claims.instance
    assert chip == turin.machine.hwid + bytes(56)
    with pytest.raises(UnauthenticError, match=r"snp\.vek\.hwid"):
        turin.authenticate(turin.signed(chip_id=turin.machine.hwid + b"\1" + bytes(55)))


def test_platform_info_bit_6(turin: Workshop) -> None:
    """Recorded Turins set a bit of PLATFORM_INFO that has no name; it is kept, not refused."""
    for value in (0x65, 0x67, 1 << 63):
        raw = turin.signed(platform_info=PlatformInfo(value))
        assert turin.authenticate(raw).claims.fields["snp.platform_info.raw"] == value


def test_version_2_has_no_cpuid(milan2: Workshop) -> None:
    """The product of an old report is the one of its VEK, whose ASK and ARK must be the same's."""
    assert parse(milan2.report).product is None
    assert milan2.authenticate(milan2.report).claims.fields["snp.product"] == "Milan"


def test_version_4_is_read_as_version_3(genoa: Workshop) -> None:
    """Firmware 1.55.31 writes version 4, of which nothing but the number is known."""
    workshop = genoa.of(version=4)
    fields = workshop.authenticate(workshop.report).claims.fields
    assert (fields["snp.version"], fields["snp.cpuid_fam_id"]) == (4, 0x19)
    assert "snp.launch_mit_vector" not in fields


def test_vlek_has_no_hwid(vlek: Workshop) -> None:
    """A VLEK is of no chip: CHIP_ID may be zero, and may be there."""
    assert vlek.authenticate(vlek.report).claims.instance == b""
    chip = b"c" * 64
    assert vlek.authenticate(vlek.signed(chip_id=chip)).claims.instance == chip


def test_chains_are_of_rsassa_pss(genoa: Workshop) -> None:
    """Every certificate is signed by RSASSA-PSS, which the usual path validation refuses."""
    for der in genoa.machine.certificates():
        oid = load_certificate(der, "certificate").signature_algorithm_oid
        assert oid == SignatureAlgorithmOID.RSASSA_PSS


def test_tables_hold_pem_or_der(genoa: Workshop) -> None:
    """Some hosts put PEM into the certificate table."""
    vek, ask, ark = genoa.machine.certificates()
    for encoded in (lambda der: der, lambda der: pem("CERTIFICATE", der)):
        pairs = zip((VCEK, ASK, ARK), map(encoded, (vek, ask, ark)), strict=True)
        entries = tuple(Entry(guid=guid, data=data) for guid, data in pairs)
        raw = genoa.report + pack_table(CertificateTable(entries=entries))
        assert genoa.authenticate(raw, Endorsements())


def test_a_table_of_unknown_entries(genoa: Workshop) -> None:
    """A host's own entries (56 bytes in one recorded file) are kept apart and not believed."""
    tail = bytes.fromhex("ecae0c0f950243b1afa20ae2e0d565b63000000008000000") + bytes(24)
    raw = genoa.report + tail + bytes.fromhex("08000000020f8000")
    assert len(tail) + 8 == 56
    evidence = parse(raw)
    assert [entry.data.hex() for entry in evidence.table.unknown] == ["08000000020f8000"]
    assert not evidence.carried
    assert genoa.authenticate(raw)


def test_ask_revoked(genoa: Workshop) -> None:
    """AMD has revoked an ASK: its list is looked at."""
    revoked = genoa.of(ask_revoked=True)
    with pytest.raises(UnauthenticError, match="revocation"):
        revoked.authenticate(revoked.report)


def test_the_imitation_of_version_1(genoa: Workshop, patched: Patched) -> None:
    """The reports that emulated hosts show have version 1, and are no reports."""
    with pytest.raises(MalformedError, match="got version 1, want one of 2, 3, 4, 5"):
        parse(patched(genoa.report, 0, b"\x01"))


def test_bytes_after_the_signature_are_not_signed(genoa: Workshop, patched: Patched) -> None:
    """What follows the signature's numbers could be anything, so it must be zero."""
    for offset in (0x2D0, 0x318, 0x330, 0x49F):
        with pytest.raises(MalformedError, match="reserved, got"):
            parse(patched(genoa.report, offset, b"\x01"))


def test_siena_is_a_genoa(genoa: Workshop) -> None:
    """A Siena or Bergamo says another model, and has Genoa's root."""
    raw = genoa.signed(cpuid_mod_id=0xA0)
    assert genoa.authenticate(raw).anchor == "SIMULATED ARK-Genoa"


def test_cpuid_of_another_product(genoa: Workshop) -> None:
    """A report that says it is a Milan's does not verify with a Genoa's certificate."""
    with pytest.raises(UnauthenticError, match=r"snp\.vek\.product_name: got Genoa, want Milan"):
        genoa.authenticate(genoa.signed(cpuid_mod_id=0x01))
    with pytest.raises(MalformedError, match=r"report\.cpuid: got CPU family 0x1b model 0x11"):
        parse(genoa.signed(cpuid_fam_id=0x1B))
