"""``enarx image measure --platform snp``, and its predecessors sev and sev-es."""

from __future__ import annotations

from enarx.adapters.package_files import read_file
from enarx.cli.image_measure import Inputs, Measured, read_number
from enarx.errors import MisconfiguredError
from enarx.measure import sev_guest, snp_guest, svsm_guest
from enarx.measure.firmware import Firmware, parse
from enarx.measure.processor_models import SIGNATURES
from enarx.measure.snp_guest import Boot, Processors

MAX_FILE_BYTES = 1024 * 1024 * 1024


def measure_snp(inputs: Inputs) -> Measured:
    """By number of processors; with an SVSM or without."""
    firmware, boot = _firmware(inputs), read_boot(inputs)
    svsm = parse(read_file(inputs.svsm, MAX_FILE_BYTES), inputs.svsm) if inputs.svsm else None
    if svsm is not None and boot is not None:
        raise MisconfiguredError("--svsm", "measures no kernel: leave --kernel out")
    if inputs.vars_size and svsm is None:
        raise MisconfiguredError("--vars-size", "counts with an SVSM only: give --svsm too")
    digests = {}
    for count in dict.fromkeys(inputs.vcpus):
        processors = _processors(inputs, count)
        digests[count] = (
            snp_guest.launch_digest(firmware, processors, boot)
            if svsm is None
            else svsm_guest.launch_digest(
                firmware, svsm, processors, variables_size=inputs.vars_size
            )
        )
    return _by_count(digests)


def measure_sev(inputs: Inputs) -> Measured:
    """One digest, whatever the processors."""
    digest = sev_guest.launch_digest(_firmware(inputs), read_boot(inputs)).hex()
    return Measured(
        document={"digest": digest}, lines=(digest,), measurements={}, about="A guest on SEV"
    )


def measure_sev_es(inputs: Inputs) -> Measured:
    """By number of processors."""
    firmware, boot = _firmware(inputs), read_boot(inputs)
    return _by_count(
        {
            count: sev_guest.launch_digest(firmware, boot, _processors(inputs, count))
            for count in dict.fromkeys(inputs.vcpus)
        }
    )


def read_boot(inputs: Inputs) -> Boot | None:
    """What is started; None without a kernel.

    Raises:
        MisconfiguredError: there is none, but what belongs to one.
    """
    if not inputs.kernel:
        if inputs.initrd or inputs.append:
            raise MisconfiguredError("--initrd and --append", "are a kernel's: give --kernel too")
        return None
    return Boot(
        kernel=read_file(inputs.kernel, MAX_FILE_BYTES),
        initrd=read_file(inputs.initrd, MAX_FILE_BYTES) if inputs.initrd else b"",
        command_line=inputs.append,
    )


def read_firmware(inputs: Inputs) -> bytes:
    """The firmware's bytes.

    Raises:
        MisconfiguredError: none was given.
    """
    if not inputs.firmware:
        raise MisconfiguredError("--firmware", "is missing")
    return read_file(inputs.firmware, MAX_FILE_BYTES)


def _firmware(inputs: Inputs) -> Firmware:
    return parse(read_firmware(inputs), inputs.firmware)


def _processors(inputs: Inputs, count: int) -> Processors:
    return Processors(
        count=count,
        signature=read_number(inputs.cpu, "--cpu", SIGNATURES),
        features=read_number(inputs.features, "--features"),
        vmm=inputs.vmm,  # type: ignore[arg-type] # one of the choices
    )


def _by_count(digests: dict[int, bytes]) -> Measured:
    return Measured(
        document={str(count): digest.hex() for count, digest in digests.items()},
        lines=tuple(f"{count:>4}  {digest.hex()}" for count, digest in digests.items()),
        measurements={"measurement": frozenset(digests.values())},
        about=f"For {', '.join(map(str, digests))} virtual processors",
    )
