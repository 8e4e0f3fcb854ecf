"""``enarx image``: what this installation's keeps measure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from enarx import __version__
from enarx.adapters.keep_image import NAME, read_image
from enarx.measure.process import NAMES, measure

if TYPE_CHECKING:
    from collections.abc import Mapping

_ZEROS = "00" * 48
_FIXED: Mapping[str, Mapping[str, str]] = {
    "snp": {},
    "tdx": {f"rtmr_{n}": _ZEROS for n in range(4)},
    "sgx": {"mr_signer": "00" * 32},
}
"""What else evidence of a simulated process keep states: registers that nothing extends."""


@click.group("image")
def command() -> None:
    """Say what this installation's keeps measure."""


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
    from enarx.host.spawn import search_path

    files = read_image(search_path())
    found: dict[str, dict[str, str]] = {
        platform: {
            NAMES[platform]: measure(platform, files).hex(),
            **_FIXED[platform],
        }
        for platform in NAMES
        if platform in (platforms or NAMES)
    }
    if as_json:
        report = {"name": NAME, "version": __version__, "files": len(files), "platforms": found}
        click.echo(json.dumps(report, indent=2))
        return
    text = _toml(found)
    if not output:
        click.echo(text, nl=False)
        return
    from enarx.adapters.package_files import write_new

    write_new(output, text.encode())


def _toml(found: Mapping[str, Mapping[str, str]]) -> str:
    lines = [
        f"# Reference values of {NAME} {__version__}, a process keep; computed from its files.",
        "version = 1",
    ]
    for platform, measurements in found.items():
        lines += [
            "",
            "[[reference_values]]",
            f'name = "{NAME}"',
            f'version = "{__version__}"',
            f'platform = "{platform}"',
            "",
            "[reference_values.measurements]",
            *(f'{name} = ["{value}"]' for name, value in measurements.items()),
        ]
    return "\n".join(lines) + "\n"
