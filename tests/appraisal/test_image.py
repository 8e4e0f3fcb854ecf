"""Reference values: which measurements pass, and how what is wrong is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import pytest

from enarx.appraisal.appraise import judge
from enarx.appraisal.policy import Policy, examine
from enarx.appraisal.verdict import Check

Make = Callable[..., Any]
GOOD = "01" * 48
OTHER = "02" * 48
TDX = {"mr_td": "02" * 48, **{f"rtmr_{n}": f"3{n}" * 48 for n in range(4)}}
IMAGE = '[{ name = "app", version = "1.0" }]'


def reference(platform: str, measurements: Mapping[str, str], version: str = "1.0") -> str:
    """An entry; values that are no hexadecimal are TOML already."""
    values = {k: v if v[0] in "[{" else f'["{v}"]' for k, v in measurements.items()}
    inner = ", ".join(f"{name} = {value}" for name, value in values.items())
    return (
        f'[[reference_values]]\nname = "app"\nversion = "{version}"\n'
        f'platform = "{platform}"\nmeasurements = {{ {inner} }}\n'
    )


def image_policy(text: str) -> Policy:
    """The policy in *text*, which must have no problem."""
    policy, problems = examine("p.toml", {"p.toml": text.encode()})
    assert policy is not None, [str(p) for p in problems]
    return policy


def checks(policy: Policy, authentic: Any, now: datetime) -> list[Check]:  # noqa: ANN401
    """The image's checks."""
    return [c for c in judge(authentic, policy, now=now).checks if c.key == "image"]


def test_a_known_image_passes(policy_file: Make, authentic_of: Make, now: datetime) -> None:
    """A measurement that is one of those of a named image passes; hexadecimal has either case."""
    values = f'["{OTHER}", "{GOOD.upper()}"]'
    tail = reference("snp", {"measurement": values})
    policy = image_policy(policy_file(image=IMAGE, tail=tail))
    (found,) = checks(policy, authentic_of(), now)
    assert (found.claim, found.outcome, found.got) == ("image.measurement", "passed", GOOD)
    assert found.want == f"one of {GOOD}, {OTHER} of app 1.0"
    assert found.concern == "executables"


def test_an_unknown_image_fails(policy_file: Make, authentic_of: Make, now: datetime) -> None:
    """Another measurement fails, and the message names the image."""
    policy = image_policy(policy_file(image=IMAGE, tail=reference("snp", {"measurement": OTHER})))
    (found,) = checks(policy, authentic_of(), now)
    assert (found.outcome, found.want, found.got) == ("failed", f"{OTHER} of app 1.0", GOOD)
    assert found.hint.endswith("; or change image in p.toml")


@pytest.mark.parametrize("name", TDX)
def test_every_measurement_must_fit(
    name: str, policy_file: Make, authentic_of: Make, now: datetime
) -> None:
    """All registers of one reference value must fit; one that does not is told alone."""
    tail = reference("tdx", {**TDX, name: "00" * 48})
    policy = image_policy(policy_file("tdx", image=IMAGE, tail=tail))
    found = checks(policy, authentic_of("tdx"), now)
    assert len(found) == len(TDX)
    assert [c.claim for c in found if c.outcome == "failed"] == [f"image.{name}"]


def test_measurements_of_two_values_do_not_mix(
    policy_file: Make, authentic_of: Make, now: datetime
) -> None:
    """Registers of two reference values are no image; the nearest value is told."""
    one = reference("tdx", {**TDX, "rtmr_0": "00" * 48})
    other = reference("tdx", {**TDX, "rtmr_1": "00" * 48, "rtmr_2": "00" * 48})
    policy = image_policy(policy_file("tdx", image=IMAGE, tail=other + one))
    failed = [c for c in checks(policy, authentic_of("tdx"), now) if c.outcome == "failed"]
    assert [(c.claim, c.got) for c in failed] == [("image.rtmr_0", "30" * 48)]
    assert failed[0].want == (
        f"{'00' * 48} of app 1.0 (the nearest of 2 reference values of app 1.0)"
    )
    passed = image_policy(policy_file("tdx", image=IMAGE, tail=other + reference("tdx", TDX)))
    found = checks(passed, authentic_of("tdx"), now)
    assert {(c.outcome, "nearest" in c.want) for c in found} == {("passed", False)}


def test_only_the_named_images_count(policy_file: Make, authentic_of: Make, now: datetime) -> None:
    """A reference value of another version does not let evidence pass."""
    tail = reference("snp", {"measurement": OTHER}) + reference("snp", {"measurement": GOOD}, "2.0")
    policy = image_policy(policy_file(image=IMAGE, tail=tail))
    assert [c.outcome for c in checks(policy, authentic_of(), now)] == ["failed"]
    both = f'{IMAGE[:-1]}, {{ name = "app", version = "2.0" }}]'
    policy = image_policy(policy_file(image=both, tail=tail))
    assert [c.outcome for c in checks(policy, authentic_of(), now)] == ["passed"]


