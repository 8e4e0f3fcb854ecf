"""Attestation results: what they say, what they keep to themselves, how strictly they are read."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.appraisal.appraise import judge
from enarx.appraisal.ear import (
    PROFILE,
    PROFILES,
    claims_set,
    json_value,
    parse,
    parse_submods,
    policy_id,
    submod_to_json,
    to_json,
)
from enarx.errors import MalformedError
from enarx.wire import document

Make = Callable[..., Any]


def result_of(authentic: Any, policy: Any, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    """The claims set of an appraisal."""
    verdict = judge(authentic, policy, now=authentic.verified_at)
    return claims_set(authentic, verdict, build="enarx 0.0", **more)


def test_a_result_says_what_was_found(authentic_of: Make, policy_of: Make) -> None:
    """Profile, time, verifier, and for the processor: status, vector, policy, evidence."""
    authentic = authentic_of(fields={"snp.guest_svn": 3, "snp.measurement": b"\x01"})
    policy = policy_of(debug="forbidden")
    found = result_of(authentic, policy)
    assert list(found) == ["eat_profile", "iat", "ear.verifier-id", "submods"]
    assert (found["eat_profile"], found["iat"]) == (PROFILE, 1772366400)
    assert found["ear.verifier-id"] == {"developer": "https://enarx.dev", "build": "enarx 0.0"}
    assert list(found["submods"]) == ["cpu0"]
    module = found["submods"]["cpu0"]
    assert module["ear.status"] == "warning"
    assert module["ear.trustworthiness-vector"] == {
        "instance-identity": 0,
        "configuration": 32,
        "executables": 33,
        "file-system": 0,
        "hardware": 32,
        "runtime-opaque": 2,
        "storage-opaque": 0,
        "sourced-data": 0,
    }
    assert module["ear.appraisal-policy-id"] == (
        f"tag:github.com,2026:enarx/policy/test@sha256:{policy.sha256.hex()}"
    )
    assert module["ear.veraison.annotated-evidence"] == {
        "platform": "snp",
        "simulated": False,
        "measurements": {"measurement": "01" * 48},
        "report_data": "09" * 64,
        "fields": {"snp.guest_svn": 3, "snp.measurement": "01"},
    }
    assert module["ear.enarx.failed"] == []
    assert module["ear.enarx.unchecked"]["image"] == "no image in this test"


def test_a_refusal_is_a_result_too(authentic_of: Make, policy_of: Make) -> None:
    """It names what failed, and not the values that would have passed."""
    policy = policy_of(debug="forbidden", **{"snp.host_data": ("ab" * 32,)})
    found = result_of(authentic_of(debug=True), policy)
    module = found["submods"]["cpu0"]
    assert module["ear.status"] == "contraindicated"
    assert module["ear.enarx.failed"] == ["debug", "snp.host_data"]
    assert "ab" * 32 not in json.dumps(found)


def test_nonce_and_expiry_are_there_when_given(authentic_of: Make, policy_of: Make) -> None:
    """The relying party's nonce, and the end of the result's use."""
    end = datetime(2026, 3, 1, 13, tzinfo=UTC)
    found = result_of(authentic_of(), policy_of(), nonce="n" * 43, expires=end)
    assert (found["eat_nonce"], found["exp"]) == ("n" * 43, 1772370000)


def test_a_gpu_has_its_own_name(authentic_of: Make, policy_of: Make) -> None:
    """As Trustee calls it."""
    assert list(result_of(authentic_of("nvgpu"), policy_of("nvgpu"))["submods"]) == ["gpu0"]


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (True, True),
        (3, 3),
        ("x", "x"),
        (b"\x01\xff", "01ff"),
        (b"", ""),
        (("a", "b"), ["a", "b"]),
        (datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01T00:00:00Z"),
    ],
)
def test_claims_are_written_as_json(value: Any, found: object) -> None:  # noqa: ANN401
    """What JSON has stays, the rest becomes text."""
    assert json_value(value) == found


def test_what_we_write_we_read(authentic_of: Make, policy_of: Make) -> None:
    """A result survives being read and written again."""
    end = datetime(2026, 3, 1, 13, tzinfo=UTC)
    written = result_of(authentic_of(debug=True), policy_of(), nonce="n" * 8, expires=end)
    found = parse(document.dump(written))
    assert to_json(found) == written
    assert (found.profile, found.nonce, found.expires) == (PROFILE, "n" * 8, end)
    assert (found.developer, found.build) == ("https://enarx.dev", "enarx 0.0")
    assert found.issued_at == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert found.not_before is None
    assert found.extensions == {}
    assert found.submods["cpu0"].status == "contraindicated"
    assert found.submods["cpu0"].vector["runtime-opaque"] == 96
    assert found.submods["cpu0"].policy_id.startswith("tag:github.com,2026:enarx/policy/test@")
    assert set(found.submods["cpu0"].extensions) == {
        "ear.veraison.annotated-evidence",
        "ear.enarx.failed",
        "ear.enarx.unchecked",
    }


SMALL: dict[str, Any] = {
    "eat_profile": PROFILES[1],
    "iat": 1,
    "ear.verifier-id": {"developer": "d", "build": "b"},
    "submods": {"a": {"ear.status": "none"}},
}


def test_the_profiles_are_the_published_ones() -> None:
    """Others look for these very words."""
    assert PROFILE == PROFILES[0] == "tag:github.com,2026:enarx/ear"
    assert PROFILES[1:] == (
        "tag:github.com,2023:veraison/ear",
        "tag:github.com,2024:confidential-containers/Trustee",
    )


@pytest.mark.parametrize("profile", PROFILES)
def test_known_profiles_are_read(profile: str) -> None:
    """Ours, Veraison's and Trustee's, with whatever they add kept as it is."""
    written = {**SMALL, "eat_profile": profile, "nbf": 3, "x-more": [1, {"a": None}]}
    found = parse(document.dump(written))
    assert found.extensions == {"x-more": [1, {"a": None}]}
    assert found.not_before == datetime(1970, 1, 1, 0, 0, 3, tzinfo=UTC)
    assert to_json(found) == written


VECTOR = "ear.trustworthiness-vector"


def module(**claims: Any) -> dict[str, Any]:  # noqa: ANN401
    """A result with one sub-module of these claims, by their names with underscores for dots."""
    names = {"status": "ear.status", "vector": VECTOR, "policy": "ear.appraisal-policy-id"}
    return {"submods": {"a": {names[key]: value for key, value in claims.items()}}}


@pytest.mark.parametrize(
    ("change", "where", "problem"),
    [
        ({"eat_profile": "tag:other"}, "result: eat_profile", "got 'tag:other', want one of"),
        ({"iat": -1}, "result: iat", "got -1, want 0 to 253402300799"),
        ({"iat": "1"}, "result: iat", "got a string, want an integer"),
        ({"iat": 253_402_300_800}, "result: iat", "got 253402300800, want 0 to"),
        ({"exp": True}, "result: exp", "got a boolean, want an integer"),
        ({"nbf": None}, "result: nbf", "got null, want an integer"),
        ({"eat_nonce": "short"}, "result: eat_nonce", "got 5 characters, want 8 to 88"),
        ({"eat_nonce": "n" * 89}, "result: eat_nonce", "got 89 characters, want 8 to 88"),
        ({"ear.verifier-id": {"build": "b"}}, "result: ear.verifier-id", "'developer' is missing"),
        (
            {"ear.verifier-id": {"developer": "d", "build": "b", "x": 1}},
            "result: ear.verifier-id",
            "unknown key 'x'",
        ),
        ({"submods": {}}, "result: submods", "want an object of 1 to 64 sub-modules"),
        ({"submods": []}, "result: submods", "want an object of 1 to 64 sub-modules"),
        ({"submods": ["a"]}, "result: submods", "want an object of 1 to 64 sub-modules"),
        ({"submods": 3}, "result: submods", "want an object of 1 to 64 sub-modules"),
        (
            {"submods": {str(n): {"ear.status": "none"} for n in range(65)}},
            "result: submods",
            "want an object of 1 to 64 sub-modules",
        ),
        ({"submods": {"a": 1}}, "result: submods.a", "got an integer, want an object"),
        ({"submods": {"a": {}}}, "result: submods.a", "key 'ear.status' is missing"),
        (module(status=2), "result: submods.a: ear.status", "got an integer, want a string"),
        (module(status="good"), "result: submods.a: ear.status", "got 'good', want one of"),
        (
            module(status="none", policy="p" * 1001),
            "result: submods.a: ear.appraisal-policy-id",
            "got 1001 characters, want 0 to 1000",
        ),
        (
            module(status="affirming", vector={"hardware": 32}),
            "result: submods.a: ear.status",
            "got affirming, but the vector is warning",
        ),
        (
            module(status="warning", vector={"hardware": 97}),
            "result: submods.a: ear.status",
            "got warning, but the vector is contraindicated",
        ),
        (
            module(status="none", vector={"hardware": 2}),
            "result: submods.a: ear.status",
            "got none, but the vector is affirming",
        ),
        (
            module(status="contraindicated", vector={"hardware": 128}),
            f"result: submods.a: {VECTOR}: hardware",
            "got 128, want -128 to 127",
        ),
        (
            module(status="contraindicated", vector={"hardware": -129}),
            f"result: submods.a: {VECTOR}: hardware",
            "got -129, want -128 to 127",
        ),
        (
            module(status="none", vector={"software": 2}),
            f"result: submods.a: {VECTOR}",
            "unknown key 'software'",
        ),
        (module(status="none", vector={}), f"result: submods.a: {VECTOR}", "says nothing"),
    ],
)
def test_what_is_no_result_is_refused(change: dict[str, Any], where: str, problem: str) -> None:
    """Unknown profiles and claims, values of other types, and a status better than its vector."""
    with pytest.raises(MalformedError) as caught:
        parse(document.dump({**SMALL, **change}), "result")
    assert caught.value.where == where
    assert problem in caught.value.problem


@pytest.mark.parametrize("key", SMALL)
def test_what_every_result_has_must_be_there(key: str) -> None:
    """Profile, time, verifier and sub-modules are not optional."""
    with pytest.raises(MalformedError) as caught:
        parse(document.dump({k: v for k, v in SMALL.items() if k != key}), "result")
    assert caught.value.problem == f"key {key!r} is missing"


def test_a_status_may_be_worse_than_its_vector() -> None:
    """A verifier may have reasons that the vector does not name; the bounds are included."""
    for status in ("affirming", "warning", "contraindicated"):
        change = module(status=status, vector={"hardware": 2, "configuration": -32})
        assert parse(document.dump({**SMALL, **change})).submods["a"].status == status
    change = module(status="contraindicated", vector={"hardware": 127, "configuration": -128})
    assert parse(document.dump({**SMALL, **change})).submods["a"].vector["configuration"] == -128
    most = {"submods": {str(n): {"ear.status": "none"} for n in range(64)}}
    assert len(parse(document.dump({**SMALL, **most})).submods) == 64
    policy = module(status="none", policy="p" * 1000)
    assert parse(document.dump({**SMALL, **policy})).submods["a"].policy_id == "p" * 1000
    for nonce in ("n" * 8, "n" * 88):
        assert parse(document.dump({**SMALL, "eat_nonce": nonce})).nonce == nonce


def test_a_key_that_occurs_twice_is_refused() -> None:
    """Two readers of one result must not see different ones."""
    text = document.dump(SMALL).replace(b'"iat":1', b'"iat":1,"iat":2')
    with pytest.raises(MalformedError) as caught:
        parse(text)
    assert caught.value.where == "attestation result"
    assert "a key occurs twice" in caught.value.problem


@given(
    st.binary(max_size=100)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from([*SMALL, "ear.status", VECTOR, "exp"]), inner, max_size=4
            )
        ),
    ).map(lambda value: json.dumps(value).encode())
)
def test_whatever_arrives_is_a_result_or_malformed(data: bytes) -> None:
    """Our error or success, nothing else."""
    with contextlib.suppress(MalformedError):
        parse(data)


def test_policies_have_uris(authentic_of: Make, policy_of: Make) -> None:
    """EAT wants a string with a colon to be a URI."""
    authentic = authentic_of()
    verdict = judge(authentic, policy_of(), now=authentic.verified_at)
    assert policy_id(verdict).startswith("tag:github.com,2026:enarx/policy/test@sha256:")
    assert " " not in policy_id(verdict)


def test_recorded_results_are_read(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Veraison's samples are read, and written again as they were."""
    count = 0
    for path in sorted((shared / "vectors" / "ear").glob("*.json")):
        data = path.read_bytes()
        whole = json.loads(data)
        if "eat_profile" in whole:
            assert to_json(parse(data, path.name)) == whole
        elif path.name.endswith((".good.json", ".end-to-end.json")):
            found = parse_submods(whole, path.name)
            assert {name: submod_to_json(item) for name, item in found.items()} == whole
        else:
            continue  # the manifest, and keys
        count += 1
    with capsys.disabled():
        print(f"\n{count} recorded attestation results", end=" ")  # noqa: T201
    assert count == 8
