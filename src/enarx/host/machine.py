"""Facts about this machine that decide which platforms it can be: files, processor, programs.

Everything is read below *root* and found on *path*, so that a test can describe another machine.
"""

from __future__ import annotations

import os
import platform
import resource

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


class Machine:
    """One machine, real or described by a tree of files."""

    def __init__(self, *, root: str = "/", path: str = os.defpath) -> None:
        self._root = root
        self._path = path
        self._cpu = _first_processor(self.read("/proc/cpuinfo"))

    @property
    def system(self) -> str:
        """Kernel name, release, version and architecture, as Enarx 0.7 shows them."""
        name = platform.uname()
        return f"{name.system} {name.release} {name.version} {name.machine}"

    @property
    def vendor(self) -> str:
        """The processor's vendor ("AuthenticAMD", "GenuineIntel"); empty if unknown."""
        return self._cpu.get("vendor_id", "")

    @property
    def processor(self) -> str:
        """The processor's name."""
        return self._cpu.get("model name", "unknown")

    def feature(self, *names: str) -> bool:
        """Does the kernel list one of these processor features?"""
        return not set(names).isdisjoint(self._cpu.get("flags", "").split())

    def locate(self, path: str) -> str:
        """Where *path* of that machine is on this one."""
        return os.path.join(self._root, path.lstrip("/"))

    def exists(self, path: str) -> bool:
        """Is there such a file, device or socket?"""
        return os.path.exists(self.locate(path))

    def accessible(self, path: str) -> bool:
        """May this user read and write it?"""
        return os.access(self.locate(path), os.R_OK | os.W_OK)

    def read(self, path: str) -> str:
        """The text of a small file; empty if there is none."""
        try:
            with open(self.locate(path), encoding="utf-8", errors="replace") as file:
                return file.read(1 << 20).strip()
        except OSError:
            return ""

    def switched_on(self, path: str) -> bool:
        """Does a kernel module's parameter say yes?"""
        return self.read(path) in ("1", "Y", "y")

    def program(self, *names: str) -> str:
        """The path of the first of these programs that is installed; empty if none."""
        for name in names:
            for directory in self._path.split(os.pathsep):
                candidate = os.path.join(directory, name)
                if directory and os.access(candidate, os.X_OK) and os.path.isfile(candidate):
                    return candidate
        return ""

    def limit(self, kind: int) -> int:
        """A resource limit of this process; -1 is none."""
        soft, _ = resource.getrlimit(kind)
        return -1 if soft == resource.RLIM_INFINITY else soft


def _first_processor(text: str) -> Mapping[str, str]:
    """The first paragraph of /proc/cpuinfo, as key and value."""
    paragraph = text.partition("\n\n")[0]
    pairs = (line.partition(":") for line in paragraph.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}
