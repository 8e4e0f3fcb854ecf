"""``enarx platform``: what this machine offers, what is missing, and what to do about it."""

from __future__ import annotations

import json
import os
import sys

import click

from enarx import __version__
from enarx.cli.exit import REJECTED
from enarx.host.machine import Machine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from enarx.host.doctor.diagnose import Diagnosis
    from enarx.host.doctor.facts import Facts
    from enarx.host.platforms import Check, Finding

_MARKS = {True: ("✔", "green"), False: ("✗", "red"), None: ("-", "yellow")}
_NAMES = ("snp", "tdx", "sgx", "vm", "process")


@click.group("platform")
def command() -> None:
    """Say which platforms this machine offers."""


@command.command("info")
@click.option("-j", "--json", "as_json", is_flag=True, help="Print JSON.")
def info(*, as_json: bool) -> None:
    """Show for each platform whether keeps can be started on it, and what to do if not.

    A dash marks what weakens a platform without preventing it, and what could not be found out.
    """
    from enarx.host.doctor.collect import collect
    from enarx.host.platforms import examine

    machine = _machine()
    findings = examine(collect(machine))
    if as_json:
        click.echo(json.dumps(_document(machine.system, findings), indent=2, ensure_ascii=False))
        return
    colour = _colour()
    click.echo(f"Enarx version {__version__}")
    click.echo(f"System Info: {machine.system}")
    for finding in findings:
        click.echo()
        for line in _lines(finding, colour=colour):
            click.echo(line, color=colour)


@command.command("doctor")
@click.option("--platform", "only", type=click.Choice(_NAMES), help="Only this platform.")
@click.option("--report", "as_report", is_flag=True, help="Print the facts, for somebody else.")
@click.option(
    "--from", "source", metavar="FILE", help="Diagnose a report of another machine; - for stdin."
)
@click.option("-j", "--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(*, only: str | None, as_report: bool, source: str | None, as_json: bool) -> int:
    """Say what is missing for each platform, and what to do, in the order in which to do it.

    With --platform, the exit status is 1 if keeps cannot be started on it.  What --report prints
    has no serial number, no chip id, no host name and nothing of yours in it.
    """
    from enarx.host.doctor.diagnose import diagnose

    if as_report and (source is not None or only is not None or as_json):
        raise click.UsageError(
            "--report prints all facts of this machine: it takes no other option"
        )
    facts = _facts(source)
    if as_report:
        from enarx.host.doctor.report import encode

        click.echo(encode(facts).decode(), nl=False)
        return 0
    found = tuple(d for d in diagnose(facts) if only in (None, d.platform))
    if as_json:
        click.echo(json.dumps(_diagnoses(found), indent=2, ensure_ascii=False))
    else:
        for line in _advice(facts, found, colour=_colour()):
            click.echo(line)
    return REJECTED if only is not None and not found[0].usable else 0


def _machine() -> Machine:
    return Machine(path=os.environ.get("PATH", os.defpath))


def _colour() -> bool:
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


def _facts(source: str | None) -> Facts:
    """Of this machine, or of the one that a report describes.

    Raises:
        MalformedError: the report is not one.
        MisconfiguredError: there is no such file.
        UnavailableError: it cannot be read.
    """
    if source is None:
        from enarx.host.doctor.collect import collect

        return collect(_machine())
    from enarx.adapters.package_files import read_file
    from enarx.host.doctor.report import MAX_BYTES, decode

    if source == "-":
        return decode(sys.stdin.buffer.read(MAX_BYTES + 1))
    return decode(read_file(source, MAX_BYTES))


def _advice(facts: Facts, found: Sequence[Diagnosis], *, colour: bool) -> Iterator[str]:
    """For people: one paragraph a platform, its steps numbered in their order."""
    kernel = facts.kernel
    yield f"{facts.processor.name or 'unknown processor'}, Linux {kernel.release or 'unknown'}"
    for one in found:
        yield ""
        yield f"{_mark(one.ready, colour=colour)} {one.platform}: {_verdict(one)}"
        for number, step in enumerate(one.steps, 1):
            weak = " (recommended)" if step.optional else ""
            mark = f"{number}. " if one.possible else ""
            yield f"  {mark}{step.name}{weak}: {step.text}"
        if one.unknown:
            yield "  could not find out:"
        for name, reason in one.unknown:
            yield f"     {name}: {reason}"


def _verdict(one: Diagnosis) -> str:
    if not one.possible:
        return "not possible on this machine"
    if not one.ready:
        return "not usable yet; what to do, in this order"
    if not one.command:
        return "the machine is ready; this version of enarx cannot start keeps on it yet"
    return f"usable{', and it could be better' if one.steps else ''}: {one.command}"


def _diagnoses(found: Sequence[Diagnosis]) -> dict[str, object]:
    return {
        "version": __version__,
        "platforms": [
            {
                "platform": one.platform,
                "isolation": one.isolation,
                "command": one.command or None,
                "usable": one.usable,
                "ready": one.ready,
                "possible": one.possible,
                "steps": [
                    {"name": s.name, "text": s.text, "optional": s.optional} for s in one.steps
                ],
                "unknown": [{"name": name, "reason": reason} for name, reason in one.unknown],
            }
            for one in found
        ],
    }


def _document(system: str, findings: tuple[Finding, ...]) -> dict[str, object]:
    """Enarx 0.7's document, with nested data, real nulls, and a verdict for each platform."""
    return {
        "version": __version__,
        "system_info": system,
        "backends": [
            {
                "backend": finding.platform.name,
                "alias": finding.platform.alias,
                "isolation": finding.platform.isolation,
                "usable": finding.usable,
                "data": [_datum(check) for check in finding.data],
            }
            for finding in findings
        ],
    }


def _datum(check: Check) -> dict[str, object]:
    return {
        "name": check.name,
        "pass": check.passed,
        "info": check.info,
        "mesg": check.mesg,
        "optional": check.optional,
        "data": [_datum(inner) for inner in check.data],
    }


def _lines(finding: Finding, *, colour: bool) -> Iterator[str]:
    """One platform for people: facts first, then advice."""
    platform = finding.platform
    also = f" (in Enarx 0.7: {platform.alias})" if platform.alias else ""
    verdict = "usable" if finding.usable else "not usable"
    mark = _mark(finding.usable, colour=colour)
    yield f"{mark} Backend: {platform.name}{also}: {verdict}; {platform.isolation}"
    advice: list[str] = []
    for check in finding.data:
        yield from _facts_of(check, 1, advice, colour=colour)
    if advice:
        yield ""
        yield from advice


def _facts_of(check: Check, depth: int, advice: list[str], *, colour: bool) -> Iterator[str]:
    state = None if check.optional and not check.passed else check.passed
    found = f": {check.info}" if check.info else ""
    yield f"{'  ' * depth}{_mark(state, colour=colour)} {check.name}{found}"
    if check.mesg:
        advice.append(f"  {check.name}: {check.mesg}")
    for inner in check.data:
        yield from _facts_of(inner, depth + 1, advice, colour=colour)


def _mark(state: bool | None, *, colour: bool) -> str:  # noqa: FBT001 - the fact itself
    sign, shade = _MARKS[state]
    return click.style(sign, fg=shade) if colour else sign
