"""Files in memory that nobody can change: what was measured is what QEMU reads.

Source: Linux, memfd_create(2), fcntl(2) "File Sealing".
"""

from __future__ import annotations

import fcntl
import os

from enarx.errors import MalformedError

_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


def sealed(name: str, data: bytes) -> int:
    """A new descriptor of a sealed file with *data* in it; *name* is seen below /proc."""
    fd = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _SEALS)
    except OSError:
        os.close(fd)
        raise
    return fd


def check(fd: int) -> None:
    """Refuse a descriptor of what somebody could still change.

    Raises:
        MalformedError: it is no file in memory with every seal.
    """
    try:
        found = fcntl.fcntl(fd, fcntl.F_GET_SEALS)
    except OSError:  # no file in memory
        found = 0
    if found & _SEALS != _SEALS:
        raise MalformedError("file to be loaded", "is not sealed")


def path(fd: int) -> str:
    """Where a child that inherits *fd* opens it."""
    return f"/proc/self/fd/{fd}"
