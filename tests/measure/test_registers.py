"""Launch digest, MRTD and MRENCLAVE: by their definition, and as others computed them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from enarx.measure.pages import PAGE_BYTES
from enarx.measure.sgx import CHUNK_BYTES, REGULAR_RX, MrEnclave
from enarx.measure.snp import DIGEST_BYTES, VMSA_GPA, LaunchDigest, PageType
from enarx.measure.tdx import MrTd

PAGE = bytes(range(256)) * 16


def test_a_launch_digest_by_its_definition() -> None:
    """AMD 56860, the structure of 0x70 bytes, chained."""
    found = LaunchDigest()
    found.page(0x1000, PAGE)
    info = bytes(48) + hashlib.sha384(PAGE).digest() + b"\x70\0\1\0\0\0\0\0" + b"\0\x10" + bytes(6)
    assert len(info) == 0x70
    first = hashlib.sha384(info).digest()
    assert found.value == first
    found.without_content(0x2000, PageType.CPUID)
    info = first + bytes(48) + b"\x70\0\6\0\0\0\0\0" + b"\0\x20" + bytes(6)
    second = hashlib.sha384(info).digest()
    assert found.value == second
    found.page(VMSA_GPA, PAGE, PageType.VMSA)
    info = second + hashlib.sha384(PAGE).digest() + b"\x70\0\2\0\0\0\0\0"
    info += bytes.fromhex("00f0ffffffff0000")
    assert found.value == hashlib.sha384(info).digest()
    again = LaunchDigest(second)
    again.page(VMSA_GPA, PAGE, PageType.VMSA)
    assert again.value == found.value


def test_an_mrtd_by_its_definition() -> None:
    """Blocks of 128 bytes, chunks of 256."""
    found = MrTd()
    found.add(0x10_0000)
    found.extend(0x10_0000, PAGE)
    want = hashlib.sha384(b"MEM.PAGE.ADD\0\0\0\0" + b"\0\0\x10" + bytes(109))
    for at in range(0, PAGE_BYTES, 256):
        want.update(b"MR.EXTEND" + bytes(7) + (0x10_0000 + at).to_bytes(8, "little") + bytes(104))
        want.update(PAGE[at : at + 256])
    assert found.value == want.digest()


def test_an_mrenclave_by_its_definition() -> None:
    """Records of 64 bytes, chunks of 256."""
    found = MrEnclave(0x2000, 1)
    found.add(0x1000, REGULAR_RX)
    found.extend(0x1000, PAGE)
    want = hashlib.sha256(b"ECREATE\0\1\0\0\0\0\x20" + bytes(50))
    want.update(b"EADD\0\0\0\0" + b"\0\x10" + bytes(6) + b"\5\2" + bytes(46))
    for at in range(0, PAGE_BYTES, CHUNK_BYTES):
        want.update(b"EEXTEND\0" + (0x1000 + at).to_bytes(8, "little") + bytes(48))
        want.update(PAGE[at : at + CHUNK_BYTES])
    assert found.value == want.digest()


def test_wrong_sizes_are_our_mistakes() -> None:
    """Pages and chunks are whole."""
    for make in (
        lambda: LaunchDigest(bytes(DIGEST_BYTES - 1)),
        lambda: LaunchDigest().page(0, PAGE[:-1]),
        lambda: MrTd().extend(0, PAGE + b"\0"),
        lambda: MrEnclave(0x1000, 1).extend(0, b""),
        lambda: MrEnclave(0x1000, 1).chunk(0, bytes(255)),
    ):
        with pytest.raises(ValueError, match=r"need \d+ bytes, got \d+"):
            make()


# ── as others computed them ──────────────────────────────────────────────────────────────────────


def expected(folder: Path) -> dict[str, Any]:
    """What a manifest says."""
    found: dict[str, Any] = json.loads((folder / "manifest.json").read_text())["expected"]
    return found


def test_recorded_enclave_streams_have_their_mrenclave(shared: Path) -> None:
    """An enclave as a stream of records, whose MRENCLAVE its author signed."""
    folder = shared / "vectors/measure/sgx-fortanix"
    facts = expected(folder)
    for name, key in (("test_enclave.sgxs", "test_enclave"), ("report.sgxs", "report_sgxs")):
        data = (folder / name).read_bytes()
        assert data.startswith(b"ECREATE\0")
        frame, size = data[8:12], data[12:20]
        register = MrEnclave(int.from_bytes(size, "little"), int.from_bytes(frame, "little"))
        at = 64
        while at < len(data):
            offset = int.from_bytes(data[at + 8 : at + 16], "little")
            if data[at : at + 4] == b"EADD":
                register.add(offset, int.from_bytes(data[at + 16 : at + 24], "little"))
            else:
                assert data[at : at + 8] == b"EEXTEND\0"
                register.chunk(offset, data[at + 64 : at + 64 + CHUNK_BYTES])
                at += CHUNK_BYTES
            at += 64
        assert register.value.hex() == facts[key]["mrenclave"]


def test_a_recorded_firmware_has_its_mrtd(shared: Path) -> None:
    """Sections of a firmware, added page by page, as a second implementation did."""
    folder = shared / "vectors/measure/tdx-mrtd-ovmf-inteltdx"
    facts = expected(folder)
    firmware = (folder / "OVMF.inteltdx.fd").read_bytes()
    register = MrTd()
    for section in facts["sections"]:
        gpa, offset = section["gpa"], section["data_offset"]
        data = firmware[offset : offset + section["raw_size"]].ljust(section["mem_size"], b"\0")
        for at in range(0, section["mem_size"], PAGE_BYTES):
            register.add(gpa + at)
            if section["attributes"] & 1:
                register.extend(gpa + at, data[at : at + PAGE_BYTES])
    values = {value for key, value in facts.items() if key.startswith("mrtd")}
    assert register.value.hex() in values
