"""The kernel that the quoter is tested with keeps what Linux documents."""

from __future__ import annotations

import os

import pytest
from tests.keep.vm.kernel import Kernel, report_for


def written(kernel: Kernel, name: str, *parts: bytes) -> None:
    """Open, write, close."""
    fd = kernel.open(name, os.O_WRONLY)
    for part in parts:
        kernel.write(fd, part)
    kernel.close(fd)


def shown(kernel: Kernel, name: str) -> bytes:
    """Open, read to the end, close."""
    fd = kernel.open(name, os.O_RDONLY)
    parts = []
    while part := kernel.read(fd, 1 << 20):
        parts.append(part)
    kernel.close(fd)
    return b"".join(parts)


def test_inblob_counts_when_it_is_closed() -> None:
    """Parts of it are put together; the generation moves once, at the close."""
    kernel = Kernel(report_for)
    fd = kernel.open("inblob", os.O_WRONLY)
    kernel.write(fd, b"a" * 32)
    kernel.write(fd, b"b" * 32)
    assert (shown(kernel, "generation"), kernel.inblob) == (b"0\n", b"")
    kernel.close(fd)
    assert (shown(kernel, "generation"), kernel.inblob) == (b"1\n", b"a" * 32 + b"b" * 32)


def test_inblob_has_64_bytes_at_most() -> None:
    """A longer write is EFBIG."""
    with pytest.raises(OSError, match="file too large"):
        written(Kernel(report_for), "inblob", bytes(65))


def test_a_report_needs_an_inblob() -> None:
    """Reading without one is EINVAL."""
    with pytest.raises(OSError, match="invalid argument"):
        shown(Kernel(report_for), "outblob")


def test_a_report_is_made_once_for_each_write() -> None:
    """Reading again gives the same, writing invalidates it, and every write is counted."""
    kernel = Kernel(report_for)
    written(kernel, "inblob", b"a" * 64)
    assert shown(kernel, "outblob") == shown(kernel, "outblob") == report_for(b"a" * 64)[0]
    assert kernel.signed == [b"a" * 64]
    written(kernel, "privlevel", b"1")
    written(kernel, "inblob", b"b" * 64)
    assert shown(kernel, "generation") == b"3\n"
    assert shown(kernel, "outblob") == report_for(b"b" * 64, 1)[0]


def test_an_opening_reads_one_report() -> None:
    """What an opening began to read it reads to the end, whatever is written meanwhile."""
    kernel = Kernel(lambda inblob, _: (inblob * 100, b""))
    written(kernel, "inblob", b"a" * 64)
    fd = kernel.open("outblob", os.O_RDONLY)
    found = kernel.read(fd, 1 << 20)
    assert len(found) == 4096
    kernel.write_inblob(b"b" * 64)
    assert found + kernel.read(fd, 1 << 20) == b"a" * 6400


def test_the_provider_decides_what_is_visible() -> None:
    """TDX has neither certificates nor privilege levels; nothing is readable that is written."""
    kernel = Kernel(report_for, "tdx_guest")
    for name in ("auxblob", "privlevel", "privlevel_floor"):
        with pytest.raises(FileNotFoundError):
            kernel.open(name, os.O_RDONLY)
    with pytest.raises(PermissionError):
        kernel.open("inblob", os.O_RDONLY)


def test_privilege_levels_have_a_floor() -> None:
    """A level above the guest's own is EINVAL."""
    kernel = Kernel(report_for, floor=2)
    assert shown(kernel, "privlevel_floor") == b"2\n"
    with pytest.raises(OSError, match="invalid argument"):
        written(kernel, "privlevel", b"1")
