"""The runtime registers of a TDX guest: what firmware and kernel extend while it boots.

A register begins with zeros, and each event makes it SHA-384(register | digest of the event).

    RTMR 0   the machine: TD HOB, variables, ACPI tables, boot options; see ``platform_register``
    RTMR 1   the kernel's image, and that the firmware started it
    RTMR 2   the kernel's command line and its initial RAM disk, extended by the kernel's EFI stub
    RTMR 3   nothing before user space runs: zeros

RTMR 1 and 2 are computed for a Linux kernel of 6.9 or later that QEMU boots directly (``-kernel``)
with a firmware of EDK II's OvmfPkg/IntelTdx, without shim.  What the firmware extends, and how it
hands the command line over, depends on its release.

Sources: EDK II, OvmfPkg/Tcg/TdTcg2Dxe/TdTcg2Dxe.c (``OnReadyToBoot``; separator: commit efaf8931bb)
and OvmfPkg/Library/X86QemuLoadImageLib (``initrd=``: commit a2ac0fea49); Linux,
drivers/firmware/efi/libstub/efi-stub-helper.c; Intel TDX module base architecture specification,
section "RTMR".
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from enarx.errors import MisconfiguredError
from enarx.measure import efi_variables, linux_setup, pe_image, td_hob

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from enarx.measure.snp_guest import Boot
    from enarx.measure.tdvf import Section

BYTES = 48
REGISTERS = 4
FIRST_RELEASE = 202302
"""Of EDK II, as year and month: earlier ones extend other registers."""
LATEST_RELEASE = 202608
"""The latest that was read; a later one is taken for the same."""

_SEPARATOR_SINCE = 202411
_UNPATCHED_SINCE = 202502
_INITRD_FIRST_SINCE = 202508
_CALLING = b"Calling EFI Application from Boot Option"
_SEPARATOR = bytes(4)
_EXITING = b"Exit Boot Services Invocation"
_EXITED = b"Exit Boot Services Returned with Success"
_INITRD = "initrd=initrd"
_CFV = 1  # type of a TDVF section: configuration firmware volume
_WHAT = "TDX guest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """How a kernel reaches the firmware.

    Args:
        release: of EDK II: 202508 for edk2-stable202508.
        patched_for: bytes of the machine's memory, where QEMU is older than 10.0, or the firmware
            than edk2-stable202502, so that the firmware is given QEMU's setup header; None for the
            kernel as it is.
    """

    release: int = LATEST_RELEASE
    patched_for: int | None = None

    def __post_init__(self) -> None:
        if self.release < FIRST_RELEASE or not 1 <= self.release % 100 <= 12:  # noqa: PLR2004
            problem = f"got {self.release}, want a year and month such as 202508, from 202302 on"
            raise MisconfiguredError("release of EDK II", problem)
        if self.patched_for is None and self.release < _UNPATCHED_SINCE:
            problem = f"{self.release} gets a kernel that QEMU has patched for the memory's size"
            hint = "say how much memory the guest has"
            raise MisconfiguredError("release of EDK II", problem, hints=(hint,))


def replay(events: Iterable[tuple[int, bytes]]) -> tuple[bytes, bytes, bytes, bytes]:
    """RTMR 0 to 3 after *events*: the register's number and the digest, in their order.

    Raises:
        ValueError: a number or a digest that no event has.
    """
    registers = [bytes(BYTES)] * REGISTERS
    for number, digest in events:
        if not 0 <= number < REGISTERS or len(digest) != BYTES:
            raise ValueError(f"event: register {number}, a digest of {len(digest)} bytes")
        registers[number] = hashlib.sha384(registers[number] + digest).digest()
    return registers[0], registers[1], registers[2], registers[3]


def boot_registers(boot: Boot, handover: Handover | None = None) -> tuple[bytes, bytes]:
    """RTMR 1 and RTMR 2 of a guest that boots *boot*, 48 bytes each.

    Raises:
        MalformedError: the kernel is none that a firmware loads.
        MisconfiguredError: the command line has characters that the firmware would not keep, or
            the initial RAM disk does not fit.
    """
    how = Handover() if handover is None else handover
    kernel = boot.kernel
    if how.patched_for is not None:
        size, memory = len(boot.initrd), how.patched_for
        kernel = linux_setup.patched(kernel, size, boot.command_line, memory)
    return image_register(pe_image.digest(kernel), how), _options_register(boot, how)


def image_register(digest: bytes, handover: Handover) -> bytes:
    """RTMR 1 of a guest whose kernel's image has this *digest*, as the firmware measures it."""
    separator = (_SEPARATOR,) if handover.release >= _SEPARATOR_SINCE else ()
    after = map(_sha384, (_CALLING, *separator, _EXITING, _EXITED))
    return replay((1, one) for one in (digest, *after))[1]


