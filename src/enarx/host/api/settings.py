"""What a host allows, in one place: every size, time, rate and number."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from enarx.measure.process import NAMES
from enarx.protocol.platforms import VIRTUAL_MACHINES

if TYPE_CHECKING:
    from enarx.web.tls import Tls

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    """What each tenant may have at once, or per minute.

    Args:
        keeps: that live.
        creations: of keeps, per minute.
        requests: per minute.
        upload_bytes: of envelopes that are under way.
        channels: that are open.
    """

    keeps: int = 100
    creations: int = 600
    requests: int = 6000
    upload_bytes: int = 512 * MIB
    channels: int = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What any one request may take.

    Args:
        envelope_bytes: of one envelope.
        envelope_s: in which it must arrive.
        json_bytes: of any other body.
        json_s: in which that must arrive.
        head_s: in which the head of a request must arrive.
        head_bytes: of it.
        idle_s: between two requests of a connection.
        connections: of all clients.
        strangers: requests without a valid token, per minute and address.
        message_bytes: of one message of a channel.
        keep_channels: open at once to one keep.
        wait_s: for the end of a keep, if a caller asks for more.
        answer_s: a keep's, to an offer or an envelope.
    """

    envelope_bytes: int = 64 * MIB
    envelope_s: float = 120.0
    json_bytes: int = 16 * 1024
    json_s: float = 10.0
    head_s: float = 10.0
    head_bytes: int = 32 * 1024
    idle_s: float = 15.0
    connections: int = 2000
    strangers: int = 120
    message_bytes: int = 64 * 1024
    keep_channels: int = 8
    wait_s: float = 60.0
    answer_s: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the API serves.

    Args:
        image: of process keeps, "NAME/VERSION".
        vm_image: of virtual machines, likewise; empty where there are none.
        hardware: the one platform that is no simulation; empty where all are.
    """

    quotas: Quotas = field(default_factory=Quotas)
    limits: Limits = field(default_factory=Limits)
    tls: Tls | None = None
    image: str = ""
    vm_image: str = ""
    hardware: str = ""

    @property
    def platforms(self) -> tuple[str, ...]:
        """What a host with these settings offers, unless its keeper says otherwise."""
        if self.hardware:
            return (self.hardware,)
        return (*NAMES, *(VIRTUAL_MACHINES if self.vm_image else ()))

    def is_vm(self, platform: str) -> bool:
        """Whether keeps on *platform* are virtual machines."""
        return platform == self.hardware or platform in VIRTUAL_MACHINES

    def image_of(self, platform: str) -> str:
        """The image of keeps on *platform*."""
        return self.vm_image if self.is_vm(platform) else self.image
