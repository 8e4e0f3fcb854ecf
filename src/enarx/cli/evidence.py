"""``enarx evidence``: look at evidence and what carries it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from enarx.adapters.package_files import read_file
from enarx.cli.exit import report_warning
from enarx.errors import MalformedError, MisconfiguredError
from enarx.protocol.outcome import legible
from enarx.tee.technologies import TECHNOLOGIES

if TYPE_CHECKING:
    from enarx.evidence.opened import Opened

UNVERIFIED = "nothing of this is verified: whoever made the file could have written anything"


@click.group("evidence")
def command() -> None:
    """Look at evidence, what carries it and boot logs; make simulated evidence."""


@command.command("show")
@click.argument("path", metavar="FILE|DIRECTORY|-")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def show(path: str, *, as_json: bool) -> None:
    """Print evidence field by field. Nothing is verified.

    FILE holds evidence, bare or in hexadecimal, base64 or PEM, padded, in a conceptual message
    wrapper (CMW), a TSM report, or an extension of a certificate or certification request.
    DIRECTORY is a report of configfs-tsm. A dash stands for standard input.
    """
    from enarx.cli.evidence_report import describe, lines

    report = describe(open_path(path), path)
    if as_json:
        click.echo(json.dumps(report, indent=2))
        return
    for line in lines(report):
        click.echo(legible(line).replace("\n", "\\n"))  # a name in it is somebody else's
    report_warning(UNVERIFIED)


@command.command("events")
@click.argument("log", metavar="LOG")
@click.option(
    "--evidence", metavar="FILE", default="", help="A TDX quote whose RTMRs it must lead to."
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def events(log: str, evidence: str, *, as_json: bool) -> int:
    """Print a measured boot's event log, and the registers that it leads to.

    LOG is a crypto-agile TCG log, such as /sys/firmware/acpi/tables/data/CCEL of a TDX guest. It
    proves nothing: only a log that leads to the registers of evidence which `enarx verify` accepts
    is that machine's history. Exit status: 1 if it does not lead to those of --evidence.
    """
    from enarx.cli.events import show as show_events

    return show_events(log, evidence, as_json=as_json)


@command.command("simulate")
@click.argument("platform", type=click.Choice(["sgx", "snp", "snp-turin", "tdx"]))
@click.option("-o", "--output", metavar="FILE", required=True, help="The file to write: a CMW.")
@click.option("--measurement", metavar="HEX", default="", help="Of the image; default: zeros.")
@click.option("--report-data", metavar="HEX", default="", help="What it is bound to, 64 bytes.")
def simulate(platform: str, output: str, measurement: str, report_data: str) -> None:
    """Make SIMULATED evidence, with its endorsements, for trying out and for tests.

    The formats are the hardware's; the signatures are those of a development root that is made
    on this machine at first use. It proves nothing: `enarx verify` refuses it unless it is told
    --insecure-accept-simulated.
    """
    from enarx.cli.simulation import simulate as write

    write(platform, output, measurement=measurement, report_data=report_data)
    report_warning(f"{output} is SIMULATED evidence: no hardware vouches for it")


def open_path(path: str) -> Opened:
    """The evidence in the file or directory *path*, or on standard input for a dash.

    Raises:
        MisconfiguredError: there is nothing at *path*.
        MalformedError: what is there is not understood.
        UnauthenticError: a certification request that its own key did not sign.
        UnavailableError: it cannot be read.
    """
    from enarx.evidence.container import MAX_BYTES, open_container

    if path == "-":
        data = sys.stdin.buffer.read(MAX_BYTES + 1)
        return open_container(data, "standard input", TECHNOLOGIES)
    if Path(path).is_dir():
        return _open_directory(Path(path))
    return open_container(read_file(path, MAX_BYTES), path, TECHNOLOGIES)


def _open_directory(folder: Path) -> Opened:
    """A report of configfs-tsm: files outblob, provider, and where it is filled auxblob."""
    from enarx.evidence import tsm
    from enarx.evidence.container import take_evidence

    if not (folder / tsm.OUTBLOB).exists():
        hint = "give the file itself, or a report of /sys/kernel/config/tsm/report"
        raise MisconfiguredError(str(folder), f"has no {tsm.OUTBLOB!r} in it", hints=(hint,))
    outblob, provider = (
        read_file(str(folder / name), tsm.MAX_BLOB_BYTES) for name in (tsm.OUTBLOB, tsm.PROVIDER)
    )
    auxblob = b""
    if (folder / tsm.AUXBLOB).exists():
        auxblob = read_file(str(folder / tsm.AUXBLOB), tsm.MAX_BLOB_BYTES)
    try:
        name = provider.decode("ascii").removesuffix("\n")
    except UnicodeDecodeError as e:
        raise MalformedError(str(folder / tsm.PROVIDER), "is not ASCII") from e
    content = tsm.from_tsm(outblob, auxblob, name, str(folder))
    return take_evidence(content, str(folder), TECHNOLOGIES)
