"""The public interface: three stages with three types, on simulated evidence."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.fuzz import seeds

from enarx import attestation
from enarx.appraisal.baseline import baseline
from enarx.attestation import Accepted, Authentic, Endorsements, appraise
from enarx.errors import MalformedError, UnacceptableError, UnauthenticError
from enarx.evidence import cmw
from enarx.evidence.opened import KeyBinding
from enarx.tee.endorsements import AmdCrlNeed

REPORT, WITH_TABLE = seeds.snp()


def proven(data: bytes) -> Authentic:
    """Simulated evidence, parsed and authenticated with everything that it needs."""
    found = attestation.parse(data)
    return attestation.authenticate(
        found, seeds.endorsements(), anchors=seeds.root().anchors(), now=seeds.NOW
    )


def test_bytes_become_evidence_then_authentic_then_accepted() -> None:
    """Each stage makes the type that the next one takes, and the bytes stay what they were."""
    found = attestation.parse(REPORT)
    assert found.technology.name == "snp"
    authentic = proven(REPORT)
    assert (type(authentic), authentic.evidence) == (Authentic, REPORT)
    accepted = appraise(
        authentic,
        baseline(accept_simulated=True),
        now=seeds.NOW,
        accept_simulated=True,
        report_data=seeds.REPORT_DATA,
    )
    assert (type(accepted), accepted.authentic) == (Accepted, authentic)


def test_a_simulation_is_not_accepted_unless_told() -> None:
    """Authentic and acceptable are two things: the built-in policy wants hardware."""
    with pytest.raises(UnacceptableError, match="simulated"):
        appraise(proven(REPORT), baseline(), now=seeds.NOW, report_data=seeds.REPORT_DATA)


def test_the_vendors_do_not_vouch_for_a_simulation() -> None:
    """Attack: simulated evidence before the anchors that a caller uses in earnest."""
    with pytest.raises(UnauthenticError):
        attestation.authenticate(
            attestation.parse(REPORT),
            seeds.endorsements(),
            anchors=attestation.VENDOR_ANCHORS,
            now=seeds.NOW,
        )


def test_what_came_along_need_not_be_fetched() -> None:
    """Endorsements in a container and in the evidence count as given; what is missing is told."""
    bare = attestation.parse(REPORT)
    assert len(attestation.needs(bare, Endorsements(), seeds.NOW)) == 3
    assert attestation.needs(bare, seeds.endorsements(), seeds.NOW) == ()
    carried = attestation.parse(WITH_TABLE)
    (missing,) = attestation.needs(carried, Endorsements(), seeds.NOW)
    assert isinstance(missing, AmdCrlNeed)
    assert carried.endorsements.certificates == carried.evidence.carried.certificates
    wrapped = attestation.parse(cmw.wrap(REPORT, "snp", seeds.endorsements(), "json"))
    assert attestation.needs(wrapped, Endorsements(), seeds.NOW) == ()
    assert proven(wrapped.opened.evidence).evidence == REPORT
    alone = attestation.authenticate(
        wrapped, Endorsements(), anchors=seeds.root().anchors(), now=seeds.NOW
    )
    assert alone.evidence == REPORT


def test_an_instant_is_an_argument() -> None:
    """Ten years later the same evidence is not authentic any more."""
    with pytest.raises(UnauthenticError, match="certificate validity"):
        attestation.authenticate(
            attestation.parse(REPORT),
            seeds.endorsements(),
            anchors=seeds.root().anchors(),
            now=seeds.NOW + timedelta(days=3653),
        )


def test_evidence_of_another_key_is_refused() -> None:
    """Attack: genuine evidence in the certificate of a key that it is not about."""
    found = attestation.parse(REPORT)
    binding = KeyBinding(rule="report_data = the key", spki=b"key", accepted=(b"another",))
    stolen = found._replace(opened=replace(found.opened, binding=binding))
    with pytest.raises(UnauthenticError, match="binding"):
        attestation.authenticate(
            stolen, seeds.endorsements(), anchors=seeds.root().anchors(), now=seeds.NOW
        )


def test_bytes_that_are_no_evidence() -> None:
    """Nothing, junk, and text around junk are malformed, under the name that the caller gives."""
    for junk in (b"", b"junk", base64.b64encode(b"junk"), REPORT[:-1]):
        with pytest.raises(MalformedError):
            attestation.parse(junk, "file")
    with pytest.raises(MalformedError, match=r"^file: is empty$"):
        attestation.parse(b"", "file")


def test_what_is_public_is_there() -> None:
    """Every name of the interface exists, and the list is sorted."""
    names = attestation.__all__
    assert all(hasattr(attestation, name) for name in names)
    assert names == sorted(names, key=lambda name: (not name.isupper(), name))


@pytest.mark.parametrize("data", [REPORT, seeds.tdx()[0], seeds.sgx()[0]])
def test_what_vouches_for_evidence_is_proven_once(data: bytes) -> None:
    """With what was proven of the endorsements the result is the same; not of another time."""
    found = attestation.parse(data)
    given = {"anchors": seeds.root().anchors(), "now": seeds.NOW}
    trusted = attestation.trust(found, seeds.endorsements(), **given)  # type: ignore[arg-type] # by name
    assert trusted is not None
    assert attestation.authenticate_with(found, trusted, now=seeds.NOW) == proven(data)
    later = seeds.NOW + timedelta(days=20_000)
    with pytest.raises(UnauthenticError):
        attestation.authenticate_with(found, trusted, now=later)


def test_what_vouches_is_not_its_signature() -> None:
    """Attack: a machine's own certificates, and a report that it did not sign."""
    forged = REPORT[:0x50] + bytes((REPORT[0x50] ^ 1,)) + REPORT[0x51:]
    found = attestation.parse(forged)
    given = {"anchors": seeds.root().anchors(), "now": seeds.NOW}
    trusted = attestation.trust(found, seeds.endorsements(), **given)  # type: ignore[arg-type] # by name
    assert trusted is not None
    with pytest.raises(UnauthenticError, match="signature"):
        attestation.authenticate_with(found, trusted, now=seeds.NOW)


def test_some_evidence_brings_everything_itself() -> None:
    """Then there is nothing to prove apart from it."""
    found = attestation.parse(seeds.nitro()[0])
    given = {"anchors": attestation.VENDOR_ANCHORS, "now": seeds.NOW}
    assert attestation.trust(found, Endorsements(), **given) is None  # type: ignore[arg-type] # by name
    with pytest.raises(TypeError, match="nitro"):
        attestation.authenticate_with(found, object(), now=seeds.NOW)
