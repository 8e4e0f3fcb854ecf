"""The third stage: every failure is told, nothing passes by omission, stricter is stricter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import FrozenInstanceError
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.appraisal.appraise import Accepted, appraise, judge
from enarx.appraisal.verdict import Verdict
from enarx.errors import UnacceptableError
from enarx.tee.claims import Authentic, Revocation, Tcb
from enarx.wire.shape import Unchecked

Make = Callable[..., Any]
SECOND = timedelta(seconds=1)


def test_accepted_evidence_says_what_it_was_judged_by(
    authentic_of: Make, policy_of: Make, now: datetime
) -> None:
    """An Accepted holds the evidence, the policy's name and digest, the verdict and the instant."""
    authentic, policy = authentic_of(), policy_of(debug="forbidden")
    accepted = appraise(authentic, policy, now=now)
    assert isinstance(accepted, Accepted)
    assert accepted.authentic is authentic
    assert (accepted.policy, accepted.policy_sha256) == ("test", policy.sha256)
    assert accepted.at == now
    assert accepted.verdict == judge(authentic, policy, now=now)
    assert accepted.verdict.accepted
    with pytest.raises(FrozenInstanceError):
        accepted.policy = "other"  # type: ignore[misc]


def test_every_failure_is_told(authentic_of: Make, policy_of: Make, now: datetime) -> None:
    """A refusal lists everything that is wrong, in the order of the checks, with advice."""
    policy = policy_of(debug="forbidden", smt="forbidden", **{"snp.guest_svn": 3})
    authentic = authentic_of(debug=True, smt=None, fields={"snp.guest_svn": 2})
    with pytest.raises(UnacceptableError) as caught:
        appraise(authentic, policy, now=now)
    assert caught.value.policy == "policy test"
    assert [(f.claim, f.want, f.got) for f in caught.value.failures] == [
        ("debug", "off", "on"),
        ("smt", "off", "not stated by this platform"),
        ("snp.guest_svn", "at least 3", "2"),
    ]
    assert len(caught.value.hints) == 3
    assert caught.value.hints[2] == (
        "launch with a newer ID block; or change snp.guest_svn in a policy of your own (--policy)"
    )
    failed = judge(authentic, policy, now=now).failed
    assert [c.failure().hint for c in failed] == list(caught.value.hints)


def test_a_verdict_lists_every_check(authentic_of: Make, policy_of: Make, now: datetime) -> None:
    """What passed, what failed and what was left out are all the checks, in both outcomes."""
    policy = policy_of(debug="forbidden")
    for debug in (False, True):
        verdict = judge(authentic_of(debug=debug), policy, now=now)
        assert verdict.accepted is not debug
        parts = (*verdict.passed, *verdict.failed, *verdict.unchecked)
        assert sorted(c.claim for c in parts) == sorted(c.claim for c in verdict.checks)
        keys = {"platforms", "", *(rule.key for rule in policy.rules["snp"])}
        assert {c.key for c in verdict.checks} == keys
        assert (verdict.policy, verdict.policy_sha256, verdict.at) == ("test", policy.sha256, now)
        assert all(c.reason for c in verdict.unchecked)


def test_a_verdict_without_checks_accepts_nothing(now: datetime) -> None:
    """Nothing was looked at: that is no acceptance."""
    empty = Verdict(policy="x", policy_sha256=b"", at=now, checks=())
    assert not empty.accepted


def test_only_accepted_platforms_pass(authentic_of: Make, policy_of: Make, now: datetime) -> None:
    """Another platform than the policy names fails, whatever else it says."""
    verdict = judge(authentic_of("tdx"), policy_of("snp"), now=now)
    assert [(c.claim, c.got, c.want, c.key) for c in verdict.failed] == [
        ("platform", "tdx", "snp", "platforms")
    ]
    assert verdict.failed[0].concern == "hardware"


