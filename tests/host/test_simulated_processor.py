"""Simulated machines quote for the image that was launched, and for no other."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.fuzz import seeds

from enarx import attestation
from enarx.appraisal.baseline import baseline
from enarx.attestation import Endorsements
from enarx.errors import UnauthenticError
from enarx.host.simulated_processor import machine
from enarx.measure.process import NAMES, measure

IMAGE = {"enarx/keep/boot.py": b"print()\n"}
DATA = bytes(range(64))


@pytest.mark.parametrize("platform", NAMES)
def test_evidence_names_the_image_and_what_it_is_bound_to(platform: str) -> None:
    """Verified by the code that verifies hardware, with nothing beside what came along."""
    launched = machine(platform, seeds.root(), seeds.NOW).launch(IMAGE)  # type: ignore[arg-type]
    found = attestation.parse(launched.quote(DATA))
    now = seeds.NOW + timedelta(minutes=1)
    assert attestation.needs(found, Endorsements(), now) == ()
    authentic = attestation.authenticate(
        found, Endorsements(), anchors=seeds.root().anchors(), now=now
    )
    claims = authentic.claims
    assert claims.platform == platform
    assert claims.simulated
    assert claims.measurements[NAMES[platform]] == measure(platform, IMAGE)  # type: ignore[arg-type, index]
    assert claims.report_data == DATA
    policy = baseline(accept_simulated=True)
    assert attestation.appraise(authentic, policy, now=now, accept_simulated=True, report_data=DATA)


@pytest.mark.parametrize("platform", NAMES)
def test_a_machine_is_the_same_machine_every_time(platform: str) -> None:
    """A host that starts again has the same chip, and new endorsements for it."""
    instances = set()
    for hours in (0, 5):
        made = machine(platform, seeds.root(), seeds.NOW + timedelta(hours=hours))  # type: ignore[arg-type]
        found = attestation.parse(made.launch(IMAGE).quote(DATA))
        now = seeds.NOW + timedelta(hours=6)
        authentic = attestation.authenticate(
            found, Endorsements(), anchors=seeds.root().anchors(), now=now
        )
        instances.add(authentic.claims.instance)
    assert len(instances) == 1


@pytest.mark.parametrize("platform", NAMES)
def test_no_vendor_vouches_for_it(platform: str) -> None:
    """Attack: simulated evidence before a verifier in earnest."""
    launched = machine(platform, seeds.root(), seeds.NOW).launch(IMAGE)  # type: ignore[arg-type]
    with pytest.raises(UnauthenticError):
        attestation.authenticate(
            attestation.parse(launched.quote(DATA)),
            Endorsements(),
            anchors=attestation.VENDOR_ANCHORS,
            now=seeds.NOW,
        )
