"""``enarx verify``: authenticate evidence, appraise it, and say what was found."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from enarx.appraisal.appraise import judge
from enarx.cli.authentication import Means, authenticate
from enarx.cli.endorsement_sources import SourceOptions, load_given, source_options_on_demand
from enarx.cli.exit import REJECTED, report_end, report_note, report_warning
from enarx.cli.verdict import document, lines, refusal
from enarx.errors import MalformedError, MisconfiguredError, RejectedError
from enarx.protocol.outcome import legible

if TYPE_CHECKING:
    from datetime import datetime

    from enarx.appraisal.policy import Policy
    from enarx.appraisal.verdict import Verdict
    from enarx.attestation import Authentic, Parsed
    from enarx.cli.attestation_result import ResultOptions

_REPORT_DATA_BYTES = 64


@click.command("verify")
@click.argument("evidence", metavar="EVIDENCE")
@click.option(
    "-e",
    "--endorsements",
    "given",
    multiple=True,
    metavar="PATH",
    help="Certificates, revocation lists and collateral: a directory, file or bundle; repeatable.",
)
@click.option("-p", "--policy", metavar="FILE", default="", help="What the evidence must say.")
@click.option(
    "--at", metavar="TIME", default="", help="Verify as of this time (RFC 3339, UTC), not now."
)
@click.option(
    "--report-data", metavar="HEX", default="", help="What the evidence must be bound to."
)
@click.option(
    "--workload",
    metavar="DIGEST",
    default="",
    help="The package that a keep's certificate must be of (sha256:…).",
)
@click.option(
    "--trust-root",
    metavar="FILE",
    default="",
    help="A root to believe beside the vendor's own: a certificate; for Arm CCA a public key.",
)
@click.option(
    "--insecure-accept-simulated",
    "accept_simulated",
    is_flag=True,
    help="Accept evidence of this user's simulated machines, which proves no hardware.",
)
@source_options_on_demand
@click.option("--ear", metavar="FILE", default="", help="Write a signed attestation result (JWT).")
@click.option(
    "--ear-key", metavar="FILE", default="", help="Sign it with this key: P-384 or Ed25519, PEM."
)
@click.option(
    "--ear-nonce", metavar="TEXT", default="", help="Put the relying party's nonce into it."
)
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as JSON.")
def command(
    *,
    evidence: str,
    given: tuple[str, ...],
    policy: str,
    at: str,
    report_data: str,
    workload: str,
    trust_root: str,
    accept_simulated: bool,
    sources: SourceOptions,
    ear: str,
    ear_key: str,
    ear_nonce: str,
    as_json: bool,
) -> int:
    """Verify EVIDENCE: who made it, what it says, and whether that is good enough.

    EVIDENCE is a file, a report of configfs-tsm, or - for standard input; see `enarx evidence
    show`. No service is asked unless --fetch is given: what is needed beside the evidence comes
    along with it, or from --endorsements, or from the cache. Without --policy the built-in policy
    counts, which cannot know your image.

    Exit status: 0 accepted, 1 refused, 3 something cannot be reached, 4 an option or file of
    yours is wrong.
    """
    result = _result(ear, ear_key, ear_nonce)
    chosen = _policy(policy, accept_simulated=accept_simulated)
    bound = _report_data(report_data)
    _check_digest(workload)
    means = Means(
        given=load_given(given).endorsements,
        trust_root=trust_root,
        accept_simulated=accept_simulated,
        sources=sources,
        at=_instant(at),
    )
    try:
        parsed = _parse(evidence)
        authentic = authenticate(parsed, means)
        if workload:
            _must_be_of(workload, parsed)
    except RejectedError as error:
        error.message = f"{evidence}: {error.message.removeprefix(f'{evidence}: ')}"
        if as_json:
            click.echo(json.dumps(refusal(error, evidence, means.at), indent=2))
        raise
    verdict = judge(
        authentic,
        chosen,
        now=means.at,
        accept_simulated=accept_simulated,
        report_data=_expected(bound, parsed, authentic),
    )
    if result is not None:
        result.write(authentic, verdict)
    if as_json:
        click.echo(json.dumps(document(evidence, parsed, authentic, verdict), indent=2))
    else:
        for line in lines(evidence, parsed, authentic, verdict):
            click.echo(legible(line))
    _remark(authentic, chosen)
    return 0 if verdict.accepted else _refused(evidence, verdict)


def _check_digest(text: str) -> None:
    from enarx.protocol.claims import check_digest

    if text:
        try:
            check_digest(text, "--workload")
        except MalformedError as e:
            hint = "enarx package digest prints it"
            raise MisconfiguredError("--workload", e.problem, hints=(hint,)) from e


def _must_be_of(workload: str, parsed: Parsed) -> None:
    """Insist that the claims, to which the evidence is bound, name *workload*."""
    from enarx.errors import Failure, UnauthenticError
    from enarx.evidence.identity import workload_of

    got = workload_of(parsed.opened.claims)
    if got != workload:
        hint = "the keep runs another package, or this is no certificate of a keep"
        failure = Failure("workload_digest", want=workload, got=got or "none", hint=hint)
        raise UnauthenticError("workload", failure)


def _remark(authentic: Authentic, policy: Policy) -> None:
    """Say what is easily overlooked."""
    if not policy.source:
        report_note("no --policy: the built-in one knows no image (see enarx policy init)")
    if authentic.claims.simulated:
        report_warning("SIMULATED evidence: no hardware vouches for it")


def _refused(path: str, verdict: Verdict) -> int:
    """One line for standard error: what to do about each failure stands in the verdict."""
    failed = dict.fromkeys(check.claim for check in verdict.failed)
    report_end(f"{path}: refused by policy {verdict.policy}: {', '.join(failed)}")
    return REJECTED


def _parse(path: str) -> Parsed:
    from enarx.attestation import parse_opened
    from enarx.cli.evidence import open_path

    return parse_opened(open_path(path))


def _result(path: str, key: str, nonce: str) -> ResultOptions | None:
    if not (path or key or nonce):
        return None
    from enarx.cli.attestation_result import read_options  # what signs is slow to load

    return read_options(path, key, nonce)


def _policy(path: str, *, accept_simulated: bool) -> Policy:
    if not path:
        from enarx.appraisal.baseline import baseline

        return baseline(accept_simulated=accept_simulated)
    from enarx.adapters.policy_files import read_policy

    return read_policy(path)


def _instant(text: str) -> datetime:
    """The time in *text*, to the second or to the day; now for none."""
    if not text:
        from enarx.adapters.system_clock import SystemClock

        return SystemClock().now()
    from enarx.wire.text import instant

    try:
        return instant(text if "T" in text else f"{text}T00:00:00Z", "--at")
    except MalformedError as e:
        problem = f"got {text[:40]!r}, want a time such as 2026-01-31T00:00:00Z, or a date"
        raise MisconfiguredError("--at", problem) from e


def _report_data(text: str) -> bytes | None:
    if not text:
        return None
    from enarx.wire.text import hexadecimal

    hint = "two digits a byte; at most 64 bytes, filled up with zeros where they are fewer"
    try:
        found = hexadecimal(text, "--report-data")
    except MalformedError as e:
        raise MisconfiguredError("--report-data", e.problem, hints=(hint,)) from e
    if len(found) > _REPORT_DATA_BYTES:
        problem = f"got {len(found)} bytes, want at most {_REPORT_DATA_BYTES}"
        raise MisconfiguredError("--report-data", problem, hints=(hint,))
    return found


def _expected(bound: bytes | None, parsed: Parsed, authentic: Authentic) -> bytes | None:
    """What the evidence must be bound to; the key of a certificate counts, which was checked."""
    got = authentic.claims.report_data
    binding = parsed.opened.binding
    if bound is None and binding is not None and binding.spki:
        return got
    return _padded(bound, got)


def _padded(wanted: bytes | None, got: bytes) -> bytes | None:
    """*wanted* as the attester's format has it: filled up where that is of a fixed size."""
    if wanted is None or len(got) != _REPORT_DATA_BYTES:
        return wanted
    return wanted.ljust(_REPORT_DATA_BYTES, b"\0")
