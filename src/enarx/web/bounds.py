"""What every service bounds, whatever it serves."""

from __future__ import annotations

from typing import Protocol


class Bounds(Protocol):
    """What any one request or connection may take.

    Each service's settings have these, and say how much.
    """

    @property
    def json_bytes(self) -> int:
        """Of a body that is JSON."""
        ...

    @property
    def json_s(self) -> float:
        """In which it must arrive."""
        ...

    @property
    def head_s(self) -> float:
        """In which the head of a request must arrive."""
        ...

    @property
    def connections(self) -> int:
        """Of all clients."""
        ...


class ServerBounds(Bounds, Protocol):
    """What a server bounds beside."""

    @property
    def head_bytes(self) -> int:
        """Of the head of a request."""
        ...

    @property
    def idle_s(self) -> float:
        """Between two requests of a connection."""
        ...
