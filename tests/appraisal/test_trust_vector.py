"""The trustworthiness vector: honest for every verdict, never affirming what was not shown."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.appraisal.appraise import judge
from enarx.appraisal.baseline import baseline
from enarx.appraisal.trust_vector import (
    LEAST,
    MOST,
    TABLE,
    VECTOR_KEYS,
    reasons,
    status_of,
    tier_of,
    trust_vector,
)
from enarx.appraisal.verdict import Check, Verdict
from enarx.tee.claims import Authentic, Revocation, Tcb

Make = Callable[..., Any]
NOW = datetime(2026, 3, 1, tzinfo=UTC)
PLATFORMS = ("snp", "tdx", "sgx", "nitro", "cca", "azure-snp", "nvgpu")


def check(key: str, outcome: Any = "passed", concern: Any = "configuration") -> Check:  # noqa: ANN401
    """One check."""
    return Check(
        claim=key, key=key, concern=concern, outcome=outcome, want="w", got="g", reason="r"
    )


def verdict_of(*checks: Check) -> Verdict:
    """A verdict with these checks."""
    return Verdict(policy="p", policy_sha256=b"", at=NOW, checks=checks)


GOOD = (
    check("image", concern="executables"),
    check("instances", concern="instance-identity"),
    check("debug"),
    check("migration"),
    check("revocation", concern="hardware"),
    check("snp.minimum_reported_tcb", concern="hardware"),
    check("tcb.statuses", concern="hardware"),
)


def without(key: str, *more: Check) -> Verdict:
    """A good verdict without what *key* asked for, and with *more*."""
    return verdict_of(*(c for c in GOOD if c.key != key), *more)


def vector(authentic: Authentic, verdict: Verdict) -> dict[str, int]:
    """What the vector says, without silence."""
    found = trust_vector(authentic.claims, verdict)
    assert tuple(found) == VECTOR_KEYS
    return {key: value for key, value in found.items() if value}


def test_good_evidence_is_affirmed(authentic_of: Make) -> None:
    """Hardware, image, settings and machine checked: everything that can be said affirms."""
    found = vector(authentic_of(), verdict_of(*GOOD))
    assert found == {
        "instance-identity": 2,
        "configuration": 2,
        "executables": 3,
        "hardware": 2,
        "runtime-opaque": 2,
    }
    assert status_of(found) == "affirming"
    assert vector(authentic_of("sgx"), verdict_of(*GOOD))["executables"] == 2


@pytest.mark.parametrize(
    ("platform", "claims", "verdict", "changed"),
    [
        (
            "snp",
            {"simulated": True},
            verdict_of(*GOOD),
            {"instance-identity": 97, "hardware": 97, "runtime-opaque": 96},
        ),
        ("snp", {"debug": True}, verdict_of(*GOOD), {"configuration": 32, "runtime-opaque": 96}),
        ("snp", {"migratable": True}, verdict_of(*GOOD), {"configuration": 32}),
        ("snp", {"migratable": None}, verdict_of(*GOOD), {}),
        ("snp", {}, without("debug", check("debug", "unchecked")), {"configuration": 32}),
        ("snp", {}, without("migration", check("migration", "unchecked")), {"configuration": 32}),
        (
            "snp",
            {},
            without("migration", check("snp.migration", "unchecked")),
            {"configuration": 32},
        ),
        ("snp", {}, verdict_of(*GOOD, check("smt", "unchecked")), {}),
        ("snp", {}, verdict_of(*GOOD, check("smt", "failed")), {"configuration": 96}),
        ("snp", {}, without("image"), {"executables": 33}),
        (
            "snp",
            {},
            without("image", check("image", "unchecked", "executables")),
            {"executables": 33},
        ),
        (
            "snp",
            {},
            without("image", check("image", "failed", "executables")),
            {"executables": 96},
        ),
        (
            "snp",
            {},
            verdict_of(*GOOD, check("snp.id_key_digests", "failed", "executables")),
            {"executables": 96},
        ),
        ("sgx", {}, without("image"), {"executables": 33}),
        (
            "snp",
            {},
            without("instances", check("instances", "unchecked", "instance-identity")),
            {"instance-identity": 0},
        ),
        (
            "snp",
            {},
            without("instances", check("instances", "failed", "instance-identity")),
            {"instance-identity": 97},
        ),
        (
            "snp",
            {},
            verdict_of(*GOOD, check("report_data", "failed", "instance-identity")),
            {"instance-identity": 96},
        ),
        (
            "snp",
            {},
            without("revocation", check("revocation", "unchecked", "hardware")),
            {"hardware": 32},
        ),
        ("snp", {"revocation": Revocation(unchecked=("A",))}, verdict_of(*GOOD), {"hardware": 32}),
        (
            "tdx",
            {"tcb": Tcb(status="SWHardeningNeeded", components={})},
            verdict_of(*GOOD),
            {"executables": 3, "hardware": 32},
        ),
        (
            "tdx",
            {"tcb": Tcb(status="OutOfDate", components={})},
            verdict_of(*GOOD),
            {"hardware": 32},
        ),
        (
            "snp",
            {},
            verdict_of(*(c for c in GOOD if "tcb" not in c.key)),
            {"hardware": 32},
        ),
        ("snp", {}, verdict_of(*GOOD, check("tcb.date", "failed", "hardware")), {"hardware": 96}),
        ("snp", {}, verdict_of(*GOOD, check("platforms", "failed", "hardware")), {"hardware": 97}),
        ("nitro", {}, verdict_of(*GOOD), {"runtime-opaque": 32}),
    ],
)
def test_what_is_less_than_good_is_less_than_affirmed(
    platform: str,
    claims: dict[str, Any],
    verdict: Verdict,
    changed: dict[str, int],
    authentic_of: Make,
) -> None:
    """Each row of the table, against evidence that is otherwise good."""
    good = {
        "instance-identity": 2,
        "configuration": 2,
        "executables": 3,
        "hardware": 2,
        "runtime-opaque": 2,
    }
    found = vector(authentic_of(platform, **claims), verdict)
    assert found == {key: value for key, value in {**good, **changed}.items() if value}


@pytest.mark.parametrize(
    "key",
    [
        "tcb.statuses",
        "snp.minimum_reported_tcb",
        "azure-snp.minimum_firmware",
        "cca.component_measurements",
        "nvgpu.driver_versions",
        "nvgpu.vbios_versions",
    ],
)
def test_one_check_of_how_current_it_is_is_needed(key: str, authentic_of: Make) -> None:
    """Any of these says how current the firmware is; in any section, and passed."""
    others = [c for c in GOOD if "tcb" not in c.key]
    current = check(key, concern="hardware")
    assert vector(authentic_of(), verdict_of(*others, current))["hardware"] == 2
    left_out = check(key, "unchecked", "hardware")
    assert vector(authentic_of(), verdict_of(*others, left_out))["hardware"] == 32


def test_every_value_has_a_reason(authentic_of: Make) -> None:
    """A vector can be explained."""
    authentic = authentic_of(simulated=True)
    found = reasons(authentic.claims, verdict_of(*GOOD))
    assert found["hardware"] == "a development root signed: no hardware is proven"
    assert set(found) == {
        "instance-identity",
        "configuration",
        "executables",
        "hardware",
        "runtime-opaque",
    }
    assert all(row[3] for row in TABLE)
    assert {row[0] for row in TABLE} <= set(VECTOR_KEYS)


BANDS = {
    "none": range(-1, 2),
    "affirming": [*range(-32, -1), *range(2, 32)],
    "warning": [*range(-96, -32), *range(32, 96)],
    "contraindicated": [*range(-128, -96), *range(96, 128)],
}


def test_every_value_has_a_tier() -> None:
    """The bands of AR4SI tile the signed byte."""
    found = {value: tier_of(value) for value in range(LEAST, MOST + 1)}
    assert found == {value: tier for tier, values in BANDS.items() for value in values}


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ([], "none"),
        ([0, 1, -1], "none"),
        ([0, 2], "affirming"),
        ([2, 33, 3], "warning"),
        ([33, 2, 96], "contraindicated"),
        ([99], "contraindicated"),
    ],
)
def test_a_status_is_the_worst_tier(values: list[int], status: str) -> None:
    """Silence makes nothing better or worse."""
    assert status_of({str(n): value for n, value in enumerate(values)}) == status


CHECKS = st.lists(
    st.builds(
        check,
        st.sampled_from(
            ["image", "instances", "debug", "migration", "revocation", "tcb.statuses", "x", "snp.y"]
        ),
        st.sampled_from(["passed", "failed", "unchecked"]),
        st.sampled_from(["configuration", "executables", "hardware", "instance-identity"]),
    ),
    max_size=8,
)
CLAIMS = st.fixed_dictionaries(
    {
        "debug": st.booleans(),
        "migratable": st.sampled_from([True, False, None]),
        "revocation": st.sampled_from([Revocation(unchecked=()), Revocation(unchecked=("A",))]),
        "tcb": st.builds(
            Tcb,
            status=st.sampled_from(["UpToDate", "OutOfDate", "SWHardeningNeeded", ""]),
            components=st.just({}),
        ),
    }
)


@given(CHECKS, CLAIMS, st.sampled_from(PLATFORMS))
def test_a_simulation_is_never_affirmed(
    authentic_of: Make, checks: list[Check], claims: dict[str, Any], platform: str
) -> None:
    """Whatever was checked and whatever passed: hardware 97, memory the host's."""
    authentic = authentic_of(platform, simulated=True, **claims)
    found = trust_vector(authentic.claims, verdict_of(*checks))
    assert (found["hardware"], found["runtime-opaque"], found["instance-identity"]) == (97, 96, 97)
    assert status_of(found) == "contraindicated"