def platform_register(recorded: Sequence[bytes], sections: Sequence[Section], memory: int) -> bytes:
    """RTMR 0, from the digests that were *recorded* of such a machine once.

    Only the first two can be computed: the TD HOB from the memory's size, the configuration volume
    from the firmware.  The others depend on ACPI tables and options that the host makes up; they
    are taken as they were recorded, so the caller must trust who recorded them.

    Args:
        recorded: digests of the events of RTMR 0, in their order, of the event log of a guest with
            the same firmware, memory, processors and devices.
        sections: of that firmware.
        memory: of that guest, in bytes.

    Raises:
        MisconfiguredError: the record is of another firmware or another size of memory.
    """
    computed = (_sha384(td_hob.measured(sections, memory)), _sha384(_configuration(sections)))
    for digest, want, what in zip(recorded, computed, ("memory", "firmware"), strict=False):
        if digest != want:
            problem = f"was recorded with another {what}: got {digest.hex()}, want {want.hex()}"
            raise MisconfiguredError("event log", problem)
    if len(recorded) <= len(computed):
        raise MisconfiguredError("event log", f"got {len(recorded)} events of RTMR 0, want more")
    return replay((0, digest) for digest in recorded)[0]


def enforces_secure_boot(sections: Sequence[Section], where: str = "firmware") -> bool:
    """Whether the firmware has a platform key: it starts only kernels that its keys sign.

    Then ``boot_registers`` are right for a kernel that it starts, and no guest's for another.

    Raises:
        MalformedError: its variables are damaged.
    """
    key = efi_variables.GLOBAL, efi_variables.PLATFORM_KEY
    volumes = [section.data for section in sections if section.kind == _CFV]
    return any(efi_variables.variables(volume, where).get(key) for volume in volumes)


def must_start_any_kernel(sections: Sequence[Section], where: str = "firmware") -> None:
    """Refuse a firmware that starts signed kernels only: what it refuses measures nothing.

    Raises:
        MalformedError: its variables are damaged.
        MisconfiguredError: it has a platform key.
    """
    if enforces_secure_boot(sections, where):
        hint = "take one without Secure Boot keys: enarx image build --firmware tdx=FILE"
        raise MisconfiguredError(where, "starts signed kernels only", hints=(hint,))


def _options_register(boot: Boot, handover: Handover) -> bytes:
    """What Linux extends: LoadOptions, if there are any, then the initial RAM disk, likewise."""
    line = boot.command_line
    if not line.isascii() or "\0" in line:
        problem = "got other characters than ASCII, which the firmware does not keep"
        raise MisconfiguredError("command line", problem)
    events = []
    if options := _load_options(line, handover, has_initrd=bool(boot.initrd)):
        events.append((options + "\0").encode("utf-16-le"))
    if boot.initrd:
        events.append(boot.initrd)
    return replay((2, _sha384(event)) for event in events)[2]


def _load_options(line: str, handover: Handover, *, has_initrd: bool) -> str:
    if not has_initrd:
        return line
    if handover.release >= _INITRD_FIRST_SINCE:
        return f"{_INITRD} {line}"
    return f"{line} {_INITRD}"


def _configuration(sections: Sequence[Section]) -> bytes:
    found = [section.data for section in sections if section.kind == _CFV]
    if len(found) != 1:
        raise MisconfiguredError(_WHAT, f"got {len(found)} configuration volumes, want 1")
    return found[0]


def _sha384(data: bytes) -> bytes:
    return hashlib.sha384(data).digest()
