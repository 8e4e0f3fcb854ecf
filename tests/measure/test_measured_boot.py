"""An oracle: a real firmware and a real kernel extend what is computed, into a software TPM.

Where there is no TDX, the firmware measures the same into a TPM: what goes into PCR 4 and 5 there
goes into RTMR 1, what Linux extends into PCR 9 goes into RTMR 2 (UEFI 2.10, section 38.4.1).  So
these are the digests of those registers, from a boot that took place.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from enarx.measure.rtmr import Handover, boot_registers, replay
from enarx.measure.snp_guest import Boot

pytestmark = [pytest.mark.slow, pytest.mark.needs("swtpm", "qemu-system-x86_64")]

KERNEL, FIRMWARE = "ENARX_KERNEL", "ENARX_OVMF"
LINE = "console=ttyS0 panic=-1 quiet"
INITRD = b"no initial RAM disk that a kernel could use, but one that it measures" * 100
MEMORY_MIB = 2048
TIMEOUT_S = "100"
ENDED = b"Kernel panic"  # there is nothing to start: by then everything is measured
RELEASES = (202505, 202508)  # with the word for the disk behind the line, and before it
EXTEND = bytes.fromhex("00000182")  # TPM_CC_PCR_Extend
SIZES = {0x0004: 20, 0x000B: 32, 0x000C: 48, 0x000D: 64}  # of digests, by TPM_ALG_ID
SHA384 = 0x000C


@pytest.fixture
def kernel() -> Path:
    """Linux 6.9 or later with an EFI stub, as ENARX_KERNEL names it."""
    named = os.environ.get(KERNEL)
    if not named:
        pytest.skip(f"no kernel to boot (set {KERNEL})")
    return Path(named)


@pytest.fixture
def ovmf() -> Path:
    """The folder with OVMF_CODE_4M.fd and OVMF_VARS_4M.fd."""
    folder = Path(os.environ.get(FIRMWARE, "/usr/share/OVMF"))
    if not (folder / "OVMF_CODE_4M.fd").is_file():
        pytest.skip(f"no firmware in {folder} (install ovmf, or set {FIRMWARE})")
    return folder


@contextmanager
def tpm(folder: Path) -> Iterator[None]:
    """A software TPM at ``ctrl`` that logs its commands, until the machine leaves it."""
    (folder / "state").mkdir()
    command = [
        "swtpm", "socket", "--tpm2", "--tpmstate", f"dir={folder / 'state'}", "--daemon",
        "--ctrl", f"type=unixio,path={folder / 'ctrl'}", "--log", f"file={folder / 'log'},level=20",
        "--flags", "not-need-init", "--pid", f"file={folder / 'pid'}",
    ]  # fmt: skip
    subprocess.run(command, check=True)
    try:
        yield
    finally:
        with suppress(FileNotFoundError, ProcessLookupError):  # it ends with its machine
            os.kill(int((folder / "pid").read_text()), signal.SIGTERM)


def boot(folder: Path, kernel: Path, ovmf: Path) -> None:
    """Boot until the kernel gives up."""
    shutil.copy(ovmf / "OVMF_VARS_4M.fd", folder / "vars.fd")
    (folder / "initrd").write_bytes(INITRD)
    code = f"if=pflash,format=raw,unit=0,readonly=on,file={ovmf / 'OVMF_CODE_4M.fd'}"
    command = [
        "timeout", TIMEOUT_S, "qemu-system-x86_64", "-machine", "pc-q35-7.1", "-accel", "tcg",
        "-nodefaults", "-display", "none", "-m", str(MEMORY_MIB), "-no-reboot", "-drive", code,
        "-drive", "if=pflash,format=raw,unit=1,file=vars.fd", "-chardev", "socket,id=c,path=ctrl",
        "-tpmdev", "emulator,id=t,chardev=c", "-device", "tpm-tis,tpmdev=t",
        "-serial", "stdio", "-kernel", str(kernel), "-initrd", "initrd", "-append", LINE,
    ]  # fmt: skip
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert any(ENDED in line for line in process.stdout), "the kernel did not get there"
        process.terminate()


def extended(log: str) -> list[tuple[int, bytes]]:
    """PCR and SHA-384 digest of every extension."""
    found = []
    for block in re.findall(r"SWTPM_IO_Read: length \d+\n((?: [0-9A-F ]+\n)+)", log):
        command = bytes.fromhex(block)
        if command[6:10] != EXTEND:
            continue
        at = 18 + int.from_bytes(command[14:18], "big")  # behind the authorization
        count, at = int.from_bytes(command[at : at + 4], "big"), at + 4
        for _ in range(count):
            algorithm = int.from_bytes(command[at : at + 2], "big")
            digest = command[at + 2 : at + 2 + SIZES[algorithm]]
            at += 2 + len(digest)
            if algorithm == SHA384:
                found.append((int.from_bytes(command[10:14], "big"), digest))
    return found


def test_a_real_boot_extends_what_is_computed(tmp_path: Path, kernel: Path, ovmf: Path) -> None:
    """Image as QEMU patched it, actions and separator, load options, initial RAM disk."""
    with tpm(tmp_path):
        boot(tmp_path, kernel, ovmf)
    events = extended((tmp_path / "log").read_text(errors="replace"))
    first = [digest for register, digest in events if register in (4, 5)]
    second = [digest for register, digest in events if register == 9]
    once = dict.fromkeys(first)  # PCR 4 and PCR 5 have a separator each, RTMR 1 has one
    assert (len(first), len(once), len(second)) == (6, 5, 2)
    registers = replay((*((1, one) for one in once), *((2, one) for one in second)))[1:3]
    given = Boot(kernel=kernel.read_bytes(), initrd=INITRD, command_line=LINE)
    memory = MEMORY_MIB << 20
    assert registers in [
        boot_registers(given, Handover(release=release, patched_for=memory)) for release in RELEASES
    ]
