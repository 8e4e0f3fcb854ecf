"""Policies in plain English, and the file that a beginner starts with."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from typing import Any

import pytest

from enarx.appraisal.catalogue import PLATFORMS, SECTIONS, neutral, stated
from enarx.appraisal.explain import Sentence, explain
from enarx.appraisal.image import Image, ImageName, ReferenceValue
from enarx.appraisal.policy import Policy, examine, load
from enarx.appraisal.starter import reference_value_file, starter
from enarx.appraisal.unstated import UNSTATED
from enarx.wire.shape import Unchecked

Make = Callable[..., Any]


def sentences(policy: Policy) -> dict[str, Sentence]:
    """By key."""
    return {one.key: one for one in explain(policy)}


def test_every_rule_is_one_line(policy_of: Make) -> None:
    """What is demanded, or why not and what that risks."""
    policy = policy_of(debug="forbidden", **{"snp.guest_svn": 3})
    found = sentences(policy)
    assert len(explain(policy)) == len(found) == len(policy.rules["snp"])
    assert str(found["debug"]) == "snp: debug mode must be off"
    assert str(found["snp.guest_svn"]) == (
        "snp: the guest's security version number must be at least 3"
    )
    assert str(found["image"]) == (
        "snp: the image is not checked: no image in this test "
        "(risk: any program may run, also one that hands out whatever it is given)"
    )
    assert all("\n" not in str(one) for one in found.values())


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        (
            "debug",
            "allowed",
            "snp: debug mode may be on or off (risk: the host can read and change everything)",
        ),
        (
            "simulated",
            "allowed",
            (
                "snp: the simulation of a TEE may be off, unless the caller accepts simulated "
                "evidence (risk: anybody can make such evidence; nothing is protected)"
            ),
        ),
        (
            "revocation",
            "if_available",
            (
                "snp: what certificates are looked up in may be every issuer's current revocation "
                "list, where there is one (risk: whoever has a stolen key simply leaves the list "
                "out)"
            ),
        ),
        (
            "revocation",
            "required",
            (
                "snp: what certificates are looked up in must be every issuer's current revocation "
                "list"
            ),
        ),
        (
            "report_data",
            "required",
            (
                "snp: what the evidence is bound to must be what the caller expects, which must be "
                "given"
            ),
        ),
        (
            "snp.minimum_reported_tcb",
            {"Milan": {"bootloader": 3, "tee": 0, "snp": 8, "microcode": 115}},
            (
                "snp: the TCB that the firmware reports and the chip's key is derived from must be "
                "on Milan at least bootloader 3, tee 0, snp 8, microcode 115"
            ),
        ),
    ],
)
def test_rules_have_words_of_their_own(key: str, value: object, text: str, policy_of: Make) -> None:
    """What tolerates its risk says so too."""
    assert str(sentences(policy_of(**{key: value}))[key]) == text


def test_registers_are_listed(policy_of: Make) -> None:
    """With the values that they may have."""
    policy = policy_of("nitro", **{"nitro.pcrs": {"pcr3": ("00", "01"), "pcr4": ("02",)}})
    assert sentences(policy)["nitro.pcrs"].want == "pcr3 one of 00, 01; pcr4 02"


def test_images_are_named(policy_file: Make) -> None:
    """Each once, whatever number of reference values it has."""
    entry = (
        '[[reference_values]]\nname = "app"\nversion = "{}"\nplatform = "snp"\n'
        'measurements = {{ measurement = ["00"] }}\n'
    )
    one = '{ name = "app", version = "1" }'
    two = '{ name = "app", version = "2" }'
    tail = entry.format("1") * 2 + entry.format("2")
    for images, want in ((f"[{one}]", "app 1"), (f"[{one}, {two}]", "one of app 1, app 2")):
        policy = load("p.toml", {"p.toml": policy_file(image=images, tail=tail).encode()})
        assert sentences(policy)["image"].want == want


def test_a_rule_names_every_platform_where_it_counts() -> None:
    """And a platform's own value is a rule of its own."""
    text = starter(("snp", "sgx"), "x")
    found = sentences(load("p.toml", {"p.toml": text.encode()}))
    assert found["debug"].platforms == ("sgx", "snp")
    assert found["migration"].platforms == ("snp",)
    assert found["sgx.migration"].platforms == ("sgx",)
    assert found["tcb.statuses"].platforms == ("sgx",)
    assert str(found["debug"]) == "sgx, snp: debug mode must be off"


