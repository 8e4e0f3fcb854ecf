"""What was proven of endorsements is used again, and never for what it does not prove."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

import pytest
from tests.fuzz import seeds

from enarx import attestation
from enarx.errors import RejectedError, UnauthenticError
from enarx.host.simulated_processor import Launched, machine
from enarx.steward.attest import remembering
from enarx.steward.attest.remembering import Remembering
from enarx.tee.endorsements import Endorsements

if TYPE_CHECKING:
    from datetime import datetime

    from enarx.attestation import Parsed

NOW = seeds.NOW + timedelta(minutes=1)
PLATFORMS = ("snp", "tdx", "sgx")


class Endorse:
    """Has nothing to add, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, _parsed: Parsed, _now: datetime) -> Endorsements:
        """One question."""
        self.asked += 1
        return Endorsements()


@pytest.fixture
def endorse() -> Endorse:
    """A new one."""
    return Endorse()


@pytest.fixture
def proving(endorse: Endorse) -> Remembering:
    """One that has proven nothing yet."""
    return Remembering(seeds.root().anchors(), endorse)


@cache
def launched(platform: str, hours: int = 0) -> Launched:
    """A keep on a simulated machine, whose endorsements are those of an hour."""
    made = machine(platform, seeds.root(), seeds.NOW + timedelta(hours=hours))  # type: ignore[arg-type] # one of the three
    return made.launch({"file": b"1"})


def evidence(platform: str, number: int = 0, hours: int = 0) -> Parsed:
    """Of that keep, with its endorsements."""
    return attestation.parse(launched(platform, hours).quote(bytes((number,)) * 64))


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_second_time_nothing_is_asked_for(
    platform: str, proving: Remembering, endorse: Endorse
) -> None:
    """The claims are those of the whole way."""
    for number in range(3):
        parsed = evidence(platform, number)
        found, more = proving.authenticate(parsed, NOW)
        anchors = seeds.root().anchors()
        whole = attestation.authenticate(parsed, Endorsements(), anchors=anchors, now=NOW)
        assert found == whole
        assert not more
    assert endorse.asked == 1


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_false_signature_is_found_either_way(
    platform: str, proving: Remembering, endorse: Endorse
) -> None:
    """Attack: a machine's endorsements, which are proven, beside evidence that it did not make."""
    assert not isinstance(proving.authenticate(evidence(platform), NOW)[0], RejectedError)
    signed, said = b"\x5a" * 64, b"\x5b" * 64
    wrapped = launched(platform).quote(signed)
    assert wrapped.count(signed) == 1
    found, _ = proving.authenticate(attestation.parse(wrapped.replace(signed, said)), NOW)
    assert isinstance(found, UnauthenticError)
    assert endorse.asked == 2


@pytest.mark.parametrize("platform", PLATFORMS)
def test_nothing_holds_longer_than_it_said(platform: str, proving: Remembering) -> None:
    """Attack: evidence after its certificates and lists have ended, of a machine that is known."""
    parsed = evidence(platform)
    assert not isinstance(proving.authenticate(parsed, NOW)[0], RejectedError)
    later = NOW + timedelta(days=20_000)
    found, _ = proving.authenticate(parsed, later)
    assert isinstance(found, UnauthenticError)


def test_other_endorsements_are_proven_anew(proving: Remembering, endorse: Endorse) -> None:
    """Attack: a list that revokes the machine counts from the request that brings it."""
    for hours in (0, 1, 1, 0):
        found, _ = proving.authenticate(evidence("snp", 0, hours), NOW + timedelta(hours=2))
        assert not isinstance(found, RejectedError)
    assert endorse.asked == 2


def test_what_was_fetched_is_not_kept() -> None:
    """Its source may have a newer one, and is asked each time."""
    asked = 0
    parsed = evidence("snp")
    bare = attestation.parse(parsed.evidence.raw)

    def fetch(_parsed: Parsed, _now: datetime) -> Endorsements:
        nonlocal asked
        asked += 1
        return parsed.endorsements

    proving = Remembering(seeds.root().anchors(), fetch)
    for _ in range(2):
        found, more = proving.authenticate(bare, NOW)
        assert not isinstance(found, RejectedError)
        assert more == parsed.endorsements
    assert asked == 2


def test_it_forgets_the_oldest(monkeypatch: pytest.MonkeyPatch, endorse: Endorse) -> None:
    """Attack: endless new endorsements; the memory does not grow."""
    monkeypatch.setattr(remembering, "MOST", 2)
    proving = Remembering(seeds.root().anchors(), endorse)
    for platform in (*PLATFORMS, "sgx", "snp"):
        proving.authenticate(evidence(platform), NOW)
    assert endorse.asked == 4
