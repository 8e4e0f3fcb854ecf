"""What the keeper needs of whoever starts its keeps: a zygote, or machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import socket


class Keep(Protocol):
    """One keep: a process, or a machine with a process of its own."""

    link: socket.socket
    """To its agent; it speaks ``protocol.agent_link``."""

    @property
    def over(self) -> bool:
        """Nothing more comes of it."""
        ...

    def kill(self, number: int) -> None:
        """Send it a signal; one that is gone is left alone."""
        ...

    def broke(self, problem: str) -> None:
        """It broke the rules of its link: end it."""
        ...

    def close(self) -> None:
        """Close the link and forget it; a keep that still runs loses its host."""
        ...


class Launcher(Protocol):
    """Starts keeps, and tells which of them have ended."""

    @property
    def ended(self) -> str:
        """Why no keep can be started any more; empty while they can."""
        ...

    def fileno(self) -> int:
        """The descriptor to poll for reading; then call ``pump``."""
        ...

    def launch_agent(self) -> tuple[Keep, socket.socket]:
        """A keep that proves itself before it is told anything, and its broker's link.

        Raises:
            UnavailableError: none can be started now.
        """
        ...

    def pump(self) -> None:
        """Take what is there to be known, without waiting."""
        ...

    def close(self) -> None:
        """End every keep."""
        ...
