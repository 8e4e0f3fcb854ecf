"""``enarx image``: images of keeps, and what they measure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from enarx.cli.image_build import build, lock_command
from enarx.cli.image_id_block import command as id_block
from enarx.cli.image_measure import command as measure
from enarx.errors import MisconfiguredError
from enarx.image.references import COUNTS
from enarx.image.references import PLATFORMS as VM_PLATFORMS
from enarx.measure.process import NAMES

if TYPE_CHECKING:
    from enarx.appraisal.image import ReferenceValue

_PLATFORMS = list(dict.fromkeys((*NAMES, *VM_PLATFORMS)))


@click.group("image")
def command() -> None:
    """Build the image of a keep, and say what images measure."""


command.add_command(build)
command.add_command(lock_command)
command.add_command(measure)
command.add_command(id_block)


@command.command("reference-values")
@click.option(
    "--platform",
    "platforms",
    type=click.Choice(_PLATFORMS),
    multiple=True,
    help="A platform; may be given several times. Default: all.",
)
@click.option(
    "--vm-image", metavar="DIR", default="", help="Of this image of virtual machines instead."
)
@click.option(
    "--vcpus", type=click.IntRange(1, 255), multiple=True, default=COUNTS, show_default=True,
    help="Number of its processors; repeatable.",
)  # fmt: skip
@click.option("-o", "--output", metavar="FILE", default="", help="Write them to a new file.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def reference_values(
    platforms: tuple[str, ...],
    vm_image: str,
    vcpus: tuple[int, ...],
    output: str,
    *,
    as_json: bool,
) -> None:
    """Print the reference values of this installation's keep, for policies.

    They are computed from files: code of the process keep and the libraries that it loads, or
    what an image of virtual machines consists of. A policy names the file in
    reference_value_files, and the image in image.
    """
    from enarx.appraisal.starter import reference_value_file

    found = _references(platforms, vm_image, vcpus)
    image = found[0].image
    if as_json:
        click.echo(json.dumps(_document(found), indent=2))
        return
    kind = "virtual machine" if vm_image else "process keep"
    title = f"Reference values of {image.name} {image.version}, a {kind}; computed from its files."
    text = reference_value_file(found, title)
    if not output:
        click.echo(text, nl=False)
        return
    from enarx.adapters.package_files import write_new

    write_new(output, text.encode())


def _references(
    platforms: tuple[str, ...], vm_image: str, vcpus: tuple[int, ...]
) -> tuple[ReferenceValue, ...]:
    from enarx.cli.installed_image import installed_references, vm_platforms, vm_references

    offered = vm_platforms(vm_image) if vm_image else tuple(NAMES)
    wrong = [name for name in platforms if name not in offered]
    if wrong:
        what = vm_image or "the process keep; virtual machines have images: --vm-image DIR"
        hint = f"want {', '.join(offered)} of {what}"
        raise MisconfiguredError("--platform", f"there is no {wrong[0]}", hints=(hint,))
    if vm_image:
        return vm_references(vm_image, platforms or offered, counts=vcpus)
    return installed_references(platforms or offered)


def _document(found: tuple[ReferenceValue, ...]) -> dict[str, object]:
    """Every value by platform and name; one alone as text, several as a list."""
    platforms: dict[str, dict[str, object]] = {}
    for one in found:
        values = platforms.setdefault(one.platform, {})
        for name, accepted in one.measurements.items():
            if isinstance(accepted, frozenset):
                before = values.get(name, [])
                listed = before if isinstance(before, list) else [before]
                every = sorted({*listed, *(value.hex() for value in accepted)})
                values[name] = every[0] if len(every) == 1 else every
    image = found[0].image
    return {"name": image.name, "version": image.version, "platforms": platforms}
