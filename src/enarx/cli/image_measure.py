"""``enarx image measure``: the SNP launch digest of a virtual machine, before it is launched."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from enarx.errors import MisconfiguredError

if TYPE_CHECKING:
    from enarx.measure.snp_guest import Boot

_MAX_FILE_BYTES = 1024 * 1024 * 1024
_MODELS = {  # CPUID 1, EAX: family, model and stepping as QEMU sets them
    "EPYC": 0x800F12,
    "EPYC-Rome": 0x830F10,
    "EPYC-Milan": 0xA00F11,
    "EPYC-Genoa": 0xA10F10,
}
_MAX_SIGNATURE = (1 << 32) - 1


@click.command("measure")
@click.option("--firmware", required=True, metavar="FILE", help="OVMF, built for SEV.")
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
    """Print the SNP launch digest of a virtual machine, from what it is launched with.

    Nothing is launched: whoever has the same files computes the same. With a kernel, the firmware
    must be one that checks it (OvmfPkg/AmdSev).
    """
    from enarx.adapters.package_files import read_file
    from enarx.measure.firmware import parse
    from enarx.measure.snp_guest import Processors, launch_digest

    found = parse(read_file(firmware, _MAX_FILE_BYTES), firmware)
    boot = _boot(kernel, initrd, append)
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
