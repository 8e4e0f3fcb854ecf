"""Guests of Confidential Containers: judged by a policy of their own, known by their tokens."""

from __future__ import annotations

import pytest
from tests.steward.attest.conftest import Steward
from tests.steward.keeps import Keep

from enarx.errors import UnauthenticError
from enarx.steward.attest.guests import Guests
from enarx.steward.policies.document import parse

KEY = {"kty": "EC", "crv": "P-256", "x": "x", "y": "y"}
BOUND = b"runtime data".ljust(64, b"\0")


@pytest.fixture
def guests(steward: Steward, policy: str) -> Guests:
    """Judged by a policy that accepts the tests' simulated machines."""
    return Guests(steward.service, parse(policy.encode()))


def test_a_guest_is_known_by_its_token(guests: Guests) -> None:
    """The token says who it was judged to be, and has its key where others look for it."""
    judged = guests.judge(Keep().quote(BOUND), BOUND)
    assert judged.accepted, judged.why
    token = guests.issue(judged, KEY)
    again, key = guests.verify(token)
    assert (again.accepted, again.decision, key) == (True, judged.decision, KEY)


def test_evidence_for_another_session(guests: Guests) -> None:
    """Attack: evidence that is bound to something else."""
    judged = guests.judge(Keep().quote(bytes(64)), BOUND)
    assert not judged.accepted
    assert "report_data" in judged.why


def test_tokens_end(steward: Steward, guests: Guests) -> None:
    """After minutes; and the result of a keep is no token."""
    token = guests.issue(guests.judge(Keep().quote(BOUND), BOUND), KEY)
    result = steward.service.certify(Keep().request(steward.nonce())).result
    with pytest.raises(UnauthenticError, match="token"):
        guests.verify(result)
    steward.clock.pass_(minutes=6)
    with pytest.raises(UnauthenticError, match="exp"):
        guests.verify(token)
