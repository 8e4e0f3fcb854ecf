"""What a Steward allows, in one place: every size, time, rate and number."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from enarx.web.tls import Tls

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What any one request may take.

    Args:
        request_bytes: of a certification request, or of evidence.
        request_s: in which it must arrive.
        json_bytes: of any other body.
        json_s: in which that must arrive.
        head_s: in which the head of a request must arrive.
        head_bytes: of it.
        idle_s: between two requests of a connection.
        connections: of all clients.
        judged: challenges, requests and releases, per minute and address.
        strangers: requests with a token that is not valid, per minute and address.
        threads: requests that are judged at once.
    """

    request_bytes: int = 1 * MIB
    request_s: float = 20.0
    json_bytes: int = 512 * 1024
    json_s: float = 10.0
    head_s: float = 10.0
    head_bytes: int = 32 * 1024
    idle_s: float = 15.0
    connections: int = 2000
    judged: int = 1200
    strangers: int = 60
    threads: int = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the API serves."""

    limits: Limits = field(default_factory=Limits)
    tls: Tls | None = None
