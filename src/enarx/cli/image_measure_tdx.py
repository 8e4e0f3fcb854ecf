"""``enarx image measure --platform tdx``: MRTD of the firmware, RTMRs of what it boots."""

from __future__ import annotations

from typing import TYPE_CHECKING

from enarx.adapters.package_files import read_file
from enarx.cli.exit import report_warning
from enarx.cli.image_measure import Inputs, Measured
from enarx.cli.image_measure_sev import read_boot, read_firmware
from enarx.errors import MisconfiguredError
from enarx.evidence import event_log
from enarx.measure import rtmr, tdvf
from enarx.wire.shape import Unchecked

if TYPE_CHECKING:
    from enarx.measure.tdvf import Order, Section

    Registers = dict[str, bytes]

ORDERS: tuple[Order, ...] = ("page", "section")
_MIB = 1024 * 1024
_SECURE_BOOT = "has keys of Secure Boot: it starts the kernel only if one of them signed it"
_NO_KERNEL = "no kernel was given"
_NO_LOG = "it depends on the host's ACPI tables, and no event log was given"
_REASONS = {"rtmr_0": _NO_LOG, "rtmr_1": _NO_KERNEL, "rtmr_2": _NO_KERNEL}


def measure(inputs: Inputs) -> Measured:
    """MRTD in both orders: QEMU's, and that of VMMs which add a section before they measure it."""
    sections = tdvf.parse(read_firmware(inputs), inputs.firmware)
    orders = {order: tdvf.mr_td(sections, order) for order in ORDERS}
    found = _boot_registers(inputs) | _platform_register(inputs, sections)
    if inputs.kernel and rtmr.enforces_secure_boot(sections, inputs.firmware):
        report_warning(f"{inputs.firmware}: {_SECURE_BOOT}")
    registers = {name: found.get(name) for name in ("rtmr_0", "rtmr_1", "rtmr_2", "rtmr_3")}
    return Measured(
        document={
            "mr_td": {order: value.hex() for order, value in orders.items()},
            **{name: value.hex() if value else None for name, value in registers.items()},
        },
        lines=(
            *(f"mr_td   {value.hex()}  ({order})" for order, value in orders.items()),
            *(f"{name}  {value.hex()}" for name, value in registers.items() if value),
        ),
        measurements={
            "mr_td": frozenset(orders.values()),
            **{
                name: Unchecked(_REASONS[name]) if value is None else frozenset({value})
                for name, value in registers.items()
            },
        },
        about="A TDX guest",
    )


def _boot_registers(inputs: Inputs) -> Registers:
    boot = read_boot(inputs)
    if boot is None:
        if inputs.edk2 or inputs.patched_kernel:
            problem = "say how a kernel is started: give --kernel too"
            raise MisconfiguredError("--edk2 and --patched-kernel", problem)
        return {"rtmr_3": bytes(rtmr.BYTES)}
    handover = rtmr.Handover(
        release=inputs.edk2 or rtmr.LATEST_RELEASE,
        patched_for=_memory(inputs, "--patched-kernel") if inputs.patched_kernel else None,
    )
    first, second = rtmr.boot_registers(boot, handover)
    return {"rtmr_1": first, "rtmr_2": second, "rtmr_3": bytes(rtmr.BYTES)}


def _platform_register(inputs: Inputs, sections: tuple[Section, ...]) -> Registers:
    if not inputs.event_log:
        return {}
    events = event_log.parse(read_file(inputs.event_log, event_log.MAX_BYTES))
    event_log.rtmrs(events)  # refuses a log of another machine than a TDX guest
    recorded = [e.digests["sha384"] for e in events if e.index == 1 and e.is_extended]
    memory = _memory(inputs, "--event-log")
    return {"rtmr_0": rtmr.platform_register(recorded, sections, memory)}


def _memory(inputs: Inputs, option: str) -> int:
    if inputs.memory is None:
        raise MisconfiguredError(option, "depends on the guest's memory: give --memory too")
    return inputs.memory * _MIB
