"""``enarx image measure``: what a virtual machine measures, before it is launched."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from enarx.errors import MisconfiguredError

if TYPE_CHECKING:
    from enarx.measure.snp_guest import Boot
    from enarx.measure.tdvf import Order

ORDERS: tuple[Order, ...] = ("page", "section")
_MAX_FILE_BYTES = 1024 * 1024 * 1024
_MODELS = {  # CPUID 1, EAX: family, model and stepping as QEMU sets them
    "EPYC": 0x800F12,
    "EPYC-Rome": 0x830F10,
    "EPYC-Milan": 0xA00F11,
    "EPYC-Genoa": 0xA10F10,
}
_MAX_SIGNATURE = (1 << 32) - 1


@click.command("measure")
@click.option(
    "--platform", type=click.Choice(["snp", "tdx"]), default="snp", show_default=True,
    help="snp: the launch digest; tdx: MRTD, of the firmware alone.",
)  # fmt: skip
@click.option("--firmware", required=True, metavar="FILE", help="OVMF, built for the platform.")
@click.option("--kernel", metavar="FILE", default="", help="What the firmware starts and checks.")
@click.option("--initrd", metavar="FILE", default="", help="Its initial RAM disk.")
@click.option("--append", metavar="TEXT", default="", help="Its command line.")
@click.option(
    "--vcpus", type=click.IntRange(1, 4096), multiple=True, default=(1,), show_default=True,
    help="Number of processors; repeatable.",
)  # fmt: skip
@click.option(
    "--cpu", default="EPYC", show_default=True, metavar="MODEL",
    help=f"{', '.join(_MODELS)}, or the number that CPUID 1 gives in EAX.",
)  # fmt: skip
@click.option(
    "--features", default="0x1", show_default=True, metavar="NUMBER", help="SEV_FEATURES."
)
@click.option(
    "--vmm", type=click.Choice(["qemu", "ec2", "gce"]), default="qemu", show_default=True,
    help="Who launches it.",
)  # fmt: skip
@click.option(
    "--image", nargs=2, metavar="NAME VERSION", help="Print reference values of this image."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    *,
    platform: str,
    firmware: str,
    kernel: str,
    initrd: str,
    append: str,
    vcpus: tuple[int, ...],
    cpu: str,
    features: str,
    vmm: str,
    image: tuple[str, str] | None,
    as_json: bool,
) -> None:
    """Print what a virtual machine measures, computed from what it is launched with.

    Nothing is launched: whoever has the same files computes the same. With a kernel, the firmware
    must be one that checks it (OvmfPkg/AmdSev). On TDX everything but the firmware is measured by
    the firmware itself, into registers that are not computed here.
    """
    from enarx.adapters.package_files import read_file
    from enarx.measure.firmware import parse
    from enarx.measure.snp_guest import Processors, launch_digest

    data = read_file(firmware, _MAX_FILE_BYTES)
    boot = _boot(kernel, initrd, append)
    if platform == "tdx":
        if boot is not None or image:
            raise MisconfiguredError("--platform", "tdx measures a firmware alone here")
        _print_mr_td(data, firmware, as_json=as_json)
        return
    found = parse(data, firmware)
    digests = {
        count: launch_digest(
            found,
            Processors(
                count=count,
                signature=_MODELS.get(cpu) or _number(cpu, "--cpu"),
                features=_number(features, "--features"),
                vmm=vmm,  # type: ignore[arg-type] # one of the choices
            ),
            boot,
        )
        for count in dict.fromkeys(vcpus)
    }
    if image:
        click.echo(_reference_values(image, digests), nl=False)
    elif as_json:
        click.echo(json.dumps({str(n): digest.hex() for n, digest in digests.items()}, indent=2))
    else:
        for count, digest in digests.items():
            click.echo(f"{count:>4}  {digest.hex()}")


def _print_mr_td(data: bytes, name: str, *, as_json: bool) -> None:
    """Both orders: QEMU's, and that of VMMs which add a section before they measure it."""
    from enarx.measure.tdvf import mr_td, parse

    sections = parse(data, name)
    found = {order: mr_td(sections, order).hex() for order in ORDERS}
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    for order, value in found.items():
        click.echo(f"{order:<8}{value}")


def _boot(kernel: str, initrd: str, append: str) -> Boot | None:
    from enarx.adapters.package_files import read_file
    from enarx.measure.snp_guest import Boot

    if not kernel:
        if initrd or append:
            raise MisconfiguredError("--initrd and --append", "are a kernel's: give --kernel too")
        return None
    return Boot(
        kernel=read_file(kernel, _MAX_FILE_BYTES),
        initrd=read_file(initrd, _MAX_FILE_BYTES) if initrd else b"",
        command_line=append,
    )


def _number(text: str, option: str) -> int:
    try:
        found = int(text, 0)
    except ValueError:
        found = -1
    if not 0 <= found <= _MAX_SIGNATURE:
        known = f"; known models: {', '.join(_MODELS)}" if option == "--cpu" else ""
        raise MisconfiguredError(option, f"got {text[:40]!r}, want a number such as 0x1{known}")
    return found


def _reference_values(image: tuple[str, str], digests: dict[int, bytes]) -> str:
    from enarx.appraisal.image import ImageName, ReferenceValue
    from enarx.appraisal.starter import reference_value_file

    one = ReferenceValue(
        image=ImageName(*image),
        platform="snp",
        measurements={"measurement": frozenset(digests.values())},
    )
    counts = ", ".join(map(str, digests))
    return reference_value_file((one,), f"For {counts} virtual processors; computed.")
