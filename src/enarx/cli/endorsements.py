"""``enarx endorsements``: fetch, list and bundle what evidence needs beside itself."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import click

from enarx.cli.endorsement_sources import (
    SourceOptions,
    load_given,
    open_cache,
    open_resolver,
    source_options,
)
from enarx.cli.exit import report_note
from enarx.errors import MalformedError
from enarx.protocol.outcome import legible

if TYPE_CHECKING:
    from datetime import datetime

    from enarx.adapters.endorsement_resolver import Resolution, Resolver
    from enarx.tee.endorsements import Endorsements


@click.group("endorsements")
def command() -> None:
    """Fetch, list and bundle what evidence needs beside itself.

    Endorsements are certificates, revocation lists, TCB infos and QE identities. Whoever verifies
    evidence checks them; until then they are only files.
    """


@command.command("fetch")
@click.argument("evidence", nargs=-1, required=True, metavar="EVIDENCE...")
@click.option("-o", "--output", metavar="DIRECTORY", required=True, help="Where to write them.")
@click.option(
    "--endorsements",
    "given",
    multiple=True,
    metavar="PATH",
    help="A file, bundle or directory of some that are there already; may be repeated.",
)
@source_options
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def fetch(
    *,
    evidence: tuple[str, ...],
    output: str,
    given: tuple[str, ...],
    sources: SourceOptions,
    as_json: bool,
) -> None:
    """Write everything that EVIDENCE needs to be verified without a network.

    Files are named for what they hold; whatever else is in the directory stays. If anything is
    missing, nothing is written.
    """
    from enarx.adapters.endorsement_directory import save
    from enarx.cli.endorsement_report import describe, describe_step

    found = load_given(given).endorsements
    steps = []
    with open_resolver(sources) as resolver:
        for path in evidence:
            resolution = _resolve(path, found, resolver)
            found = resolution.endorsements
            steps += [describe_step(step) for step in resolution.steps]
    names = save(output, found)
    if as_json:
        items = describe(found, _now())
        files = [{"file": name, **item} for name, item in zip(names, items, strict=True)]
        report = {"directory": output, "files": files, "steps": steps}
        click.echo(json.dumps(report, indent=2))
        return
    for name in names:
        click.echo(str(Path(output, name)))


@command.command("list")
@click.argument("path", metavar="[DIRECTORY|FILE]", default="")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def list_(path: str, *, as_json: bool) -> None:
    """Show endorsements: of a directory, a bundle or a file; by default, those in the cache.

    Dates are what each says of itself. Nothing is verified.
    """
    from enarx.cli.endorsement_report import describe, describe_entry, lines

    now = _now()
    if path:
        items = describe(load_given((path,)).endorsements, now)
    else:
        items = [item for entry in open_cache().entries() for item in describe_entry(entry, now)]
    if as_json:
        click.echo(json.dumps(items, indent=2))
        return
    for line in lines(items):
        click.echo(legible(line).replace("\n", "\\n"))  # names in certificates are anybody's


@command.command("bundle")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("-o", "--output", metavar="FILE", required=True, help="The bundle to write.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def bundle(paths: tuple[str, ...], output: str, *, as_json: bool) -> None:
    """Put the endorsements of directories, files and bundles into one file.

    The file is a conceptual message collection in JSON, and is given to others with
    --endorsements FILE. The same endorsements give the same bytes, whose digest is printed.
    """
    from enarx.adapters.endorsement_bundle import write
    from enarx.adapters.endorsement_facts import facts_of
    from enarx.adapters.package_files import write_new

    found = load_given(paths).endorsements
    if not found:
        hint = "fetch some first: enarx endorsements fetch EVIDENCE -o DIRECTORY"
        raise MalformedError(paths[0], "no endorsements in it", hints=(hint,))
    data = write(found)
    write_new(output, data)
    digest = f"sha256:{sha256(data).hexdigest()}"
    if as_json:
        report = {"digest": digest, "file": output, "items": len(facts_of(found))}
        click.echo(json.dumps(report, indent=2))
    else:
        click.echo(digest)


def _resolve(path: str, given: Endorsements, resolver: Resolver) -> Resolution:
    """Everything that the evidence at *path* needs, what came along with it included."""
    from enarx.attestation import needs, parse_opened
    from enarx.cli.evidence import open_path

    now = _now()
    parsed = parse_opened(open_path(path))
    found = resolver.resolve(lambda bag: needs(parsed, bag, now), given + parsed.endorsements, now)
    for note in found.notes:
        report_note(note)
    found.check()
    return found


def _now() -> datetime:
    from enarx.adapters.system_clock import SystemClock

    return SystemClock().now()
