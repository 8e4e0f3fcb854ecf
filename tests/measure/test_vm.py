"""A simulated platform's measurement of an ordinary machine, put together by hand."""

from __future__ import annotations

import hashlib

import pytest

from enarx.measure import vm
from enarx.measure.snp_guest import Boot

BOOT = Boot(kernel=b"kernel", initrd=b"initrd", command_line="quiet")
FIRMWARE = b"\x5a" * 8192


def sha384(*parts: bytes) -> bytes:
    """Of all parts together."""
    return hashlib.sha384(b"".join(parts)).digest()


def test_snp_by_the_definition() -> None:
    """Two pages of firmware below 4 GiB, a page of hashes, two processors."""
    digest = bytes(48)

    def add(gpa: int, kind: int, contents: bytes) -> None:
        nonlocal digest
        info = digest + contents + (0x70).to_bytes(2, "little") + bytes((kind,)) + bytes(5)
        digest = sha384(info, gpa.to_bytes(8, "little"))

    for gpa in (0xFFFF_E000, 0xFFFF_F000):
        add(gpa, 1, sha384(FIRMWARE[:4096]))
    hashes = vm.kernel_hashes.table(b"kernel", b"initrd", "quiet").ljust(4096, b"\0")
    add(0x81_0000, 1, sha384(hashes))
    state = vm.vmsa(0xFFFF_FFF0, vmm="qemu", signature=0, features=1)
    for _ in range(2):
        add(0xFFFF_FFFF_F000, 2, sha384(state))
    assert vm.snp(FIRMWARE, BOOT, processors=2) == {"measurement": digest}


def test_tdx_by_the_definition() -> None:
    """Kernel into one register, command line and initial RAM disk into another."""
    found = vm.tdx(FIRMWARE, BOOT)
    zeros = bytes(48)
    line = sha384(zeros, sha384(b"quiet\0"))
    assert found["rtmr_0"] == found["rtmr_3"] == zeros
    assert found["rtmr_1"] == sha384(zeros, sha384(b"kernel"))
    assert found["rtmr_2"] == sha384(line, sha384(b"initrd"))
    blocks = b""
    for gpa in (0xFFFF_E000, 0xFFFF_F000):
        blocks += (b"MEM.PAGE.ADD".ljust(16, b"\0") + gpa.to_bytes(8, "little")).ljust(128, b"\0")
        for at in range(0, 4096, 256):
            head = b"MR.EXTEND".ljust(16, b"\0") + (gpa + at).to_bytes(8, "little")
            blocks += head.ljust(128, b"\0") + FIRMWARE[:256]
    assert found["mr_td"] == sha384(blocks)


@pytest.mark.parametrize("firmware", [b"", bytes(4095)])
def test_a_firmware_is_whole_pages(firmware: bytes) -> None:
    """Half a page has no place in memory."""
    with pytest.raises(ValueError, match="want whole pages"):
        vm.tdx(firmware, BOOT)
