"""A Steward's policy document: what it states, and what is refused with which advice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.errors import MisconfiguredError
from enarx.pki.names import dns_name_problem
from enarx.steward.policies.document import (
    DEFAULT_LIFETIME_S,
    MAX_NAMES,
    MAX_WORKLOADS,
    Issue,
    digest,
    examine,
    parse,
)
from enarx.steward.policies.starter import starter

SHOP = "sha256:" + "ab" * 32
OTHER = "sha256:" + "cd" * 32
APPRAISAL = starter(("snp",), "test").partition("## What the Steward issues")[0]

WHOLE = f"""
[issue]
lifetime = "90m"
dns_names = ["localhost", "localhost"]

[[workload]]
digest = "{SHOP}"
name = "shop"
dns_names = ["shop.example.org", "*.shop.example.org", "localhost"]
secrets = ["db-password", "default/db/password"]

[[workload]]
digest = "{OTHER}"
"""


def problems(text: str) -> list[str]:
    """What is wrong with a policy that has *text* after a good appraisal part."""
    return [str(problem) for problem in examine((APPRAISAL + text).encode(), "p.toml")[1]]


def test_a_policy_states_what_is_issued() -> None:
    """Lifetime and names are read, and the digest is that of the very bytes."""
    data = (APPRAISAL + WHOLE).encode()
    found = parse(data)
    assert found.issue == Issue(lifetime_s=5400, dns_names=("localhost",))
    assert found.text == data
    assert found.digest == digest(data)
    assert found.appraisal.platforms == ("snp",)


def test_workloads_get_what_is_listed_for_them() -> None:
    """Names, secrets and SPIFFE paths are a workload's own; others' are not given."""
    found = parse((APPRAISAL + WHOLE).encode())
    assert found.names(SHOP) == ("localhost", "shop.example.org", "*.shop.example.org")
    assert found.names(OTHER) == ("localhost",)
    assert found.secrets(SHOP) == ("db-password", "default/db/password")
    assert found.secrets(OTHER) == ()
    assert found.spiffe_path(SHOP, "snp") == "/workload/shop"
    assert found.spiffe_path(OTHER, "snp") == f"/workload/sha256/{'cd' * 32}"


def test_an_unlisted_workload_is_given_nothing() -> None:
    """Neither a name nor a secret, and the refusal says which workload it was."""
    unknown = "sha256:" + "00" * 32
    found = parse((APPRAISAL + WHOLE).encode())
    refusal = found.refusal(unknown)
    assert refusal is not None
    assert refusal.got == unknown
    assert found.names(unknown) == ()
    assert found.secrets(unknown) == ()


def test_any_workload_admits_without_secrets() -> None:
    """``any_workload`` gives everybody's names to an unlisted workload, and no secret."""
    text = '[issue]\nany_workload = true\ndns_names = ["localhost"]\n'
    found = parse((APPRAISAL + text).encode())
    assert found.refusal(OTHER) is None
    assert found.names(OTHER) == ("localhost",)
    assert found.secrets(OTHER) == ()


@pytest.mark.parametrize(("text", "admitted"), [("", False), ("require_workload = false", True)])
def test_evidence_without_a_workload(text: str, *, admitted: bool) -> None:
    """It is admitted only where the policy says so, and then has its platform's path."""
    found = parse(f"{APPRAISAL}[issue]\nany_workload = true\n{text}\n".encode())
    assert (found.refusal("") is None) is admitted
    assert found.spiffe_path("", "snp") == "/platform/snp"


def test_without_the_tables_nothing_is_admitted() -> None:
    """The defaults are strict: twelve hours, no names, no unlisted workload."""
    found = parse(APPRAISAL.encode())
    assert found.issue == Issue(lifetime_s=DEFAULT_LIFETIME_S)
    assert found.refusal(SHOP) is not None
    assert found.refusal("") is not None


