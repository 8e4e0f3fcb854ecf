"""Policy files: complete, or refused with everything that is missing or wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from enarx.appraisal.appraise import judge
from enarx.appraisal.catalogue import PLATFORMS, POLICY_FILE, SECTIONS, neutral
from enarx.appraisal.policy import Policy, compiled, examine, load
from enarx.appraisal.starter import starter
from enarx.errors import MisconfiguredError
from enarx.wire.shape import Unchecked
from enarx.wire.shape_schema import json_schema

Make = Callable[..., Any]
HASH = "ab" * 48


def problems_of(text: str) -> list[tuple[str, str, tuple[str, ...]]]:
    """Path, problem and hints of every problem of a policy in one file."""
    policy, problems = examine("p.toml", {"p.toml": text.encode()})
    assert (policy is None) is bool(problems)
    assert all(p.source == "p.toml" for p in problems)
    return [(p.path, p.problem, p.hints) for p in problems]


def policy_in(text: str) -> Policy:
    """The policy, which must have no problem."""
    return load("p.toml", {"p.toml": text.encode()})


def test_an_empty_policy_is_refused() -> None:
    """Nothing is accepted by a file that says nothing."""
    assert problems_of("") == [
        ("version", "is missing", ()),
        ("name", "is missing, want what results call this policy", ()),
        (
            "platforms",
            "is missing, want the accepted platforms",
            ("known: snp, tdx, sgx, nitro, cca, azure-snp, azure-tdx, nvgpu",),
        ),
    ]


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_complete_policy_states_every_property(platform: str, policy_file: Make) -> None:
    """With a value or a reason for everything there is no problem, and a rule for everything."""
    policy = policy_in(policy_file(platform))
    assert (policy.name, policy.source, policy.platforms) == ("test", "p.toml", (platform,))
    assert policy.sources == ("p.toml",)
    wanted = [one.key for one in neutral(platform)]
    wanted += [f"{platform}.{one.key}" for one in SECTIONS[platform]]
    assert [rule.key for rule in policy.rules[platform]] == wanted


@pytest.mark.parametrize(
    ("platform", "key"),
    [
        (platform, key)
        for platform in PLATFORMS
        for key in (
            *(one.key for one in neutral(platform)),
            *(f"{platform}.{one.key}" for one in SECTIONS[platform]),
        )
    ],
    ids=str,
)
def test_what_is_missing_is_named(platform: str, key: str, policy_file: Make) -> None:
    """Each property that is not stated is a problem of its own, which says how to leave it out."""
    hints = (f'leave it out with {key}.unchecked = "reason"',) if key != "simulated" else ()
    assert problems_of(policy_file(platform, **{key: ""})) == [(key, "is missing", hints)]


def test_what_two_platforms_miss_is_told_once() -> None:
    """A neutral property that is missing is one problem, for however many platforms."""
    lines = starter(("snp", "tdx"), "test").splitlines()
    text = "\n".join(line for line in lines if not line.startswith("debug = "))
    assert [(path, problem) for path, problem, _ in problems_of(text)] == [("debug", "is missing")]


def test_a_section_that_is_missing_is_one_problem(policy_file: Make) -> None:
    """A platform without its section is told once, with the command that writes one."""
    nothing = {f"snp.{one.key}": "" for one in SECTIONS["snp"]}
    assert problems_of(policy_file(**nothing)) == [
        (
            "snp",
            "the section is missing, and snp is accepted",
            ("see what it needs: enarx policy init --platform snp FILE",),
        )
    ]


def test_a_simulation_cannot_be_left_out(policy_file: Make) -> None:
    """Whether simulated evidence may pass has to be said."""
    text = policy_file(simulated='{ unchecked = "why" }')
    assert problems_of(text) == [
        ("simulated", 'got a table, want "forbidden" or "allowed"', ()),
    ]


@pytest.mark.parametrize(
    ("change", "path", "problem", "hint"),
    [
        ({"debug": '"off"'}, "debug", 'got "off", want "forbidden" or "allowed"', ""),
        ({"debgu": '"off"'}, "debgu", "unknown key", "did you mean 'debug'?"),
        (
            {"snp.vmpll": "[0]"},
            "snp.vmpll",
            "unknown key",
            "did you mean 'vmpl'?",
        ),
        ({"snp.vmpl": "[]"}, "snp.vmpl", "got an array, want an array of 1 or more", ""),
        ({"snp.signers": "[]"}, "snp.signers", "got an array, want an array of 1 or more", ""),
        (
            {"snp.host_data": "[]"},
            "snp.host_data",
            "got an array, want an array of 1 or more",
            "",
        ),
        (
            {"snp.vmpl": "[4]"},
            "snp.vmpl[0]",
            "got the integer 4, want an integer from 0 to 3",
            "",
        ),
        (
            {"snp.host_data": '["00"]'},
            "snp.host_data[0]",
            'got "00", want 64 hexadecimal digits',
            "",
        ),
        (
            {"snp.minimum_reported_tcb": "{ Milan = { tee = 0, snp = 8, microcode = 1 } }"},
            "snp.minimum_reported_tcb.Milan.bootloader",
            "is missing",
            "",
        ),
        (
            {"snp.minimum_reported_tcb": "{}"},
            "snp.minimum_reported_tcb",
            "names no product, so that nothing could pass",
            "",
        ),
        (
            {"snp.minimum_firmware": '"1.55"'},
            "snp.minimum_firmware",
            'got "1.55", want three numbers like "1.55.21"',
            "",
        ),
        (
            {"instances": '[""]'},
            "instances[0]",
            'got "", want some hexadecimal digits',
            "",
        ),
        (
            {"snp.guest_svn": "{ unchecked = '' }"},
            "snp.guest_svn.unchecked",
            "the reason is empty",
            "say why it may be left out",
        ),
    ],
)
def test_a_wrong_value_is_told_once(
    change: dict[str, str], path: str, problem: str, hint: str, policy_file: Make
) -> None:
    """A problem names the key, what was found and what was wanted, and is not told twice."""
    found = problems_of(policy_file(**change))
    assert found == [(path, problem, (hint,) if hint else ())]


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("tcb.not_older_than", '"2025-02-30"', "day is out of range for month"),
        (
            "tdx.xfam",
            '{ mask = "0100000000000000", value = "0300000000000000" }',
            "the value has bits that the mask leaves out",
        ),
    ],
)
def test_what_nothing_could_pass_is_refused(
    key: str, value: str, problem: str, policy_file: Make
) -> None:
    """A value that has its shape and still means nothing is a problem."""
    found = problems_of(policy_file("tdx", **{key: value}))
    assert [(path, bool(re.search(problem, text))) for path, text, _ in found] == [(key, True)]


@pytest.mark.parametrize(
    ("platform", "key", "size"),
    [("snp", "snp.host_data", 32), ("snp", "snp.family_ids", 16), ("tdx", "tdx.mr_owner", 48)],
)
def test_bytes_have_their_size(platform: str, key: str, size: int, policy_file: Make) -> None:
    """As many digits as the field has, in either case, and not one more or less."""
    for text in ("ab" * size, "AB" * size):
        assert problems_of(policy_file(platform, **{key: f'["{text}"]'})) == []
    for text in ("ab" * (size - 1), "ab" * size + "a", "ab" * (size + 1), "", "g" * 2 * size):
        (found,) = problems_of(policy_file(platform, **{key: f'["{text}"]'}))
        assert found[0] == f"{key}[0]"
        assert found[1].endswith(f", want {2 * size} hexadecimal digits")


def test_an_empty_set_of_registers_is_refused(policy_file: Make) -> None:
    """Registers without a name would demand nothing."""
    assert problems_of(policy_file("nitro", **{"nitro.pcrs": "{}"})) == [
        ("nitro.pcrs", "names no register", ())
    ]


def test_everything_that_is_wrong_is_told_at_once(policy_file: Make) -> None:
    """Wrong values do not hide what is missing, and what is wrong is not called missing too."""
    text = policy_file(debug='"off"', smt="", **{"snp.vmpl": "3", "snp.guest_svn": ""})
    assert [(path, problem) for path, problem, _ in problems_of(text)] == [
        ("debug", 'got "off", want "forbidden" or "allowed"'),
        ("snp.vmpl", "got the integer 3, want an array"),
        ("smt", "is missing"),
        ("snp.guest_svn", "is missing"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "path", "problem"),
    [
        ('name = "test"', 'name = ""', "name", "want a name of letters, digits and ._-"),
        ('platforms = ["snp"]', "platforms = []", "platforms", "want an array of 1 or more"),
        ('platforms = ["snp"]', 'platforms = ["sev"]', "platforms[0]", 'got "sev", want "snp",'),
        ("version = 1", "version = 2", "version", "got the integer 2, want an integer from 1 to 1"),
        ("version = 1", 'version = 1\ninclude = [""]', "include[0]", "want the path of a file"),
        (
            "version = 1",
            'version = 1\nreference_value_files = [""]',
            "reference_value_files[0]",
            "want the path of a file",
        ),
    ],
)
def test_what_is_wrong_is_not_missing(
    old: str, new: str, path: str, *, problem: str, policy_file: Make
) -> None:
    """A wrong name, list or version is one problem, and nothing is done with it."""
    (found,) = problems_of(policy_file().replace(old, new))
    assert found[0] == path
    assert problem in found[1]


def test_a_section_that_is_no_table_is_not_missing() -> None:
    """Nor is what would stand in it."""
    text = 'version = 1\nname = "t"\nplatforms = ["snp"]\nsnp = 3\ntcb = 4\n'
    paths = [path for path, _, _ in problems_of(text)]
    assert paths[:2] == ["snp", "tcb"]
    assert paths.count("snp") == 1
    assert not any(path.startswith(("snp.", "tcb.")) for path in paths)


def test_broken_reference_values_do_not_make_images_unknown(policy_file: Make) -> None:
    """A problem in the reference values is told, and not that there are none."""
    tail = '[[reference_values]]\nname = "app"\nversion = "1"\nplatform = "snp"\n'
    text = policy_file(image='[{ name = "app", version = "1" }]', tail=tail)
    assert [p[0] for p in problems_of(text)] == ["reference_values[0].measurements"]


def test_a_platforms_section_comes_before_the_neutral_value(
    policy_file: Make, authentic_of: Make, now: datetime
) -> None:
    """What a platform cannot say is left out there, and stays demanded elsewhere."""
    changed = {"snp.smt": '{ unchecked = "why" }', "smt": '"forbidden"'}
    policy = policy_in(policy_file(**changed))
    found = [c for c in judge(authentic_of(smt=True), policy, now=now).checks if c.claim == "smt"]
    assert [(c.key, c.outcome) for c in found] == [("snp.smt", "unchecked")]
    only = policy_in(policy_file(smt="", **{"snp.smt": '"allowed"'}))
    assert [rule.key for rule in only.rules["snp"] if rule.about.key == "smt"] == ["snp.smt"]


def test_sections_of_other_platforms_do_not_count(policy_file: Make) -> None:
    """They are held against their shape, and ignored otherwise: the digest is the same."""
    text = policy_file()
    more = f"{text}\n[tdx]\nperfmon = 'forbidden'\n[tcb]\nstatuses = ['UpToDate']\n"
    assert policy_in(text).sha256 == policy_in(more).sha256
    assert problems_of(f"{text}\n[tdx]\nperfmon = 3\n") == [
        ("tdx.perfmon", 'got the integer 3, want "required", "forbidden" or "allowed"', ())
    ]


def test_the_first_problem_is_raised_with_the_number_of_others() -> None:
    """A program that needs the policy is told of all of them."""
    with pytest.raises(MisconfiguredError) as caught:
        load("p.toml", {"p.toml": b"version = 2"})
    assert (caught.value.path, caught.value.source) == ("version", "p.toml")
    assert caught.value.hints == ("2 more: enarx policy check p.toml",)
    with pytest.raises(MisconfiguredError) as caught:
        load("p.toml", {"p.toml": b'version = 2\nname = "x"'})
    assert caught.value.hints == ("1 more: enarx policy check p.toml",)
    with pytest.raises(MisconfiguredError) as caught:
        load("p.toml", {"p.toml": b'version = 1\nname = "x"'})
    assert caught.value.path == "platforms"
    assert caught.value.hints == (f"known: {', '.join(PLATFORMS)}",)
    with pytest.raises(MisconfiguredError) as caught:
        load("p.toml", {"p.toml": b"version = "})
    assert caught.value.problem.startswith("not TOML: line 1")
    assert caught.value.hints == ()


def test_a_built_policy_must_be_complete() -> None:
    """Values given by a program are held against the catalogue as files are."""
    with pytest.raises(MisconfiguredError) as caught:
        compiled({"simulated": "forbidden"}, name="x", platforms=("snp",))
    assert (caught.value.path, caught.value.problem) == ("image", "is missing")


def test_a_program_cannot_leave_the_simulation_out(
    policy_of: Make, authentic_of: Make, now: datetime
) -> None:
    """A reason in place of its value, which no file can give, forbids it."""
    policy = policy_of(simulated=Unchecked("why"))
    verdict = judge(authentic_of(simulated=True), policy, now=now, accept_simulated=True)
    assert [c.claim for c in verdict.failed] == ["simulated"]


@pytest.mark.parametrize(
    ("platform", "key", "value"),
    [
        ("snp", "snp.minimum_firmware", '"1.55.21"'),
        ("snp", "snp.minimum_policy_abi", '"1.51"'),
        (
            "nitro",
            "nitro.pcrs",
            '{ pcr3 = ["' + "ab" * 48 + '"], nitrotpm_pcr4 = ["' + "AB" * 48 + '"] }',
        ),
        ("tdx", "tdx.mr_service_td", '["none", "' + "ab" * 48 + '"]'),
    ],
)
def test_values_of_a_form_are_read(platform: str, key: str, value: str, policy_file: Make) -> None:
    """What the messages give as an example is right."""
    assert problems_of(policy_file(platform, **{key: value})) == []


def test_evidence_of_another_platform_is_judged_by_the_neutral_rules(
    policy_of: Make, authentic_of: Make, now: datetime
) -> None:
    """It is refused for its platform, and for everything else that can be seen of it."""
    policy = policy_of("snp", debug="forbidden", smt=Unchecked("why"))
    verdict = judge(authentic_of("sgx", debug=True), policy, now=now)
    assert [(c.claim, c.got, c.want) for c in verdict.failed] == [
        ("platform", "sgx", "snp"),
        ("debug", "on", "off"),
    ]
    assert "image" not in {c.key for c in verdict.checks}
    assert verdict.failed[0].hint.endswith(
        "; or change platforms in a policy of your own (--policy)"
    )


def test_the_schema_accepts_what_the_parser_accepts(policy_file: Make) -> None:
    """For editors: a complete policy is valid, one with a wrong value is not."""
    jsonschema = pytest.importorskip("jsonschema")
    import tomllib

    validator = jsonschema.Draft202012Validator(json_schema(POLICY_FILE, "policy"))
    for platform in PLATFORMS:
        assert validator.is_valid(tomllib.loads(policy_file(platform)))
    assert not validator.is_valid(tomllib.loads(policy_file(debug='"off"')))
    assert not validator.is_valid(tomllib.loads(policy_file(debgu='"off"')))
