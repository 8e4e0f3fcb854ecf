"""The built-in policy: strict where it needs no values of others, and open about the rest."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from enarx.appraisal.appraise import judge
from enarx.appraisal.baseline import NAME, WITH_IMAGE, baseline
from enarx.appraisal.catalogue import PLATFORMS, SECTIONS, neutral
from enarx.appraisal.image import Image, ImageName, ReferenceValue
from enarx.tee.claims import Revocation, Tcb
from enarx.wire.shape import Unchecked
from enarx.wire.shape_check import Problems, read

Make = Callable[..., Any]
SEPT = {"tdx.td_attributes.sept_ve_disable": True}


def test_it_states_every_property_of_every_platform() -> None:
    """Nothing is unchecked by omission there either."""
    policy = baseline()
    assert (NAME, policy.name, policy.source) == ("baseline", "baseline", "")
    assert policy.platforms == tuple(sorted(PLATFORMS))
    for platform in PLATFORMS:
        keys = [rule.about.key for rule in policy.rules[platform]]
        assert keys == [one.key for one in (*neutral(platform), *SECTIONS[platform])]


def test_its_values_are_values_of_a_file() -> None:
    """What it states could stand in a policy; only it is not read from one."""
    for platform in PLATFORMS:
        for one in (*neutral(platform), *SECTIONS[platform]):
            if not isinstance(one.baseline, Unchecked):
                value = list(one.baseline) if isinstance(one.baseline, tuple) else one.baseline
                problems = Problems(one.key)
                read(one.value, value, one.key, problems)
                assert problems.found == []


def demanded(platform: str) -> set[str]:
    """The properties about which the built-in policy demands something."""
    rules = baseline().rules[platform]
    return {rule.about.key for rule in rules if not isinstance(rule.demand, Unchecked)}


EVERYWHERE = {"simulated", "debug", "revocation"}


@pytest.mark.parametrize(
    ("platform", "keys"),
    [
        ("snp", EVERYWHERE | {"migration"}),
        ("azure-snp", EVERYWHERE | {"migration"}),
        (
            "tdx",
            EVERYWHERE | {"migration", "tcb.statuses", "sept_ve_disable", "mr_service_td"},
        ),
        ("azure-tdx", EVERYWHERE | {"migration", "tcb.statuses", "mr_service_td"}),
        ("sgx", EVERYWHERE | {"tcb.statuses"}),
        ("nitro", EVERYWHERE),
        ("cca", EVERYWHERE),
        ("nvgpu", EVERYWHERE - {"debug"}),
    ],
)
def test_it_demands_what_needs_no_values(platform: str, keys: set[str]) -> None:
    """What can be judged without the operator's values is judged, the rest is left out."""
    assert demanded(platform) == keys


def test_what_it_leaves_out_has_the_reason_that_no_policy_was_given(
    authentic_of: Make, now: datetime
) -> None:
    """Above all the image and the binding."""
    verdict = judge(authentic_of(), baseline(), now=now)
    assert verdict.accepted
    reasons = {c.key: c.reason for c in verdict.unchecked}
    assert reasons["image"] == reasons["report_data"] == "no policy was given"
    assert reasons["snp.minimum_reported_tcb"] == "no policy was given"
    assert set(reasons.values()) == {"no policy was given"}


@pytest.mark.parametrize(
    ("platform", "claims", "failed"),
    [
        ("snp", {}, []),
        ("snp", {"debug": True}, ["debug"]),
        ("snp", {"migratable": True}, ["migration"]),
        ("snp", {"simulated": True}, ["simulated"]),
        ("snp", {"revocation": Revocation(unchecked=("A: no CRL",))}, []),
        ("tdx", {"fields": SEPT}, []),
        ("tdx", {}, ["tdx.td_attributes.sept_ve_disable"]),
        (
            "tdx",
            {"fields": {**SEPT, "tdx.quote.body.mr_servicetd": b"\x01" * 48}},
            ["tdx.quote.body.mr_servicetd"],
        ),
        (
            "tdx",
            {"fields": SEPT, "revocation": Revocation(unchecked=("A: no CRL",))},
            ["revocation"],
        ),
        ("sgx", {"migratable": None}, []),
        ("sgx", {"revocation": Revocation(unchecked=("A: no CRL",))}, ["revocation"]),
        ("nvgpu", {"debug": True, "migratable": None}, []),
        ("nitro", {"migratable": None, "debug": True}, ["debug"]),
        ("cca", {"migratable": None}, []),
    ],
)
def test_it_judges_strictly(
    platform: str, claims: dict[str, Any], failed: list[str], authentic_of: Make, now: datetime
) -> None:
    """Debugging, migration and simulation are refused, and Intel's lists must be there."""
    verdict = judge(authentic_of(platform, **claims), baseline(), now=now)
    assert [c.claim for c in verdict.failed] == failed


@pytest.mark.parametrize(
    ("status", "accepted"),
    [
        ("UpToDate", True),
        ("SWHardeningNeeded", True),
        ("ConfigurationNeeded", False),
        ("ConfigurationAndSWHardeningNeeded", False),
        ("TDRelaunchAdvised", False),
        ("OutOfDate", False),
        ("OutOfDateConfigurationNeeded", False),
        ("Revoked", False),
        ("TcbNotSupported", False),
        ("", False),
    ],
)
def test_it_accepts_two_statuses(
    status: str, *, accepted: bool, authentic_of: Make, now: datetime
) -> None:
    """Only a platform that is up to date, or whose software must be hardened, passes."""
    authentic = authentic_of("sgx", tcb=Tcb(status=status, components={}))
    assert judge(authentic, baseline(), now=now).accepted is accepted


def test_a_simulation_is_accepted_only_when_told_twice(authentic_of: Make, now: datetime) -> None:
    """The policy and the caller must both be told, which one flag of the command line does."""
    simulated = authentic_of(simulated=True)
    tolerant = baseline(accept_simulated=True)
    assert tolerant.sha256 != baseline().sha256
    assert not judge(simulated, baseline(), now=now, accept_simulated=True).accepted
    assert not judge(simulated, tolerant, now=now).accepted
    assert judge(simulated, tolerant, now=now, accept_simulated=True).accepted


def reference(platform: str, **measurements: bytes) -> ReferenceValue:
    """Of an image that measures exactly this."""
    values = {name: frozenset((value,)) for name, value in measurements.items()}
    return ReferenceValue(image=ImageName("keep", "1"), platform=platform, measurements=values)


def test_with_reference_values_the_image_counts(authentic_of: Make, now: datetime) -> None:
    """Evidence of another image is refused; other platforms are not accepted at all."""
    good = authentic_of()
    policy = baseline(references=(reference("snp", **good.claims.measurements),))
    assert (policy.name, policy.platforms) == (WITH_IMAGE, ("snp",))
    assert judge(good, policy, now=now).accepted
    other = baseline(references=(reference("snp", measurement=bytes(48)),))
    assert [check.claim for check in judge(good, other, now=now).failed] == ["image.measurement"]
    assert not judge(authentic_of("tdx"), policy, now=now).accepted


def test_alternatives_of_one_image_stay_together() -> None:
    """Two reference values of an image and platform are one rule with two ways to pass."""
    both = (reference("snp", measurement=b"\x01"), reference("snp", measurement=b"\x02"))
    rule = next(rule for rule in baseline(references=both).rules["snp"] if rule.key == "image")
    assert isinstance(rule.demand, Image)
    assert rule.demand.references == both
