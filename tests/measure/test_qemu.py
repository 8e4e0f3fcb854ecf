"""An oracle: a real QEMU hands over the kernel whose header is computed.

The machine is not started: what it offers to a firmware (fw_cfg) is read by its test protocol.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.measure.kernels import kernel

from enarx.measure.linux_setup import patched

pytestmark = pytest.mark.needs("qemu-system-x86_64")

MACHINE = "pc-q35-7.1"  # later ones add a seed of random numbers to the kernel
LINE = "console=hvc0"
SETUP_SIZE, SETUP, COMMAND_LINE_SIZE, COMMAND_LINE = 0x17, 0x18, 0x14, 0x15


class FirmwareConfig:
    """What QEMU offers, read byte by byte."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def read(self, item: int, size: int) -> bytes:
        """The first bytes of an item."""
        self._ask(f"outw 0x510 {item:#x}")
        return bytes(int(self._ask("inb 0x511")[1], 16) for _ in range(size))

    def number(self, item: int) -> int:
        """An item of four bytes."""
        return int.from_bytes(self.read(item, 4), "little")

    def _ask(self, command: str) -> list[str]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline().split()
        assert answer[0] == "OK"
        return answer


@contextmanager
def qemu(folder: Path, data: bytes, disk: bytes, memory: int) -> Iterator[FirmwareConfig]:
    """A machine of *memory* MiB that waits."""
    (folder / "kernel").write_bytes(data)
    (folder / "initrd").write_bytes(disk)
    command = [
        "qemu-system-x86_64", "-machine", MACHINE, "-accel", "tcg", "-S", "-nodefaults",
        "-display", "none", "-m", str(memory), "-kernel", "kernel", "-append", LINE,
        "-qtest", "stdio", "-qtest-log", "none", *(["-initrd", "initrd"] if disk else []),
    ]  # fmt: skip
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=folder, stdin=pipe, stdout=pipe, text=True) as process:
        try:
            yield FirmwareConfig(process)
        finally:
            process.kill()


@pytest.mark.parametrize("memory", [1024, 2048, 2815, 2816, 4096])
@pytest.mark.parametrize("above_4g", [True, False])
def test_qemu_patches_the_same(tmp_path: Path, memory: int, *, above_4g: bool) -> None:
    """Also where the split of the memory begins, and for kernels that want the disk lower."""
    data, disk = kernel(above_4g=above_4g), b"initrd" * 1000
    with qemu(tmp_path, data, disk, memory) as offered:
        setup = offered.read(SETUP, offered.number(SETUP_SIZE))
    assert patched(data, len(disk), LINE, memory << 20)[: len(setup)] == setup


def test_qemu_patches_the_same_without_a_disk(tmp_path: Path) -> None:
    """And hands over the command line with its NUL, which the firmware takes off."""
    with qemu(tmp_path, kernel(), b"", 2048) as offered:
        setup = offered.read(SETUP, offered.number(SETUP_SIZE))
        line = offered.read(COMMAND_LINE, offered.number(COMMAND_LINE_SIZE))
    assert patched(kernel(), 0, LINE, 2048 << 20)[: len(setup)] == setup
    assert line == LINE.encode() + b"\0"