@pytest.mark.parametrize(
    ("offset", "outcome"),
    [(timedelta(), "passed"), (31 * 24 * 3600 * SECOND, "failed"), (-SECOND, "failed")],
)
def test_evidence_is_judged_while_its_endorsements_hold(
    offset: timedelta, outcome: str, authentic_of: Make, policy_of: Make, now: datetime
) -> None:
    """An appraisal before the verification or after the endorsements' end fails."""
    verdict = judge(authentic_of(), policy_of(), now=now + offset)
    (found,) = (c for c in verdict.checks if c.claim == "endorsements")
    assert (found.outcome, found.key) == (outcome, "")
    assert found.want == "from 2026-03-01T12:00:00Z to 2026-04-01T00:00:00Z"
    hint = "verify the evidence anew, with current endorsements"
    assert found.hint == (hint if outcome == "failed" else "")


def test_the_end_of_the_endorsements_is_included(authentic_of: Make, policy_of: Make) -> None:
    """At the very end they hold; where no end is stated, always."""
    end = datetime(2026, 4, 1, tzinfo=UTC)
    assert judge(authentic_of(), policy_of(), now=end).accepted
    assert not judge(authentic_of(), policy_of(), now=end + SECOND).accepted
    endless = authentic_of(proof={"not_after": None})
    verdict = judge(endless, policy_of(), now=end + 1000 * SECOND)
    assert verdict.accepted
    assert verdict.checks[1].want == "from 2026-03-01T12:00:00Z"


@pytest.mark.parametrize("told", [False, True])
@pytest.mark.parametrize(
    ("stated", "want"),
    [("forbidden", "off"), ("allowed", "off, unless the caller accepts simulated evidence")],
)
def test_simulated_evidence_needs_policy_and_caller(
    stated: str, want: str, *, told: bool, authentic_of: Make, policy_of: Make
) -> None:
    """A simulation passes only where the policy allows it and the caller was told to accept it."""
    for simulated in (False, True):
        authentic, policy = authentic_of(simulated=simulated), policy_of(simulated=stated)
        now = authentic.verified_at
        verdict = judge(authentic, policy, now=now, accept_simulated=told)
        assert verdict.accepted is (not simulated or (stated == "allowed" and told))
        (found,) = (c for c in verdict.checks if c.claim == "simulated")
        assert (found.got, found.want) == ("on" if simulated else "off", want)


def test_nobody_accepts_a_simulation_without_saying_so(
    authentic_of: Make, policy_of: Make, now: datetime
) -> None:
    """A policy that allows it is not enough, for a caller who says nothing."""
    authentic, policy = authentic_of(simulated=True), policy_of(simulated="allowed")
    assert not judge(authentic, policy, now=now).accepted
    with pytest.raises(UnacceptableError):
        appraise(authentic, policy, now=now)
    assert appraise(authentic, policy, now=now, accept_simulated=True).verdict.accepted


@pytest.mark.parametrize(
    ("expected", "outcome", "want"),
    [
        (bytes([9]) * 64, "passed", "09" * 64),
        (bytes([8]) * 64, "failed", "08" * 64),
        (b"", "failed", "empty"),
        (None, "failed", "what the caller expects, which must be given"),
    ],
)
def test_a_required_binding_must_be_given_and_fit(
    expected: bytes | None, outcome: str, want: str, *, authentic_of: Make, policy_of: Make
) -> None:
    """Who demands a binding and gives none is refused as one who gives another."""
    authentic, policy = authentic_of(), policy_of(report_data="required")
    now = authentic.verified_at
    verdict = judge(authentic, policy, now=now, report_data=expected)
    (found,) = (c for c in verdict.checks if c.claim == "report_data")
    assert (found.outcome, found.want, found.got) == (outcome, want, "09" * 64)
    assert found.concern == "instance-identity"
    if outcome == "passed":
        assert appraise(authentic, policy, now=now, report_data=expected)
    else:
        with pytest.raises(UnacceptableError):
            appraise(authentic, policy, now=now, report_data=expected)


@pytest.mark.parametrize(("expected", "outcome"), [(9, "passed"), (8, "failed")])
def test_what_a_caller_expects_is_compared_whatever_the_policy_leaves_out(
    expected: int, outcome: str, *, authentic_of: Make, policy_of: Make
) -> None:
    """Attack: a lax policy must not make somebody else's evidence pass a caller who asked."""
    authentic, policy = authentic_of(), policy_of(report_data=Unchecked("whoever asks says"))
    bound = bytes([expected]) * 64
    verdict = judge(authentic, policy, now=authentic.verified_at, report_data=bound)
    (found,) = (c for c in verdict.checks if c.claim == "report_data")
    assert (found.outcome, found.want, found.reason) == (outcome, bound.hex(), "")
    without = judge(authentic, policy, now=authentic.verified_at)
    (left,) = (c for c in without.checks if c.claim == "report_data")
    assert (left.outcome, left.reason) == ("unchecked", "whoever asks says")


