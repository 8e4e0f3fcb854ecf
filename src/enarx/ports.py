"""What the parts of Enarx need from the world, as interfaces that adapters implement.

Only interfaces: nothing here does anything.  ``cli`` is the only place that joins a port with an
adapter.
"""

from __future__ import annotations

from typing import Protocol


class AotStore(Protocol):
    """Keeps ahead-of-time compiled code between launches.

    A store never fails: what it cannot find, read or trust is not there, and what it cannot keep
    is not kept.
    """

    def find(self, key: str) -> tuple[str, int] | None:
        """Return (sha256, descriptor open for reading) of *key*'s file, or None.

        The caller owns the descriptor; the keep checks the sha256 over what it loads.
        """
        ...

    def save(self, key: str, sha256: str, size: int, fd: int) -> None:
        """Keep the first *size* bytes of *fd* if they have that *sha256*.

        The caller still owns *fd*.
        """
        ...
