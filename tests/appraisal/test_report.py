"""A verdict for people and for programs: what is proven, what failed, what nobody looked at."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from enarx.appraisal import report
from enarx.appraisal.appraise import judge
from enarx.appraisal.baseline import baseline
from enarx.tee.claims import Revocation, Tcb

Make = Callable[..., Any]

REFUSED = """\
refused by policy test: 2 failed (5 checks, {left} left out)
SIMULATED: a development root signed this; no hardware is proven

failed
  simulated: got on, want off
    run it on hardware; only for a trial: --insecure-accept-simulated; or change simulated in a \
policy of your own (--policy)
  debug: got on, want off
    launch without debugging; or change debug in a policy of your own (--policy)

proven
  platform      snp
  measurement   {measurement}
  report data   {report_data}
  debug         on
  migration     not stated by this platform
  smt           off
  machine       not stated by this platform
  at            2026-03-01T12:00:00Z
  until         2026-04-01T00:00:00Z
  by            ARK-Milan
    CN=SEV-VCEK, sha256 {leaf}, 2025-01-01 to 2032-01-01
    CN=ARK-Milan, sha256 {root}

trusted computing base
  status        this vendor has no words for it
  components    snp 23
  collateral    issued 2026-02-20T00:00:00Z

not checked
"""
PASSED = """\

