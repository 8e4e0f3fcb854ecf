"""An offer: what a fresh keep says of itself before it is given anything.

    {"version": 1, "claims": "<base64url>", "evidence": "<base64url>"}

*claims* are the exact bytes whose digest the evidence is bound to; *evidence* is a conceptual
message wrapper with the endorsements that the host had.  Nothing in it is believed before the
evidence is.

Source: docs/design/formats/offer.md.
"""

from __future__ import annotations

import hashlib

from enarx.errors import MalformedError
from enarx.protocol import claims
from enarx.wire import canonical
from enarx.wire.text import base64url, to_base64url

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enarx.protocol.claims import OfferClaims

VERSION = 1
MEDIA_TYPE = "application/vnd.enarx.offer.v1+json"
MAX_EVIDENCE_BYTES = 1024 * 1024
MAX_BYTES = 2 * (MAX_EVIDENCE_BYTES + claims.MAX_BYTES)

_WHERE = "offer"


class Offer:
    """Claims as bytes and as values, and the evidence for them; unverified."""

    __slots__ = ("claims", "content", "evidence")

    def __init__(self, claims_: bytes, evidence: bytes) -> None:
        """Read *claims_*.

        Raises:
            MalformedError: they are not claims of an offer.
        """
        self.claims = claims_
        self.evidence = evidence
        self.content: OfferClaims = claims.parse_offer(claims_)

    @property
    def sha256(self) -> bytes:
        """What names this offer: the digest of its claims, 32 bytes.

        The evidence does not count: a host may add endorsements to it.
        """
        return hashlib.sha256(self.claims).digest()

    @property
    def report_data(self) -> bytes:
        """What its evidence must be bound to, 64 bytes."""
        return claims.report_data(self.claims)

    def encode(self) -> bytes:
        """The offer's bytes."""
        return canonical.encode(
            {
                "version": VERSION,
                "claims": to_base64url(self.claims),
                "evidence": to_base64url(self.evidence),
            }
        )


def parse(data: bytes) -> Offer:
    """The offer in *data*; nothing of it is proven.

    Raises:
        MalformedError: it is none, or larger than one can be.
    """
    if len(data) > MAX_BYTES:
        raise MalformedError(_WHERE, f"got {len(data)} bytes, want at most {MAX_BYTES}")
    fields = canonical.decode(data, _WHERE)
    fields.integer("version", VERSION, VERSION)
    found = base64url(fields.text("claims"), f"{_WHERE}: claims")
    text = fields.text("evidence", most=MAX_BYTES)
    evidence = base64url(text, f"{_WHERE}: evidence")
    fields.done()
    if len(evidence) > MAX_EVIDENCE_BYTES:
        fields.refuse("evidence", f"want at most {MAX_EVIDENCE_BYTES} bytes")
    return Offer(found, evidence)
