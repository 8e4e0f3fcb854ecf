"""Nothing is sealed to a keep whose evidence is not about its offer."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.fuzz import seeds

from enarx import attestation
from enarx.appraisal.baseline import baseline
from enarx.attestation import Accepted, Endorsements
from enarx.errors import UnauthenticError
from enarx.seal.envelope import Content, open_envelope, parse
from enarx.seal.sealing import seal
from enarx.seal.suite import CLASSICAL, HYBRID
from enarx.tee.simulated.snp import SnpGuest

if TYPE_CHECKING:
    from tests.seal.conftest import Keep


def accepted(report_data: bytes) -> Accepted:
    """Evidence that is bound to *report_data*, appraised."""
    report = seeds.snp_machine().report(SnpGuest(measurement=bytes(48)), report_data=report_data)
    found = attestation.parse(report)
    given: Endorsements = seeds.endorsements()
    now = seeds.NOW + timedelta(seconds=1)
    authentic = attestation.authenticate(found, given, anchors=seeds.root().anchors(), now=now)
    return attestation.appraise(
        authentic, baseline(accept_simulated=True), now=now, accept_simulated=True
    )


def test_the_preferred_mechanism_that_both_have_is_used(keep: Keep, content: Content) -> None:
    """The hybrid one, or what the caller has."""
    proof = accepted(keep.offer.report_data)
    for kems, want in (((HYBRID, CLASSICAL), HYBRID), ((CLASSICAL,), CLASSICAL)):
        data = seal(content, keep.offer, proof, nonce=keep.nonce, kems=kems)
        assert parse(data).kem == want
    assert open_envelope(parse(data), keep.keys, keep.offer.claims) == content


def test_evidence_of_another_keep_is_refused(keep: Keep, content: Content) -> None:
    """Attack: genuine evidence relayed beside keys of the host's own."""
    with pytest.raises(UnauthenticError, match="report_data"):
        seal(content, keep.offer, accepted(bytes(64)), nonce=keep.nonce)


def test_an_old_offer_is_refused(keep: Keep, content: Content) -> None:
    """Attack: a replayed offer, with the evidence that belongs to it."""
    proof = accepted(keep.offer.report_data)
    with pytest.raises(UnauthenticError, match="nonce") as caught:
        seal(content, keep.offer, proof, nonce=bytes(32))
    assert [failure.claim for failure in caught.value.failures] == ["nonce"]
    other = replace(keep, nonce=b"x" * 32)
    with pytest.raises(UnauthenticError) as caught:
        seal(content, other.offer, proof, nonce=keep.nonce)
    assert [failure.claim for failure in caught.value.failures] == ["report_data", "nonce"]


def test_no_common_mechanism(keep: Keep, content: Content) -> None:
    """A caller without any of the offered ones seals nothing."""
    with pytest.raises(UnauthenticError, match="suites: got mlkem768-x25519, x25519, want other"):
        seal(
            content, keep.offer, accepted(keep.offer.report_data), nonce=keep.nonce, kems=["other"]
        )