passed
  platform: snp (want snp)
  endorsements: 2026-03-01T12:00:00Z (want from 2026-03-01T12:00:00Z to 2026-04-01T00:00:00Z)
  revocation: ARK-Milan (want every issuer's current revocation list)"""


def test_a_refusal_tells_everything(authentic_of: Make, policy_of: Make, now: datetime) -> None:
    """Failures with advice come first, then what is proven and by which chain, then the rest."""
    policy = policy_of(debug="forbidden", revocation="required")
    authentic = authentic_of(simulated=True, debug=True, migratable=None, instance=b"")
    verdict = judge(authentic, policy, now=now)
    text = "\n".join(report.lines(authentic, verdict))
    begin = REFUSED.format(
        left=len(verdict.unchecked),
        measurement="01" * 48,
        report_data="09" * 64,
        leaf="aa" * 32,
        root="bb" * 32,
    )
    assert text.startswith(begin)
    assert text.endswith(PASSED)
    between = " ".join(text.removeprefix(begin).removesuffix(PASSED).split())
    told = (f"{check.claim}: {check.reason}" for check in verdict.unchecked)
    assert between == " ".join(told)


def test_an_acceptance_has_no_failures(authentic_of: Make, policy_of: Make, now: datetime) -> None:
    """And says what Intel says of the platform."""
    authentic = authentic_of(
        "tdx", tcb=Tcb(status="OutOfDate", advisories=("A", "B"), components={})
    )
    verdict = judge(authentic, policy_of("tdx", debug="forbidden"), now=now)
    lines = report.lines(authentic, verdict)
    assert lines[0] == f"accepted by policy test (4 checks, {len(verdict.unchecked)} left out)"
    assert lines[1:3] == ("", "proven")
    assert f"  machine       {'07' * 64}" in lines
    assert "failed" not in lines
    at = lines.index("trusted computing base")
    assert lines[at + 1 : at + 6] == (
        "  status        OutOfDate",
        "  date          not stated by this platform",
        "  evaluation    not stated by this platform",
        "  advisories    A, B",
        "  collateral    issued 2026-02-20T00:00:00Z",
    )


def test_what_has_no_end_or_date_is_told(
    authentic_of: Make, policy_of: Make, now: datetime
) -> None:
    """No words are put into a vendor's mouth."""
    authentic = authentic_of(
        measurements={"thirteen_long": b"\x02", "fourteen_long_": b"\x03"},
        tcb=Tcb(components={}),
        proof={"not_after": None, "collateral_issued": None},
    )
    lines = report.lines(authentic, judge(authentic, policy_of(), now=now))
    assert "  until         no end is stated" in lines
    assert "  collateral    none with a date was used" in lines
    assert "  thirteen_long 02" in lines
    assert "  fourteen_long_ 03" in lines
    assert not any(line.startswith("  components") for line in lines)


def test_long_lists_of_what_is_left_out_are_wrapped(authentic_of: Make, now: datetime) -> None:
    """One reason for many claims is one paragraph."""
    authentic = authentic_of()
    lines = report.lines(authentic, judge(authentic, baseline(), now=now))
    begin = lines.index("not checked") + 1
    paragraph = lines[begin : lines.index("passed") - 1]
    assert paragraph[0].startswith("  image, report_data, smt, ")
    assert paragraph[-1].endswith(": no policy was given")
    assert all(line.startswith("    ") for line in paragraph[1:])
    assert max(map(len, paragraph)) <= 96
    claims = {check.claim for check in judge(authentic, baseline(), now=now).unchecked}
    for line, following in itertools.pairwise(paragraph):
        first = following.split()[0]
        assert len(line) + 1 + len(first) > 96  # it would not have fitted
    words = {word.rstrip(",:") for line in paragraph for word in line.split()}
    assert claims <= words


@pytest.mark.parametrize(
    ("second", "lines"),
    [
        ("b" * 46, [f"  {'a' * 45}, {'b' * 46}:", "    why"]),
        ("b" * 47, [f"  {'a' * 45},", f"    {'b' * 47}: why"]),
        (f"{'b' * 40}-{'c' * 10}", [f"  {'a' * 45},", f"    {'b' * 40}-{'c' * 10}: why"]),
    ],
)
def test_lines_end_at_96_characters(
    second: str, lines: list[str], authentic_of: Make, policy_of: Make
) -> None:
    """Between names, and nowhere else."""
    authentic = authentic_of()
    verdict = judge(authentic, policy_of(), now=authentic.verified_at)
    checks = tuple(replace(verdict.unchecked[0], claim=c, reason="why") for c in ("a" * 45, second))
    found = report.lines(authentic, replace(verdict, checks=checks))
    at = found.index("not checked") + 1
    assert list(found[at : at + 2]) == lines


def test_names_are_not_torn_apart(authentic_of: Make, now: datetime) -> None:
    """A name with a hyphen stays on one line, wherever the line ends."""
    authentic = authentic_of("azure-snp")
    lines = report.lines(authentic, judge(authentic, baseline(), now=now))
    words = {word.rstrip(",:") for line in lines for word in line.split()}
    assert {"azure.vm_configuration.secure-boot", "azure.vm_configuration.console-enabled"} <= words


@pytest.mark.parametrize("bound", ["not_before", "not_after"])
def test_half_a_validity_is_not_shown(
    bound: str, authentic_of: Make, policy_of: Make, now: datetime
) -> None:
    """A certificate's validity is shown where both ends are known."""
    authentic = authentic_of()
    link = replace(authentic.chain[0], **{bound: None})
    changed = replace(authentic, chain=(link,))
    lines = report.lines(changed, judge(changed, policy_of(), now=now))
    assert f"    CN=SEV-VCEK, sha256 {'aa' * 32}" in lines


def test_everything_left_out_nothing_is_hidden(
    authentic_of: Make, policy_of: Make, now: datetime
) -> None:
    """Where nothing is left out there is no such paragraph."""
    authentic = authentic_of("tdx")
    verdict = judge(authentic, policy_of("snp", simulated="forbidden"), now=now)
    kept = [c for c in verdict.checks if c.outcome != "unchecked"]
    lines = report.lines(authentic, replace(verdict, checks=tuple(kept)))
    assert "not checked" not in lines


SHA = "cc" * 32
DOCUMENT = {
    "accepted": True,
    "simulated": False,
    "policy": {
        "name": "test",
        "sha256": SHA,
        "id": f"tag:github.com,2026:enarx/policy/test@sha256:{SHA}",
    },
    "at": "2026-03-01T12:00:00Z",
    "platform": "tdx",
    "measurements": {"mr_td": "02" * 48, **{f"rtmr_{n}": f"3{n}" * 48 for n in range(4)}},
    "report_data": "09" * 64,
    "debug": False,
    "migratable": False,
    "smt": False,
    "instance": "07" * 64,
    "tcb": {
        "status": "UpToDate",
        "date": "2025-08-13T00:00:00Z",
        "evaluation_number": 19,
        "advisories": [],
        "components": {},
    },
    "revocation": {"lists": ["B"], "unchecked": ["A: why"]},
    "anchor": "ARK-Milan",
    "chain": [
        {
            "subject": "CN=SEV-VCEK",
            "sha256": "aa" * 32,
            "not_before": "2025-01-01T00:00:00Z",
            "not_after": "2032-01-01T00:00:00Z",
        },
        {
            "subject": "CN=ARK-Milan",
            "sha256": "bb" * 32,
            "not_before": None,
            "not_after": None,
        },
    ],
    "collateral_issued": "2026-02-20T00:00:00Z",
    "not_after": "2026-04-01T00:00:00Z",
    "verified_at": "2026-03-01T12:00:00Z",
    "fields": {"tdx.x": "01"},
    "trustworthiness": {
        "status": "warning",
        "vector": {
            "instance-identity": 0,
            "configuration": 32,
            "executables": 33,
            "file-system": 0,
            "hardware": 32,
            "runtime-opaque": 2,
            "storage-opaque": 0,
            "sourced-data": 0,
        },
    },
}


def test_the_document_has_everything(authentic_of: Make, policy_of: Make, now: datetime) -> None:
    """Claims, chain, TCB, revocation, every check, and the trustworthiness vector, as JSON."""
    authentic = authentic_of(
        "tdx",
        fields={"tdx.x": b"\x01"},
        revocation=Revocation(unchecked=("A: why",), lists=("B",)),
    )
    policy = policy_of("tdx", debug="forbidden", smt="forbidden")
    verdict = replace(judge(authentic, policy, now=now), policy_sha256=bytes([0xCC]) * 32)
    found = report.document(authentic, verdict)
    assert json.loads(json.dumps(found)) == found
    checks = found.pop("checks")
    assert isinstance(checks, list)
    assert len(checks) == len(verdict.checks)
    assert checks[0] == {
        "claim": "platform",
        "key": "platforms",
        "concern": "hardware",
        "outcome": "passed",
        "want": "tdx",
        "got": "tdx",
        "reason": "",
        "hint": "",
    }
    assert found == DOCUMENT


def test_what_is_not_stated_is_null(authentic_of: Make, policy_of: Make, now: datetime) -> None:
    """Not false, and not left away."""
    authentic = authentic_of(
        migratable=None, smt=None, proof={"not_after": None, "collateral_issued": None}
    )
    found = report.document(authentic, judge(authentic, policy_of(), now=now))
    for key in ("migratable", "smt", "not_after", "collateral_issued"):
        assert found[key] is None
    assert found["tcb"] == {
        "status": "",
        "date": None,
        "evaluation_number": None,
        "advisories": [],
        "components": {"snp": 23},
    }
