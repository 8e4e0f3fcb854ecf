"""What /proc says about a process and its children (proc(5))."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc")
LISTEN = "0A"  # include/net/tcp_states.h, TCP_LISTEN


class Process:
    """One process, as it is when asked."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._folder = PROC / str(pid)
        lines = (self._folder / "status").read_text().splitlines()
        self._status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)

    @property
    def parent(self) -> int:
        """Process id of the parent."""
        return int(self._status["PPid"])

    @property
    def words(self) -> list[str]:
        """The command line."""
        return (self._folder / "cmdline").read_text().rstrip("\0").split("\0")

    @property
    def no_new_privileges(self) -> bool:
        """PR_SET_NO_NEW_PRIVS is on."""
        return self._status.get("NoNewPrivs") == "1"

    @property
    def filters(self) -> int:
        """How many seccomp filters hold."""
        return int(self._status.get("Seccomp_filters", "0"))

    @property
    def threads(self) -> int:
        """How many threads it has."""
        return int(self._status["Threads"])

    @property
    def memory_kib(self) -> int:
        """Resident memory in KiB, shared pages included."""
        return int(self._status["VmRSS"].split()[0])

    def listens_on(self, port: int) -> bool:
        """It holds a TCP socket that listens on *port*."""
        sockets = {f"socket:[{inode}]" for inode in _listening(port)}
        with contextlib.suppress(OSError):
            for descriptor in (self._folder / "fd").iterdir():
                with contextlib.suppress(OSError):
                    if str(descriptor.readlink()) in sockets:
                        return True
        return False


def family(pid: int, depth: int = 0) -> Iterator[tuple[int, Process]]:
    """*pid* and all that descend from it, each with its distance."""
    yield depth, Process(pid)
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if Process(int(entry.name)).parent == pid:
                    yield from family(int(entry.name), depth + 1)


def _listening(port: int) -> Iterator[str]:
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in (PROC / "net" / table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                    yield fields[9]