@pytest.mark.parametrize("any_workload", [False, True])
def test_the_starter_passes_the_check(*, any_workload: bool) -> None:
    """What ``init`` writes is a policy as it is."""
    found = parse(starter(("snp", "tdx"), "mine", any_workload=any_workload).encode())
    assert found.issue.any_workload is any_workload
    assert found.issue.dns_names == ("localhost",)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("[isue]\n", "isue"),
        ("[issue]\nlifetme = 1\n", "issue.lifetme"),
        ("[issue]\nany_workload = 1\n", "issue.any_workload"),
        ('[issue]\nlifetime = "8d"\n', "issue.lifetime"),
        ("[issue]\nlifetime = 59\n", "issue.lifetime"),
        ("[issue]\nlifetime = 90.5\n", "issue.lifetime"),
        ('[issue]\ndns_names = ["A.example"]\n', "issue.dns_names[0]"),
        ('[issue]\ndns_names = ["a.example", "1.2.3.4"]\n', "issue.dns_names[1]"),
        ("[workload]\n", "workload"),
        ("[[workload]]\n", "workload[0].digest"),
        (f'[[workload]]\ndigest = "{SHOP.upper()}"\n', "workload[0].digest"),
        (f'[[workload]]\ndigest = "{SHOP}"\n' * 2, "workload[1].digest"),
        (f'[[workload]]\ndigest = "{SHOP}"\nname = "a/b"\n', "workload[0].name"),
        (f'[[workload]]\ndigest = "{SHOP}"\nname = ".."\n', "workload[0].name"),
        (f'[[workload]]\ndigest = "{SHOP}"\nsecrets = ["../x"]\n', "workload[0].secrets[0]"),
        (f'[[workload]]\ndigest = "{SHOP}"\nsecrets = {["a"] * (MAX_NAMES + 1)}\n', "workload[0].secrets"),  # noqa: E501
        (f'[issue]\ndns_names = {["a"] * (MAX_NAMES + 1)}\n', "issue.dns_names"),
        ("[[workload]]\n" * (MAX_WORKLOADS + 1), "workload"),
    ],
)  # fmt: skip
def test_each_mistake_is_named_by_its_key(text: str, path: str) -> None:
    """A problem says where it is, and nothing else is reported."""
    found = problems(text)
    assert found, text[:60]
    assert all(problem.startswith(f"p.toml: {path}: ") for problem in found)


def test_an_unknown_key_names_the_nearest() -> None:
    """The hint says which key was meant, at the top and inside."""
    for text, near in (("[isue]\n", "'issue'"), ("[issue]\nlifetme = 1\n", "'lifetime'")):
        with pytest.raises(MisconfiguredError) as e:
            parse((APPRAISAL + text).encode())
        assert near in " ".join(e.value.hints)


@pytest.mark.parametrize("key", ["include", "reference_value_files"])
def test_a_document_names_no_files(key: str) -> None:
    """What was approved must not change with a file that is elsewhere."""
    with pytest.raises(MisconfiguredError, match=f"{key}: a stored policy names no files") as e:
        parse(f'{key} = ["other.toml"]\n{APPRAISAL}'.encode())
    assert "flatten" in " ".join(e.value.hints)


def test_problems_of_the_appraisal_are_told_too() -> None:
    """Both halves are checked in one run, with how many problems there are."""
    broken = APPRAISAL.replace('debug = "forbidden"', 'debug = "no"') + "[issue]\nlifetime = 1\n"
    assert len(examine(broken.encode())[1]) == 2
    with pytest.raises(MisconfiguredError) as e:
        parse(broken.encode(), "p.toml")
    assert "1 more: enarx steward policy check p.toml" in e.value.hints


@pytest.mark.parametrize(
    "data",
    [
        b"\xff",
        b"a = ",
        b"snp = " + b"[" * 5000,
        b"snp" + b".a" * 5000 + b" = 1",
        b"name = 1979-05-27",
        b"version = 0x" + b"f" * 6000,
        b"collateral_age = inf",
        b"name = 'x'\n" * 2,
        b"#" * 1_000_001,
    ],
)
def test_hostile_documents_end_in_problems(data: bytes) -> None:
    """Whatever arrives, the answer is a list of problems."""
    found, told = examine(data)
    assert found is None
    assert told


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_end_in_problems_or_a_policy(data: bytes) -> None:
    """Nothing but our own errors comes out."""
    found, told = examine(data)
    assert (found is None) == bool(told)


@pytest.mark.parametrize(
    "name", ["localhost", "a.b", "*.a.b", "xn--mnchen-3ya.de", "a-b.c1", "a" * 63 + ".b"]
)
def test_names_in_their_one_spelling_are_taken(name: str) -> None:
    """Lower case, A-labels, and wildcards that stand for one label above two."""
    assert dns_name_problem(name) == ""


@pytest.mark.parametrize(
    "name",
    [
        "", ".", "a.", ".a", "a..b", "A.b", "*", "*.com", "*a.b.c", "a.*.b", "*.*.a.b", "-a.b",
        "a-.b", "a_b.c", "1.2.3.4", "a.1", "::1", "a b", "ab--c.d", "xn--.de", "xn--a.de",
        "münchen.de", "xn--abc-.de", "a" * 64 + ".b", ".".join(["a" * 60] * 5), "a\n",
    ],
)  # fmt: skip
def test_other_names_are_refused(name: str) -> None:
    """A second spelling, an address, or a wildcard that covers too much."""
    assert dns_name_problem(name)