EVERY = [(platform,) for platform in PLATFORMS] + [("snp", "tdx"), PLATFORMS]


@pytest.mark.parametrize("platforms", EVERY, ids=", ".join)
def test_a_starter_is_complete(platforms: tuple[str, ...]) -> None:
    """It has no problem as it is, and states what there is to state, each with a comment."""
    text = starter(platforms, "my-policy")
    policy, problems = examine("p.toml", {"p.toml": text.encode()})
    assert [str(p) for p in problems] == []
    assert policy is not None
    assert (policy.name, set(policy.platforms)) == ("my-policy", set(platforms))
    keys = set(stated(tomllib.loads(text)))
    for platform in platforms:
        assert {rule.key for rule in policy.rules[platform]} <= keys
        unstated = {key for where, key in UNSTATED if where == platform}
        for one in (*neutral(platform), *SECTIONS[platform]):
            comment = f"## {one.about[:1].upper()}{one.about[1:]}."
            assert comment in text or one.key in unstated


def test_a_starter_is_loud_about_the_image() -> None:
    """It leaves the image out, in words that ask for an edit, and demands the rest."""
    policy = load("p.toml", {"p.toml": starter(("snp",), "x").encode()})
    rules = {rule.key: rule.demand for rule in policy.rules["snp"]}
    assert rules["image"] == Unchecked(
        "EDIT THIS: until reference values are stated, any program passes"
    )
    for key in ("simulated", "debug", "migration", "report_data", "revocation"):
        assert not isinstance(rules[key], Unchecked)


@pytest.mark.parametrize("platform", ["snp", "tdx", "sgx", "cca"])
def test_the_example_of_a_starter_is_what_is_needed(platform: str) -> None:
    """Its commented lines make a checked image when they are filled in."""
    text = starter((platform,), "x")
    lines = text.splitlines()
    at = lines.index("# [[reference_values]]")
    entry = [line.removeprefix("# ") for line in lines[at : at + 5]]
    filled = "\n".join([*lines, *entry]).replace("…", "00")
    image = next(line for line in lines if line.startswith("image = "))
    example = next(line for line in lines if line.startswith("# image = "))
    filled = filled.replace(image, example.removeprefix("# "))
    policy = load("p.toml", {"p.toml": filled.encode()})
    assert sentences(policy)["image"].want == "my-image 1.0.0"


def test_a_platform_without_fixed_measurements_has_an_example_too() -> None:
    """One measurement stands for all."""
    assert '# measurements = { measurement = ["…"] }' in starter(("nitro",), "x").splitlines()
    for platform in ("nitro", "cca", "nvgpu"):
        assert 'revocation = "if_available"' in starter((platform,), "x").splitlines()
    assert 'revocation = "if_available"' not in starter(("snp",), "x").splitlines()
    assert "[tcb]" not in starter(("snp",), "x").splitlines()
    assert "[snp.platform_info]" in starter(("snp",), "x").splitlines()


def test_a_starter_with_an_image_accepts_that_image_only() -> None:
    """What was measured is stated, what was left out keeps its reason; simulations if asked for."""
    one = ReferenceValue(
        image=ImageName("keep", "1"),
        platform="sgx",
        measurements={"mr_enclave": frozenset((bytes(32),)), "mr_signer": Unchecked("no signer")},
    )
    text = starter(("sgx",), "x", references=(one,), accept_simulated=True)
    policy = load("p.toml", {"p.toml": text.encode()})
    image = next(rule for rule in policy.rules["sgx"] if rule.key == "image")
    assert isinstance(image.demand, Image)
    assert image.demand.references == (one,)
    simulated = next(rule for rule in policy.rules["sgx"] if rule.key == "simulated")
    assert not isinstance(simulated.demand, Unchecked)
    assert simulated.demand.want() == "off, unless the caller accepts simulated evidence"
    values = reference_value_file((one,), "Of a keep.")
    named = starter(("sgx",), "x").replace(
        next(line for line in starter(("sgx",), "x").splitlines() if line.startswith("image = ")),
        'image = [{ name = "keep", version = "1" }]\nreference_value_files = ["r.toml"]',
    )
    again = load("p.toml", {"p.toml": named.encode(), "r.toml": values.encode()})
    image = next(rule for rule in again.rules["sgx"] if rule.key == "image")
    assert isinstance(image.demand, Image)
    assert image.demand.references == (one,)