@given(CHECKS, CLAIMS, st.sampled_from(PLATFORMS))
def test_a_refusal_is_contraindicated(
    authentic_of: Make, checks: list[Check], claims: dict[str, Any], platform: str
) -> None:
    """Whatever failed, and whatever passed beside it."""
    verdict = verdict_of(*checks)
    status = status_of(trust_vector(authentic_of(platform, **claims).claims, verdict))
    if verdict.failed:
        assert status == "contraindicated"


@given(CHECKS, CLAIMS, st.sampled_from(PLATFORMS))
def test_what_nobody_checked_is_not_affirmed(
    authentic_of: Make, checks: list[Check], claims: dict[str, Any], platform: str
) -> None:
    """Affirming needs an image, a current TCB, lists that were looked at, and no debugging."""
    authentic = authentic_of(platform, **claims)
    verdict = verdict_of(*checks)
    if status_of(trust_vector(authentic.claims, verdict)) == "affirming":
        assert not authentic.claims.debug
        assert not authentic.claims.revocation.unchecked
        assert authentic.claims.tcb.status in ("", "UpToDate")
        assert {"image", "tcb.statuses"} <= {c.key for c in verdict.passed}
        left_out = {c.key for c in verdict.unchecked}
        assert not left_out & {"debug", "migration", "revocation"}
        assert platform != "nitro"


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_built_in_policy_affirms_nothing(platform: str, authentic_of: Make) -> None:
    """Without a policy the image is not recognised, so the best is a warning."""
    authentic = authentic_of(platform, fields={"tdx.td_attributes.sept_ve_disable": True})
    verdict = judge(authentic, baseline(), now=authentic.verified_at)
    assert verdict.accepted
    assert status_of(trust_vector(authentic.claims, verdict)) == "warning"
