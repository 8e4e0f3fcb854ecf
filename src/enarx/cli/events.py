"""``enarx evidence events``: a boot's event log, and whether it leads to what evidence states."""

from __future__ import annotations

import contextlib
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
_RTMRS = tuple(f"tdx.quote.body.rtmr_{index}" for index in range(4))
_NOT_EXTENDED = "  (not extended)"
_OTHER_DIGEST = "  (its digest is of something else)"
_BANK = "sha384"
_SHOWN_CHARACTERS = 60


def show(path: str, evidence: str, *, as_json: bool) -> int:
    """Print the log at *path*, compared with the file *evidence* if that is not empty.

    Raises:
        MisconfiguredError: a file is not there, or the evidence states no registers of a CCEL.
        MalformedError: it is no log, or no history of *evidence*: it extends other registers.
    """
    with _naming(path):
        events = event_log.parse(read_file(path, event_log.MAX_BYTES))
    report = _describe(path, events)
    if evidence:
        stated = _stated(evidence)
        with _naming(path):
            report["compared"] = _compared(events, stated, evidence)
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
                "extended": event.is_extended,
                "event": event.data.hex(),
                "text": event_log.text_of(event),
                "data_is_measured": event.says_what_was_measured,
            }
            for event in events
        ],
        "registers": {
            bank: {index: value.hex() for index, value in event_log.replay(events, bank).items()}
            for bank in event_log.algorithms(events)
        },
    }


@contextlib.contextmanager
def _naming(path: str) -> Iterator[None]:
    """Name the file in errors of its contents, which have no name."""
    try:
        yield
    except MalformedError as e:
        e.message = f"{path}: {e.message.removeprefix(f'{path}: ')}"
        raise


def _stated(path: str) -> dict[str, str]:
    """The RTMRs of the quote at *path*, by the field's name."""
    from enarx.attestation import parse_opened
    from enarx.cli.evidence import open_path

    parsed = parse_opened(open_path(path))
    fields = parsed.evidence.fields()
    if _RTMRS[0] not in fields:
        problem = f"got {parsed.technology.title}, want a TDX quote, which states RTMRs"
        raise MisconfiguredError(path, problem)
    return {name: fields[name].hex() for name in _RTMRS}


def _compared(events: tuple[Event, ...], stated: dict[str, str], path: str) -> Report:
    if _BANK not in event_log.algorithms(events):
        raise MisconfiguredError(path, f"RTMRs are of {_BANK}, and the log has no such digests")
    found = (value.hex() for value in event_log.rtmrs(events))
    return {
        name: {"log": value, "evidence": stated[name], "same": value == stated[name]}
        for name, value in zip(_RTMRS, found, strict=True)
    }


def _lines(report: Report) -> Iterator[str]:
    yield "NOT VERIFIED"
    yield f"file        {report['path']}, {len(report['events'])} events"
    for event in report["events"]:
        text = textwrap.shorten(event["text"], _SHOWN_CHARACTERS, placeholder="…")
        note = _note(event) if text else ""
        yield f"{event['index']:>3}  {event['type_name']:<32}  {text}{note}".rstrip()
    for bank, registers in report["registers"].items():
        for index, value in registers.items():
            yield f"register {index:<2} {bank}  {value}"
    for name, one in report.get("compared", {}).items():
        answer = "the same" if one["same"] else f"NOT the log's: {one['evidence']}"
        yield f"{name}  {answer}"


def _note(event: Report) -> str:
    """Why the text is the word of whoever made the file, even where the registers are the same."""
    if not event["extended"]:
        return _NOT_EXTENDED
    return "" if event["data_is_measured"] else _OTHER_DIGEST
