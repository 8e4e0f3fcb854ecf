"""ATTESTATION_REPORT: what is read, and what is refused with its place."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.errors import MalformedError
from enarx.tee.snp.evidence import REPORT_BYTES, SIGNED_BYTES, parse
from enarx.tee.snp.report import (
    AttestationReport,
    GuestPolicy,
    PlatformInfo,
    Signature,
    SignerInfo,
    read_report,
)
from enarx.wire.record import pack, unpack

if TYPE_CHECKING:
    from tests.tee.snp.conftest import Workshop

Patched = Callable[[bytes, int, bytes], bytes]


def test_size() -> None:
    """A report has 0x4A0 bytes, of which the signature covers the first 0x2A0."""
    assert (REPORT_BYTES, SIGNED_BYTES) == (0x4A0, 0x2A0)


def test_round_trip(genoa: Workshop, turin: Workshop, vlek: Workshop, milan2: Workshop) -> None:
    """Unpacked and packed again, reports of all versions and kinds of keys are the same bytes."""
    for workshop in (genoa, turin, vlek, milan2, genoa.of(version=4)):
        raw = workshop.report
        evidence = parse(raw)
        assert pack(evidence.report) + pack(evidence.signature) == raw
        assert unpack(AttestationReport, raw[:SIGNED_BYTES]) == evidence.report
        assert evidence.signed == raw[:SIGNED_BYTES]


@pytest.mark.parametrize("version", [0, 1, 6, 7, 0x1_0003, 0xFFFF_FFFF])
def test_unknown_versions(genoa: Workshop, patched: Patched, version: int) -> None:
    """A version that is not known here is not read as the nearest known one."""
    raw = patched(genoa.report, 0x000, version.to_bytes(4, "little"))
    with pytest.raises(MalformedError, match=rf"report\.version at 0x0: got version {version},"):
        parse(raw)


LATER = [(0x188, 3), (0x189, 3), (0x18A, 3), (0x1F8, 5), (0x1FF, 5), (0x200, 5), (0x207, 5)]


@pytest.mark.parametrize("version", [2, 3, 4, 5])
@pytest.mark.parametrize(("offset", "since"), LATER)
def test_fields_that_older_versions_reserve(
    genoa: Workshop, patched: Patched, version: int, offset: int, since: int
) -> None:
    """CPUID is reserved before version 3, the mitigation vectors before 5."""
    raw = patched(genoa.of(version=version).report[:SIGNED_BYTES], offset, b"\x01")
    if version >= since:
        assert read_report(raw, "report").version == version
        return
    with pytest.raises(MalformedError, match=f"reserved in version {version}, got"):
        read_report(raw, "report")


RESERVED = [(0x04C, 4), (0x18B, 21), (0x1EB, 1), (0x1EF, 1), (0x208, 152)]
RESERVED_IN_SIGNATURE = [(0x2D0, 24), (0x318, 24), (0x330, 368)]


@pytest.mark.parametrize(("offset", "size"), RESERVED + RESERVED_IN_SIGNATURE)
def test_reserved_bytes(turin: Workshop, patched: Patched, offset: int, size: int) -> None:
    """Every reserved byte must be zero, those after the signature's numbers too."""
    for place in range(offset, offset + size):
        with pytest.raises(MalformedError, match=r"reserved, got [0-9a-f]+, want zero"):
            parse(patched(turin.report, place, b"\x80"))


@pytest.mark.parametrize(
    ("policy", "problem"),
    [(0x1_0000, "bit 17"), (0x403_0000, "bits 63 to 26"), (1 << 63 | 1 << 17, "bits 63 to 26")],
)
def test_policies_that_the_firmware_refuses(
    genoa: Workshop, patched: Patched, policy: int, problem: str
) -> None:
    """Bit 17 must be one, and bits without a meaning zero."""
    raw = patched(genoa.report, 0x008, policy.to_bytes(8, "little"))
    with pytest.raises(MalformedError, match=rf"report\.policy at 0x8: got .* {problem}"):
        parse(raw)


def test_policy_bits() -> None:
    """Every bit of POLICY has its place."""
    names = {
        16: "smt", 18: "migrate_ma", 19: "debug", 20: "single_socket", 21: "cxl_allow",
        22: "mem_aes_256_xts", 23: "rapl_dis", 24: "ciphertext_hiding_dram",
        25: "page_swap_disable",
    }  # fmt: skip
    for bit, name in names.items():
        policy = GuestPolicy(1 << 17 | 1 << bit)
        assert {n for n in names.values() if getattr(policy, n)} == {name}
    assert (GuestPolicy(0x2_1234).abi_major, GuestPolicy(0x2_1234).abi_minor) == (0x12, 0x34)


