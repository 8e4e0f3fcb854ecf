"""Linux's configfs-tsm as its documentation and its source say it behaves, for tests.

A plain directory cannot play it: what is written to a binary attribute counts when the file is
closed, and closing reports nothing; what is read is made at the first read of each opening; writes
are counted.  So this stands in the place of the system calls.

Sources: Linux, Documentation/ABI/testing/configfs-tsm-report; drivers/virt/coco/guest/report.c
(6.18); fs/configfs/file.c; drivers/virt/coco/sev-guest/sev-guest.c, tdx-guest/tdx-guest.c.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

PAGE = 4096
INBLOB_MAX = 64

Sign: TypeAlias = Callable[[bytes, int], tuple[bytes, bytes]]
"""``(inblob, privlevel)`` to ``(outblob, auxblob)``: a provider's ``report_new``; may raise."""

_COMMON = {"generation", "provider", "inblob", "outblob"}
_VISIBLE = {
    "sev_guest": _COMMON | {"auxblob", "privlevel", "privlevel_floor"},
    "tdx_guest": _COMMON,
}
_BINARY_READ = {"outblob", "auxblob"}
_WRITE_ONLY = {"inblob", "privlevel"}


@dataclass
class Opened:
    """An open file: what was written to it, or what its first read found."""

    name: str
    flags: int
    written: bytearray = field(default_factory=bytearray)
    content: bytes | None = None
    at: int = 0


class Kernel:
    """One report instance.

    Args:
        sign: the TEE.
        provider: the driver's name.
        floor: of the privilege levels.
        before: called with the name of each system call and its attribute before it happens.
    """

    def __init__(
        self,
        sign: Sign,
        provider: str = "sev_guest",
        *,
        floor: int = 0,
        before: Callable[[str, str], None] = lambda _call, _name: None,
    ) -> None:
        self.sign = sign
        self.provider = provider
        self.floor = floor
        self.before = before
        self.write_generation = 0
        self.read_generation = 0
        self.inblob = b""
        self.privlevel = 0
        self.blobs: dict[str, bytes] | None = None
        self.signed: list[bytes] = []
        self._open: dict[int, Opened] = {}
        self._last = 100

    @property
    def open_files(self) -> int:
        """Descriptors that nobody closed."""
        return len(self._open)

    def open(self, name: str, flags: int) -> int:
        """Open what this provider shows, for what it is for."""
        self.before("open", name)
        if name not in _VISIBLE.get(self.provider, _COMMON):
            raise OSError(errno.ENOENT, "no such file", name)
        wanted = os.O_WRONLY if name in _WRITE_ONLY else os.O_RDONLY
        if flags & os.O_ACCMODE != wanted:
            raise OSError(errno.EACCES, "permission denied", name)
        self._last += 1
        self._open[self._last] = Opened(name, flags)
        return self._last

    def write(self, fd: int, data: bytes) -> int:
        """Store a text attribute at once, a binary one when it is closed."""
        opened = self._open[fd]
        self.before("write", opened.name)
        if opened.name == "privlevel":
            self.store_privlevel(data)
            return len(data)
        if len(opened.written) + len(data) > INBLOB_MAX:
            raise OSError(errno.EFBIG, "file too large")
        opened.written += data
        return len(data)

    def read(self, fd: int, size: int) -> bytes:
        """Read a page at most; the first time makes the content of this opening."""
        opened = self._open[fd]
        self.before("read", opened.name)
        if opened.content is None:
            opened.content = self._show(opened.name)
        found = opened.content[opened.at : opened.at + min(size, PAGE)]
        opened.at += len(found)
        return found

    def close(self, fd: int) -> None:
        """Close; now an inblob is stored, and what came of that is ignored."""
        opened = self._open.pop(fd)
        self.before("close", opened.name)
        if opened.written and self._advance():
            self.inblob = bytes(opened.written)

    def write_inblob(self, data: bytes) -> None:
        """What another process does to this instance."""
        if self._advance():
            self.inblob = data

    def read_outblob(self) -> bytes:
        """Likewise."""
        return self._report()["outblob"]

    def store_privlevel(self, data: bytes) -> None:
        """Likewise."""
        level = int(data)
        if not self.floor <= level <= 3:
            raise OSError(errno.EINVAL, "invalid argument")
        if not self._advance():
            raise OSError(errno.EBUSY, "device or resource busy")
        self.privlevel = level

    def _advance(self) -> bool:
        if self.write_generation == self.read_generation - 1:  # written around the clock, unread
            return False
        self.write_generation += 1
        return True

    def _show(self, name: str) -> bytes:
        if name == "generation":
            return b"%d\n" % self.write_generation
        if name == "provider":
            return self.provider.encode() + b"\n"
        if name == "privlevel_floor":
            return b"%d\n" % self.floor
        return self._report()[name]

    def _report(self) -> dict[str, bytes]:
        if not self.inblob:
            raise OSError(errno.EINVAL, "invalid argument")
        if self.blobs is None or self.read_generation != self.write_generation:
            self.blobs = None
            outblob, auxblob = self.sign(self.inblob, self.privlevel)
            self.signed.append(self.inblob)
            self.blobs = {"outblob": outblob, "auxblob": auxblob}
            self.read_generation = self.write_generation
        return self.blobs


def report_for(inblob: bytes, privlevel: int = 0) -> tuple[bytes, bytes]:
    """An SNP report with nothing but its REPORT_DATA and VMPL, and no certificates."""
    report = bytearray(1184)
    report[0x30] = privlevel
    report[0x50 : 0x50 + len(inblob)] = inblob
    return bytes(report), b""
