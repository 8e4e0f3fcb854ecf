"""What comes out of a container: evidence, what came along, and the key it should be bound to.

Nothing here is proven.  A container is a carrier: whoever holds it could have packed it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from enarx.tee.endorsements import Endorsements

if TYPE_CHECKING:
    from enarx.errors import Failure
    from enarx.tee.technology import Technology


NONE = Endorsements()
NITRO_FIELDS = ("nitro.public_key", "nitro.user_data")
"""Where a Nitro document, which has no report data, can hold a key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyBinding:
    """The key of a certificate or request, and how evidence says that it belongs to it.

    ``binding.check_binding`` decides; until then the key may be anybody's.

    Args:
        rule: in words ("report_data = SHA-256(SubjectPublicKeyInfo)").
        spki: the key's SubjectPublicKeyInfo, DER, as it arrived.
        accepted: what ``report_data`` may be, without the zeros that fill it up.
        fields: claims of which one may be the key itself instead (Nitro's "nitro.user_data").
        failures: what inside the container already contradicts the binding.
    """

    rule: str
    spki: bytes
    accepted: tuple[bytes, ...] = ()
    fields: tuple[str, ...] = ()
    failures: tuple[Failure, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One piece of evidence in a container.

    Args:
        data: its bytes.
        technology: the technology's name if the container says it; empty if not.
    """

    data: bytes
    technology: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What one container held.

    Args:
        evidence: every piece of it.
        endorsements: what came along.
        containers: this one and those in it that were opened, outermost first.
        binding: of the key that the container names.
        claims: bytes to whose digest the evidence is bound, which say more (RA-TLS claims).
    """

    evidence: tuple[Piece, ...]
    endorsements: Endorsements = NONE
    containers: tuple[str, ...] = ()
    binding: KeyBinding | None = None
    claims: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """Evidence taken out of its containers; nothing of it is proven.

    The caller must still parse and authenticate it, and then ``check_binding`` it.

    Args:
        evidence: the bytes of the technology.
        technology: whose they are.
        endorsements: what came along in the containers; what the evidence itself carries is not
            in it.
        containers: their names, outermost first; empty for bare evidence.
        binding: the key that the containers name, and the rule that binds the evidence to it.
        claims: bytes to whose digest the evidence is bound; empty if there are none.
    """

    evidence: bytes
    technology: Technology
    endorsements: Endorsements
    containers: tuple[str, ...]
    binding: KeyBinding | None
    claims: bytes