def test_platform_info_bits() -> None:
    """Every named bit of PLATFORM_INFO has its place, and the others are kept."""
    names = {
        0: "smt_en", 1: "tsme_en", 2: "ecc_en", 3: "rapl_dis", 4: "ciphertext_hiding_dram_en",
        5: "alias_check_complete", 7: "tio_en",
    }  # fmt: skip
    for bit in range(64):
        info = PlatformInfo(1 << bit)
        named = [names[bit]] if bit in names else []
        assert [name for name in names.values() if getattr(info, name)] == named
        assert int(info) == 1 << bit


def test_signer_info() -> None:
    """The word at 0x48 names the signing key, and has no unknown bit or value."""
    assert [SignerInfo(key << 2).signing_key for key in (0, 1, 7)] == ["vcek", "vlek", "none"]
    info = SignerInfo(0b01)
    assert (info.author_key_en, info.mask_chip_key, int(info)) == (True, False, 1)
    assert SignerInfo(0b10).mask_chip_key
    for key in range(2, 7):
        with pytest.raises(ValueError, match=f"got SIGNING_KEY {key}, want 0"):
            SignerInfo(key << 2)
    for bit in range(5, 32):
        with pytest.raises(ValueError, match="reserved bits 31 to 5"):
            SignerInfo(1 << bit)


@pytest.mark.parametrize("algorithm", [0, 2, 0x101])
def test_signature_algorithms(genoa: Workshop, patched: Patched, algorithm: int) -> None:
    """Only ECDSA P-384 with SHA-384 is a signature algorithm."""
    raw = patched(genoa.report, 0x034, algorithm.to_bytes(4, "little"))
    with pytest.raises(MalformedError, match=f"got signature algorithm {algorithm}, want 1"):
        parse(raw)


@pytest.mark.parametrize(("vmpl", "fits"), [(0, 1), (3, 1), (0xFFFF_FFFF, 1), (4, 0), (1 << 31, 0)])
def test_vmpl(genoa: Workshop, patched: Patched, vmpl: int, fits: int) -> None:
    """A report is of one of four privilege levels, or requested by the host."""
    raw = patched(genoa.report, 0x030, vmpl.to_bytes(4, "little"))
    if fits:
        assert parse(raw).report.vmpl == vmpl
        return
    with pytest.raises(MalformedError, match=f"got VMPL 0x{vmpl:x}"):
        parse(raw)


@given(st.binary(min_size=SIGNED_BYTES, max_size=SIGNED_BYTES), st.binary(max_size=64))
def test_junk_is_malformed(junk: bytes, head: bytes) -> None:
    """Whatever arrives is a report that packs to the same bytes, or MalformedError."""
    data = b"\x03\0\0\0" + head + junk[4 + len(head) :]
    try:
        report = read_report(data, "report")
    except MalformedError:
        return
    assert pack(report) == data


@st.composite
def reports(draw: st.DrawFn) -> bytes:
    """The signed bytes of any report that is well formed."""
    version = draw(st.sampled_from([2, 3, 4, 5]))
    data = bytearray(draw(st.binary(min_size=SIGNED_BYTES, max_size=SIGNED_BYTES)))
    policy = draw(st.integers(0, (1 << 26) - 1)) | 1 << 17
    key = draw(st.sampled_from([0, 1, 7])) << 2 | draw(st.integers(0, 3))
    vmpl = draw(st.sampled_from([0, 1, 2, 3, 0xFFFF_FFFF]))
    for offset, size, value in (
        (0x000, 4, version), (0x008, 8, policy), (0x030, 4, vmpl), (0x034, 4, 1), (0x048, 4, key),
    ):  # fmt: skip
        data[offset : offset + size] = value.to_bytes(size, "little")
    later = [(0x188, 3)] * (version < 3) + [(0x1F8, 16)] * (version < 5)
    for offset, size in (*RESERVED, *later):
        data[offset : offset + size] = bytes(size)
    return bytes(data)


@given(reports())
def test_any_report_round_trips(data: bytes) -> None:
    """Every well-formed report is read, and packs to the same bytes."""
    report = read_report(data, "report")
    assert pack(report) == data
    assert read_report(pack(report), "report") == report
    assert int(report.policy).to_bytes(8, "little") == data[0x008:0x010]
    assert report.chip_id == data[0x1A0:0x1E0]


@given(st.binary(max_size=1400))
def test_evidence_is_read_or_malformed(junk: bytes) -> None:
    """Whatever arrives as evidence is read or MalformedError."""
    with suppress(MalformedError):
        assert parse(junk).raw == junk


@given(st.binary(min_size=512, max_size=512))
def test_signature_round_trip(junk: bytes) -> None:
    """The two numbers of a signature come back; junk beside them is refused."""
    clean = junk[:48] + bytes(24) + junk[72:120] + bytes(24 + 368)
    assert pack(unpack(Signature, clean)) == clean
    if junk != clean:
        with pytest.raises(MalformedError):
            unpack(Signature, junk)