BASE = {
    "debug": ("allowed", "forbidden"),
    "migration": ("allowed", "forbidden"),
    "smt": ("allowed", "forbidden"),
    "revocation": ("if_available", "required"),
    "simulated": ("allowed", "forbidden"),
    "collateral_age": (1e9, 10 * 86400.0, 1.0),
    "tcb.statuses": (("UpToDate", "OutOfDate"), ("UpToDate",)),
    "tcb.advisories": (("A", "B"), ("A",), ()),
    "tcb.not_older_than": ("9999d", "365d", "1d"),
    "tcb.minimum_evaluation_number": (0, 18, 30),
    "tdx.sept_ve_disable": ("allowed", "required"),
    "tdx.mr_owner": (("00" * 48, "01" * 48), ("00" * 48,)),
    "tdx.minimum_tee_tcb_svn": ("00" * 16, "05" + "00" * 15, "ff" * 16),
}
"""Values of properties, each stricter than the one before it."""

CLAIMS = st.fixed_dictionaries(
    {
        "debug": st.booleans(),
        "migratable": st.sampled_from([True, False, None]),
        "smt": st.sampled_from([True, False, None]),
        "simulated": st.booleans(),
        "revocation": st.sampled_from([Revocation(unchecked=()), Revocation(unchecked=("A",))]),
        "tcb": st.builds(
            Tcb,
            status=st.sampled_from(["UpToDate", "OutOfDate", "Revoked", ""]),
            date=st.sampled_from(
                [datetime(2026, 2, 28, 13, tzinfo=UTC), datetime(2025, 6, 1, tzinfo=UTC), None]
            ),
            evaluation_number=st.sampled_from([None, 17, 19]),
            advisories=st.sampled_from([(), ("A",), ("A", "B"), ("C",)]),
            components=st.just({}),
        ),
        "fields": st.fixed_dictionaries(
            {},
            optional={
                "tdx.td_attributes.sept_ve_disable": st.booleans(),
                "tdx.quote.body.mr_owner": st.sampled_from([bytes(48), b"\x01" * 48, b""]),
                "tdx.quote.body.tcb_svn": st.sampled_from([bytes(16), b"\x06" * 16]),
            },
        ),
    }
)


@given(claims=CLAIMS, key=st.sampled_from(sorted(BASE)), told=st.booleans())
def test_a_stricter_rule_accepts_no_more(
    authentic_of: Make,
    policy_of: Make,
    claims: dict[str, Any],
    key: str,
    *,
    told: bool,
) -> None:
    """Whatever evidence says: if a policy with a stricter value accepts it, so do the looser."""
    authentic: Authentic = authentic_of("tdx", **claims)
    now = authentic.verified_at
    accepted = [
        judge(authentic, policy_of("tdx", **{key: value}), now=now, accept_simulated=told).accepted
        for value in BASE[key]
    ]
    assert accepted == sorted(accepted, reverse=True)
    if key != "simulated":
        loosest = judge(authentic, policy_of("tdx"), now=now).accepted
        stated = judge(authentic, policy_of("tdx", **{key: BASE[key][0]}), now=now).accepted
        assert loosest >= stated


@given(CLAIMS, st.sets(st.sampled_from(sorted(BASE))), st.data())
def test_a_policy_accepts_what_each_of_its_rules_accepts(
    authentic_of: Make, policy_of: Make, claims: dict[str, Any], keys: set[str], data: st.DataObject
) -> None:
    """Rules do not help each other: all together accept exactly what each alone accepts."""
    authentic: Authentic = authentic_of("tdx", **claims)
    chosen = {key: data.draw(st.sampled_from(BASE[key])) for key in sorted(keys)}

    def accepts(values: dict[str, Any]) -> bool:
        policy = policy_of("tdx", **{"simulated": "allowed", **values})
        return judge(authentic, policy, now=authentic.verified_at, accept_simulated=True).accepted

    assert accepts(chosen) is all(accepts({key: value}) for key, value in chosen.items())
