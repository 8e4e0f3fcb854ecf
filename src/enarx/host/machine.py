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

    @property
    def architecture(self) -> str:
        """The architecture of the kernel that runs this."""
        return platform.machine()

    def number(self, key: str) -> int:
        """A number of the first processor in /proc/cpuinfo; 0 if it is not there."""
        text = self._cpu.get(key, "")
        return int(text) if text.isascii() and text.isdigit() else 0

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

    def group(self, path: str) -> str:
        """The name of the group that it belongs to; empty for root's, or one without a name."""
        try:
            number = os.stat(self.locate(path)).st_gid
        except OSError:
            return ""
        if not number:
            return ""
        lines = (line.split(":") for line in self.read("/etc/group").splitlines())
        return next((f[0] for f in lines if len(f) > 2 and f[2] == str(number)), "")  # noqa: PLR2004

    def read(self, path: str) -> str:
        """The text of a small file; empty if there is none."""
        return self.read_bytes(path, 1 << 20).decode("utf-8", "replace").strip()

    def read_bytes(self, path: str, most: int) -> bytes:
        """The first *most* bytes of a file; empty if there is none."""
        try:
            with open(self.locate(path), "rb") as file:
                return file.read(most)
        except OSError:
            return b""

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
