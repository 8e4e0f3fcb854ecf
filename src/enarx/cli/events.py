"""``enarx evidence events``: a boot's event log, and whether it leads to what evidence states."""

from __future__ import annotations

import hashlib
import json
import textwrap
from typing import TYPE_CHECKING, Any

import click

from enarx.adapters.package_files import read_file
from enarx.cli.exit import REJECTED, report_end, report_warning
from enarx.errors import MalformedError, MisconfiguredError
from enarx.evidence import event_log
from enarx.protocol.outcome import legible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from enarx.evidence.event_log import Event

Report = dict[str, Any]  # a JSON document

_UNVERIFIED = "a log proves nothing: whoever made the file could have written anything"
_RTMRS = {index + 1: f"tdx.quote.body.rtmr_{index}" for index in range(4)}
"""Registers of a CCEL, by index; 0 is MRTD, which is not extended.  UEFI 2.10, section 38.4.1."""
_BANK = "sha384"
_SHOWN_CHARACTERS = 60


def show(path: str, evidence: str, *, as_json: bool) -> int:
    """Print the log at *path*, compared with the file *evidence* if that is not empty.

    Raises:
        MisconfiguredError: a file is not there, or the evidence states no registers of a CCEL.
        MalformedError: it is no log.
    """
    try:
        events = event_log.parse(read_file(path, event_log.MAX_BYTES))
    except MalformedError as e:
        e.message = f"{path}: {e.message.removeprefix(f'{path}: ')}"
        raise
    report = _describe(path, events)
    if evidence:
        report["compared"] = _compared(events, evidence)
    if as_json:
        click.echo(json.dumps(report, indent=2))
    else:
        for line in _lines(report):
            click.echo(legible(line).replace("\n", "\\n"))
    report_warning(_UNVERIFIED)
    others = [name for name, one in report.get("compared", {}).items() if not one["same"]]
    if not others:
        return 0
    report_end(f"{path}: leads to other registers than {evidence} states: {', '.join(others)}")
    return REJECTED


def _describe(path: str, events: tuple[Event, ...]) -> Report:
    return {
        "verified": False,
        "path": path,
        "events": [
            {
                "index": event.index,
                "type": event.number,
                "type_name": event.name,
                "digests": {name: digest.hex() for name, digest in event.digests.items()},
                "digest_matches_event": {name: event.matches(name) for name in event.digests},
                "event": event.data.hex(),
                "text": event_log.text_of(event),
            }
            for event in events
        ],
        "registers": {
            bank: {index: value.hex() for index, value in event_log.replay(events, bank).items()}
            for bank in event_log.algorithms(events)
        },
    }


def _compared(events: tuple[Event, ...], path: str) -> Report:
    from enarx.attestation import parse_opened
    from enarx.cli.evidence import open_path

    parsed = parse_opened(open_path(path))
    fields = parsed.evidence.fields()
    if _RTMRS[1] not in fields:
        problem = f"got {parsed.technology.title}, want a TDX quote, which states RTMRs"
        raise MisconfiguredError(path, problem)
    if _BANK not in event_log.algorithms(events):
        raise MisconfiguredError(path, f"RTMRs are of {_BANK}, and the log has no such digests")
    registers = event_log.replay(events, _BANK)
    zeros = bytes(hashlib.new(_BANK).digest_size)
    found = {name: registers.get(index, zeros).hex() for index, name in _RTMRS.items()}
    stated = {name: fields[name].hex() for name in found}
    return {
        name: {"log": value, "evidence": stated[name], "same": value == stated[name]}
        for name, value in found.items()
    }


def _lines(report: Report) -> Iterator[str]:
    yield "NOT VERIFIED"
    yield f"file        {report['path']}, {len(report['events'])} events"
    for event in report["events"]:
        text = textwrap.shorten(event["text"], _SHOWN_CHARACTERS, placeholder="…")
        yield f"{event['index']:>3}  {event['type_name']:<32}  {text}".rstrip()
    for bank, registers in report["registers"].items():
        for index, value in registers.items():
            yield f"register {index:<2} {bank}  {value}"
    for name, one in report.get("compared", {}).items():
        answer = "the same" if one["same"] else f"NOT the log's: {one['evidence']}"
        yield f"{name}  {answer}"
