"""Every neutral property: satisfied, violated, left out, and not stated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from enarx.appraisal.appraise import judge
from enarx.appraisal.catalogue import PLATFORMS, neutral
from enarx.appraisal.comparison import NOT_STATED
from enarx.appraisal.policy import Policy
from enarx.appraisal.verdict import Check
from enarx.tee.claims import Authentic, Revocation, Tcb

Make = Callable[..., Any]

DAY = datetime(2026, 2, 20, tzinfo=UTC)
OLD = Tcb(
    status="OutOfDate",
    date=datetime(2023, 1, 1, tzinfo=UTC),
    evaluation_number=17,
    advisories=("INTEL-SA-00001", "INTEL-SA-00002"),
    components={},
)

# the value, changed claims or proof that fail, the claim, got; what good evidence has passes
NEUTRAL: dict[str, tuple[Any, dict[str, Any], str, str]] = {
    "simulated": ("forbidden", {"simulated": True}, "simulated", "on"),
    "debug": ("forbidden", {"debug": True}, "debug", "on"),
    "migration": ("forbidden", {"migratable": True}, "migration", "on"),
    "smt": ("forbidden", {"smt": True}, "smt", "on"),
    "instances": (("07" * 64,), {"instance": b"\x08"}, "instance", "08"),
    "revocation": (
        "required",
        {"revocation": Revocation(unchecked=("A: no CRL given", "B: too old"))},
        "revocation",
        "A: no CRL given; B: too old",
    ),
    "collateral_age": (
        10 * 86400.0,
        {"proof": {"collateral_issued": datetime(2026, 1, 1, tzinfo=UTC)}},
        "collateral_age",
        "2026-01-01T00:00:00Z, 59 d ago",
    ),
    "tcb.statuses": (("UpToDate",), {"tcb": OLD}, "tcb.status", "OutOfDate"),
    "tcb.advisories": (
        ("INTEL-SA-00001",),
        {"tcb": OLD},
        "tcb.advisories",
        "INTEL-SA-00001, INTEL-SA-00002",
    ),
    "tcb.not_older_than": ("365d", {"tcb": OLD}, "tcb.date", "2023-01-01T00:00:00Z, 1155 d ago"),
    "tcb.minimum_evaluation_number": (18, {"tcb": OLD}, "tcb.evaluation_number", "17"),
}
UNSTATED: dict[str, dict[str, Any]] = {
    "migration": {"migratable": None},
    "smt": {"smt": None},
    "instances": {"instance": b""},
    "collateral_age": {"proof": {"collateral_issued": None}},
    "tcb.statuses": {"tcb": Tcb(components={})},
    "tcb.advisories": {"tcb": Tcb(components={})},
    "tcb.not_older_than": {"tcb": replace(OLD, date=None)},
    "tcb.minimum_evaluation_number": {"tcb": replace(OLD, evaluation_number=None)},
}
SPECIAL = {"image", "report_data"}  # test_image.py, test_appraise.py


def check_of(authentic: Authentic, policy: Policy, key: str, now: datetime) -> list[Check]:
    """The checks that *key* of a policy asked for."""
    return [c for c in judge(authentic, policy, now=now).checks if c.key == key]


def test_every_neutral_property_has_an_example() -> None:
    """No neutral property of the catalogue is untested."""
    every = {one.key for platform in PLATFORMS for one in neutral(platform)}
    assert every == set(NEUTRAL) | SPECIAL


@pytest.mark.parametrize("key", NEUTRAL)
def test_a_neutral_property_passes_or_fails(
    key: str, authentic_of: Make, policy_of: Make, now: datetime
) -> None:
    """What holds on every platform is judged on every platform."""
    value, bad, claim, got = NEUTRAL[key]
    policy = policy_of("tdx", **{key: value})
    (found,) = check_of(authentic_of("tdx"), policy, key, now)
    assert (found.claim, found.outcome) == (claim, "passed")
    (found,) = check_of(authentic_of("tdx", **bad), policy, key, now)
    assert (found.claim, found.outcome, found.got) == (claim, "failed", got)


@pytest.mark.parametrize("key", UNSTATED)
def test_a_neutral_property_that_is_not_stated_fails(
    key: str, authentic_of: Make, policy_of: Make, now: datetime
) -> None:
    """A platform that cannot say does not pass what demands it."""
    policy = policy_of("tdx", **{key: NEUTRAL[key][0]})
    (found,) = check_of(authentic_of("tdx", **UNSTATED[key]), policy, key, now)
    assert (found.outcome, found.got) == ("failed", NOT_STATED)


@pytest.mark.parametrize("key", sorted(set(NEUTRAL) - {"simulated"}))
def test_a_neutral_property_that_is_left_out_is_told(
    key: str, authentic_of: Make, policy_of: Make, now: datetime
) -> None:
    """Left out, it passes nothing and fails nothing."""
    _, bad, claim, _ = NEUTRAL[key]
    (found,) = check_of(authentic_of("tdx", **bad), policy_of("tdx"), key, now)
    assert (found.claim, found.outcome) == (claim, "unchecked")
    assert found.reason == f"no {key} in this test"


@pytest.mark.parametrize("key", ["debug", "migration", "smt"])
@pytest.mark.parametrize("got", [True, False, None])
def test_what_is_allowed_passes_either_way(
    key: str, got: object, authentic_of: Make, policy_of: Make, now: datetime
) -> None:
    """An operator who allows debugging, migration or threads demands nothing about them."""
    claim = {"migration": "migratable"}.get(key, key)
    policy = policy_of("tdx", **{key: "allowed"})
    (found,) = check_of(authentic_of("tdx", **{claim: got}), policy, key, now)
    assert (found.outcome, found.want) == ("passed", "on or off")


@pytest.mark.parametrize(
    ("value", "outcome"),
    [
        ("2025-08-13", "passed"),
        ("2025-08-13T00:00:00Z", "passed"),
        ("2025-08-13T00:00:01Z", "failed"),
        ("2025-08-14", "failed"),
        ("201d", "passed"),
        ("200d", "failed"),
    ],
)
def test_a_tcb_may_be_bounded_by_date_or_age(
    value: str, outcome: str, authentic_of: Make, policy_of: Make, now: datetime
) -> None:
    """Both bounds include their own instant, the age counts up to the appraisal."""
    key = "tcb.not_older_than"
    (found,) = check_of(authentic_of("tdx"), policy_of("tdx", **{key: value}), key, now)
    assert found.outcome == outcome


def test_a_missing_list_may_be_reported_instead_of_refused(
    authentic_of: Make, policy_of: Make, now: datetime
) -> None:
    """With if_available a missing list is unchecked with the verifier's reason; else it passes."""
    policy = policy_of(revocation="if_available")
    missing = Revocation(unchecked=("ARK-Milan: no CRL given",))
    (found,) = check_of(authentic_of(revocation=missing), policy, "revocation", now)
    assert (found.claim, found.outcome, found.reason) == (
        "revocation",
        "unchecked",
        "no current list: ARK-Milan: no CRL given",
    )
    assert found.got == "ARK-Milan: no CRL given"
    (found,) = check_of(authentic_of(), policy, "revocation", now)
    assert (found.outcome, found.got) == ("passed", "ARK-Milan")
    nothing = Revocation(unchecked=(), lists=())
    (found,) = check_of(authentic_of(revocation=nothing), policy, "revocation", now)
    assert found.got == "nothing can be revoked"