def test_a_register_may_be_left_out(policy_file: Make, authentic_of: Make, now: datetime) -> None:
    """A measurement that is left out with a reason is told as unchecked."""
    tail = reference("tdx", {**TDX, "rtmr_3": '{ unchecked = "the application extends it" }'})
    policy = image_policy(policy_file("tdx", image=IMAGE, tail=tail))
    found = {c.claim: c for c in checks(policy, authentic_of("tdx"), now)}
    left = found["image.rtmr_3"]
    assert (left.outcome, left.reason) == ("unchecked", "the application extends it")
    assert left.got == "33" * 48


def test_a_register_that_the_reference_forgot_fails(
    policy_file: Make, authentic_of: Make, now: datetime
) -> None:
    """On a platform without a fixed list, evidence with more measurements than the value fails."""
    tail = reference("nitro", {"pcr0": "01"})
    policy = image_policy(policy_file("nitro", image=IMAGE, tail=tail))
    authentic = authentic_of("nitro", measurements={"pcr0": b"\x01", "pcr4": b"\x04"})
    found = {c.claim: c for c in checks(policy, authentic, now)}
    assert found["image.pcr0"].outcome == "passed"
    assert found["image.pcr4"].outcome == "failed"
    assert found["image.pcr4"].got == "04"
    assert found["image.pcr4"].want == "a reference value of pcr4 for app 1.0, or a reason for none"


def test_a_measurement_that_evidence_lacks_fails(
    policy_file: Make, authentic_of: Make, now: datetime
) -> None:
    """Evidence must state everything that the reference value does."""
    tail = reference("nitro", {"pcr0": "01", "pcr8": "08"})
    policy = image_policy(policy_file("nitro", image=IMAGE, tail=tail))
    authentic = authentic_of("nitro", measurements={"pcr0": b"\x01"})
    failed = [c for c in checks(policy, authentic, now) if c.outcome == "failed"]
    assert [(c.claim, c.got) for c in failed] == [("image.pcr8", "not stated by this platform")]


@pytest.mark.parametrize(
    ("platform", "measurements", "path", "problem"),
    [
        (
            "tdx",
            {k: v for k, v in TDX.items() if k != "rtmr_2"},
            "reference_values[0].measurements.rtmr_2",
            "is missing",
        ),
        ("snp", {"other": "00"}, "reference_values[0].measurements.measurement", "is missing"),
        (
            "sgx",
            {"mr_enclave": "00"},
            "reference_values[0].measurements.mr_signer",
            "is missing",
        ),
        (
            "cca",
            {"rim": "00", "rem_0": "00", "rem_1": "00", "rem_2": "00"},
            "reference_values[0].measurements.rem_3",
            "is missing",
        ),
        (
            "snp",
            {"measurement": "[]"},
            "reference_values[0].measurements.measurement",
            "got an array, want an array of 1 or more",
        ),
        (
            "snp",
            {"measurement": '{ unchecked = "why" }'},
            "reference_values[0].measurements",
            "nothing is measured: every measurement is left out",
        ),
        (
            "nitro",
            {"pcr0": '{ unchecked = "why" }', "pcr1": '{ unchecked = "why" }'},
            "reference_values[0].measurements",
            "nothing is measured: every measurement is left out",
        ),
    ],
)
def test_a_reference_value_leaves_nothing_unsaid(
    platform: str, measurements: dict[str, str], path: str, problem: str, policy_file: Make
) -> None:
    """It states every measurement of its platform, or why not, and at least one value."""
    text = policy_file(platform, image=IMAGE, tail=reference(platform, measurements))
    policy, problems = examine("p.toml", {"p.toml": text.encode()})
    assert policy is None
    assert [(p.source, p.path, p.problem) for p in problems] == [("p.toml", path, problem)]


def test_a_platform_may_have_images_of_its_own(
    policy_file: Make, authentic_of: Make, now: datetime
) -> None:
    """The image may be stated in a platform's section, with that platform's reference values."""
    tail = reference("snp", {"measurement": GOOD})
    policy = image_policy(policy_file(tail=tail, **{"snp.image": IMAGE}))
    found = [c for c in judge(authentic_of(), policy, now=now).checks if c.key == "snp.image"]
    assert [(c.claim, c.outcome) for c in found] == [("image.measurement", "passed")]
    text = policy_file(**{"snp.image": IMAGE})
    _, problems = examine("p.toml", {"p.toml": text.encode()})
    assert [(p.path, p.problem) for p in problems] == [
        ("snp.image[0]", "no reference value of app 1.0 for snp")
    ]
    assert problems[0].hints == ("add [[reference_values]] or reference_value_files",)
