"""``enarx image``: what this installation's keeps measure."""

from __future__ import annotations

import json

import click

from enarx import __version__
from enarx.adapters.keep_image import NAME
from enarx.cli.image_id_block import command as id_block
from enarx.cli.image_measure import command as measure
from enarx.measure.process import NAMES


@click.group("image")
def command() -> None:
    """Say what images measure: keeps, virtual machines, and enclaves."""


command.add_command(measure)
command.add_command(id_block)


@command.command("reference-values")
@click.option(
    "--platform",
    "platforms",
    type=click.Choice(list(NAMES)),
    multiple=True,
    help="A platform; may be given several times. Default: all.",
)
@click.option("-o", "--output", metavar="FILE", default="", help="Write them to a new file.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def reference_values(platforms: tuple[str, ...], output: str, *, as_json: bool) -> None:
    """Print the reference values of this installation's process keep, for policies.

    They are computed from the installed files: code of the keep and the libraries that it loads.
    A policy names the file in reference_value_files, and the image in image.
    """
    from enarx.appraisal.starter import reference_value_file
    from enarx.cli.installed_image import installed_references

    found = installed_references(platforms or NAMES)
    if as_json:
        values = {
            one.platform: {
                name: value.hex()
                for name, accepted in one.measurements.items()
                if isinstance(accepted, frozenset)
                for value in accepted
            }
            for one in found
        }
        report = {"name": NAME, "version": __version__, "platforms": values}
        click.echo(json.dumps(report, indent=2))
        return
    title = f"Reference values of {NAME} {__version__}, a process keep; computed from its files."
    text = reference_value_file(found, title)
    if not output:
        click.echo(text, nl=False)
        return
    from enarx.adapters.package_files import write_new

    write_new(output, text.encode())
