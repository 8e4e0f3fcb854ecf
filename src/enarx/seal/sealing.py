"""The owner's side of an envelope: nothing is sealed to a keep that no policy accepted.

Only an ``Accepted`` opens this door, and only for the offer that its evidence is bound to.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from enarx.errors import Failure, UnauthenticError
from enarx.seal import suite
from enarx.seal.envelope import Envelope, info_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from enarx.attestation import Accepted
    from enarx.seal.envelope import Content
    from enarx.seal.offer import Offer


def seal(
    content: Content,
    offer: Offer,
    accepted: Accepted,
    *,
    nonce: bytes,
    kems: Collection[str] = suite.KEMS,
) -> bytes:
    """The envelope for *offer* with *content* in it.

    Args:
        accepted: the appraisal of the offer's evidence.
        nonce: what the caller asked the offer for, 32 bytes.
        kems: the mechanisms that the caller has; of those the first that the keep offers counts.

    Raises:
        UnauthenticError: the evidence is not about this offer, the offer is for another nonce, or
            it has no mechanism in common with the caller.
        MalformedError: its key is none.
    """
    failures = []
    if not hmac.compare_digest(accepted.authentic.claims.report_data, offer.report_data):
        want = "the digest of the offer's claims"
        got = accepted.authentic.claims.report_data.hex()
        failures.append(Failure("report_data", want=want, got=got))
    if not hmac.compare_digest(offer.content.nonce, nonce):
        hint = "an old offer was replayed: ask the keep again"
        got = offer.content.nonce.hex()
        failures.append(Failure("nonce", want=nonce.hex(), got=got, hint=hint))
    if failures:
        raise UnauthenticError("offer", *failures)
    kem = next((name for name in offer.content.suites if name in kems), "")
    if not kem:
        failure = Failure("suites", want=" or ".join(kems), got=", ".join(offer.content.suites))
        raise UnauthenticError("offer", failure)
    info = info_of(kem, offer.sha256)
    sealed = suite.seal(kem, offer.content.suites[kem], content.encode(), info)
    return Envelope(kem=kem, claims_sha256=offer.sha256, sealed=sealed).encode()
