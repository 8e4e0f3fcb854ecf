"""``enarx image measure``: what a virtual machine or an enclave measures, before it is launched."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from enarx.errors import MisconfiguredError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from enarx.wire.shape import Unchecked

_LAUNCHED = ("firmware", "kernel", "initrd", "append")
_SEV = (*_LAUNCHED, "vcpus", "cpu", "vmm")
_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "snp": (*_SEV, "features", "svsm", "vars_size"),
    "tdx": (*_LAUNCHED, "memory", "edk2", "patched_kernel", "event_log"),
    "sgx": ("sgxs", "sigstruct"),
    "sev": _LAUNCHED,
    "sev-es": _SEV,
}
"""Of each platform; the other options are all platforms'."""

_NO_POLICY = ("sev", "sev-es")  # there is no evidence of theirs that could be judged


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The options, as they were given."""

    firmware: str
    kernel: str
    initrd: str
    append: str
    vcpus: tuple[int, ...]
    cpu: str
    features: str
    vmm: str
    svsm: str
    vars_size: int
    memory: int | None
    edk2: int | None
    patched_kernel: bool
    event_log: str
    sgxs: str
    sigstruct: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What was computed.

    Args:
        document: as JSON.
        lines: the same for people.
        measurements: by their names in a policy, each with all values that are right.
        about: a word about them, for the file of reference values.
    """

    document: Mapping[str, object]
    lines: tuple[str, ...]
    measurements: Mapping[str, frozenset[bytes] | Unchecked]
    about: str


@click.command("measure")
@click.option(
    "--platform", type=click.Choice(list(_OPTIONS)), default="snp", show_default=True,
    help="snp: the launch digest; tdx: MRTD and RTMRs; sgx: MRENCLAVE and MRSIGNER.",
)  # fmt: skip
@click.option("--firmware", metavar="FILE", default="", help="OVMF, built for the platform.")
@click.option("--kernel", metavar="FILE", default="", help="What the firmware starts and measures.")
@click.option("--initrd", metavar="FILE", default="", help="Its initial RAM disk.")
@click.option("--append", metavar="TEXT", default="", help="Its command line.")
@click.option(
    "--vcpus", type=click.IntRange(1, 4096), multiple=True, default=(1,), show_default=True,
    help="snp: number of processors; repeatable.",
)  # fmt: skip
@click.option(
    "--cpu", default="EPYC", show_default=True, metavar="MODEL",
    help="snp: as QEMU calls it, such as EPYC-Milan-v2, or the number that CPUID 1 gives in EAX.",
)  # fmt: skip
@click.option(
    "--features", default="0x1", show_default=True, metavar="NUMBER", help="snp: SEV_FEATURES."
)
@click.option(
    "--vmm", type=click.Choice(["qemu", "ec2", "gce"]), default="qemu", show_default=True,
    help="snp: who launches it.",
)  # fmt: skip
@click.option("--svsm", metavar="FILE", default="", help="snp: an SVSM below the firmware.")
@click.option(
    "--vars-size", type=click.IntRange(0, 1 << 26), default=0, show_default=True, metavar="BYTES",
    help="snp: of the firmware's variables, between it and the SVSM.",
)  # fmt: skip
@click.option(
    "--memory", type=click.IntRange(1, 1 << 26), metavar="MIB", help="tdx: memory of the guest."
)
@click.option(
    "--edk2", type=int, metavar="RELEASE",
    help="tdx: the firmware's release, 202508 for edk2-stable202508. Default: the latest known.",
)  # fmt: skip
@click.option(
    "--patched-kernel", is_flag=True,
    help="tdx: QEMU is older than 10.0, and patches the kernel for the memory's size.",
)  # fmt: skip
@click.option(
    "--event-log", metavar="FILE", default="",
    help="tdx: a CCEL, recorded once on such a guest, for RTMR 0.",
)  # fmt: skip
@click.option("--sgxs", metavar="FILE", default="", help="sgx: the enclave as an SGXS stream.")
@click.option("--sigstruct", metavar="FILE", default="", help="sgx: its SIGSTRUCT.")
@click.option(
    "--image", nargs=2, metavar="NAME VERSION", help="Print reference values of this image."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(
    context: click.Context,
    /,
    *,
    platform: str,
    image: tuple[str, str] | None,
    as_json: bool,
    **given: Any,  # noqa: ANN401 - the options of Inputs, which click has checked
) -> None:
    """Print what a virtual machine or an enclave measures, computed from what it is launched with.

    Nothing is launched: whoever has the same files computes the same. On snp, a firmware that is to
    start a kernel must be one that checks it (OvmfPkg/AmdSev). On tdx the firmware measures the
    kernel into registers; RTMR 0 also has the host's ACPI tables in it, and is taken from a log of
    such a guest. On sgx an enclave is a stream of what is done to build it.
    """
    _must_fit(context, platform)
    if image and platform in _NO_POLICY:
        raise MisconfiguredError("--image", f"there are no reference values of {platform}")
    found = _measure(platform)(Inputs(**given))
    if image:
        click.echo(_reference_values(image, platform, found), nl=False)
    elif as_json:
        click.echo(json.dumps(found.document, indent=2))
    else:
        for line in found.lines:
            click.echo(line)


def read_number(text: str, option: str, known: Mapping[str, int] | None = None) -> int:
    """The number that *text* spells, or that it names.

    Raises:
        MisconfiguredError: it is none of 32 bits, and no name.
    """
    if known and text in known:
        return known[text]
    try:
        found = int(text, 0)
    except ValueError:
        found = -1
    if not 0 <= found < 1 << 32:
        names = f"; known models: {', '.join(known)}" if known else ""
        raise MisconfiguredError(option, f"got {text[:40]!r}, want a number such as 0x1{names}")
    return found


def _measure(platform: str) -> Callable[[Inputs], Measured]:
    if platform == "tdx":
        from enarx.cli.image_measure_tdx import measure
    elif platform == "sgx":
        from enarx.cli.image_measure_sgx import measure
    elif platform == "snp":
        from enarx.cli.image_measure_sev import measure_snp as measure
    elif platform == "sev":
        from enarx.cli.image_measure_sev import measure_sev as measure
    else:
        from enarx.cli.image_measure_sev import measure_sev_es as measure
    return measure


def _must_fit(context: click.Context, platform: str) -> None:
    """Refuse an option of another platform: it would be forgotten silently."""
    of_some = {name for names in _OPTIONS.values() for name in names}
    for parameter in context.command.params:
        name = parameter.name or ""
        source = context.get_parameter_source(name)
        if name not in of_some or source is not click.core.ParameterSource.COMMANDLINE:
            continue
        if name not in _OPTIONS[platform]:
            where = ", ".join(p for p, names in _OPTIONS.items() if name in names)
            problem = f"is an option of {where}, not of {platform}"
            raise MisconfiguredError(parameter.opts[0], problem)


def _reference_values(image: tuple[str, str], platform: str, found: Measured) -> str:
    from enarx.appraisal.image import ImageName, ReferenceValue
    from enarx.appraisal.starter import reference_value_file

    one = ReferenceValue(
        image=ImageName(*image), platform=platform, measurements=found.measurements
    )
    return reference_value_file((one,), f"{found.about}; computed.")
