"""What the parts of Enarx need from the world, as interfaces that adapters implement.

Only interfaces: nothing here does anything.  ``cli`` is the only place that joins a port with an
adapter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from enarx.tee.endorsements import Endorsements, Need


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


class Clock(Protocol):
    """Time, and waiting."""

    def now(self) -> datetime:
        """The instant, aware, in UTC; it may jump."""
        ...

    def monotonic(self) -> float:
        """Seconds since some moment; it never goes back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Return after *seconds*."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a server answered.

    Args:
        status: the HTTP status: 200, or a refusal that asking again would not change.
        headers: names in lower case; of several equal ones the values joined by commas.
        body: its content, decoded, of at most the size that was asked for.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


class Fetch(Protocol):
    """Asks a server for something small."""

    def get(self, url: str, *, most_bytes: int, headers: Mapping[str, str] | None = None) -> Reply:
        """GET *url*.

        Args:
            most_bytes: a longer body is refused.
            headers: further ones; they may be secret, and no error shows them.

        Raises:
            UnavailableError: no answer, one that broke off, a redirect, or too much of one.
            MisconfiguredError: *url* is not one that may be asked.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Endorsements that answer a need, unverified, and the URL they are from."""

    endorsements: Endorsements
    source: str


class EndorsementSource(Protocol):
    """A service that hands out endorsements; whether they are genuine is decided elsewhere."""

    def serves(self, need: Need) -> bool:
        """Whether *need* is of a kind that this service is for."""
        ...

    def answer(self, need: Need) -> Answer:
        """What the service has for *need*.

        Raises:
            UnavailableError: the service is not there, or does not have it.
            MalformedError: what it sent is something else.
        """
        ...
