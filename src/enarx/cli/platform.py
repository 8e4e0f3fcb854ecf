"""``enarx platform``: what this machine offers, what is missing, and what to do about it."""

from __future__ import annotations

import json
import os
import sys

import click

from enarx import __version__
from enarx.host.machine import Machine
from enarx.host.platforms import examine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from enarx.host.platforms import Check, Finding

_MARKS = {True: ("✔", "green"), False: ("✗", "red"), None: ("-", "yellow")}


@click.group("platform")
def command() -> None:
    """Say which platforms this machine offers."""


@command.command("info")
@click.option("-j", "--json", "as_json", is_flag=True, help="Print JSON.")
def info(*, as_json: bool) -> None:
    """Show for each platform whether keeps can be started on it, and what to do if not.

    A dash marks what weakens a platform without preventing it.
    """
    machine = Machine(path=os.environ.get("PATH", os.defpath))
    findings = examine(machine)
    if as_json:
        click.echo(json.dumps(_document(machine.system, findings), indent=2, ensure_ascii=False))
        return
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    click.echo(f"Enarx version {__version__}")
    click.echo(f"System Info: {machine.system}")
    for finding in findings:
        click.echo()
        for line in _lines(finding, colour=colour):
            click.echo(line, color=colour)


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
        yield from _facts(check, 1, advice, colour=colour)
    if advice:
        yield ""
        yield from advice


def _facts(check: Check, depth: int, advice: list[str], *, colour: bool) -> Iterator[str]:
    state = None if check.optional and not check.passed else check.passed
    found = f": {check.info}" if check.info else ""
    yield f"{'  ' * depth}{_mark(state, colour=colour)} {check.name}{found}"
    if check.mesg:
        advice.append(f"  {check.name}: {check.mesg}")
    for inner in check.data:
        yield from _facts(inner, depth + 1, advice, colour=colour)


def _mark(state: bool | None, *, colour: bool) -> str:  # noqa: FBT001 - the fact itself
    sign, shade = _MARKS[state]
    return click.style(sign, fg=shade) if colour else sign
