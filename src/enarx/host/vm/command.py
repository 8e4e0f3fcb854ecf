"""QEMU's command line for one keep, from a description of its machine.

    plain  q35, firmware given, the image started directly
    snp    the same, with its memory encrypted: hashes of the image in a page that is measured
    tdx    the same as a trust domain: the firmware measures the image

A machine waits for "cont" on its monitor, so that none of its events is missed.  It has one device
beside what q35 cannot be without: a virtio console port.  No network, disk, display, USB, random
numbers of the host, or way to add a device later.  The plain machine is of the same kind as the
encrypted ones, so that what they do is done every day.

What ``shape`` and ``measurable`` refuse would start, and measure something else than computed.  No
value can hold one of QEMU's separating commas: names and base64 have none, and paths and the
kernel's command line stand where QEMU does not look for any.

Sources: QEMU, docs/system/i386/amd-memory-encryption.rst, docs/system/i386/tdx.rst, qapi/qom.json
(``SevSnpGuestProperties``, since 9.1; ``TdxGuestProperties``, since 10.1), qemu-options.hx.
"""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enarx.host.vm.shape import SnpLaunch, TdxLaunch, Vm

PORT = "org.enarx.link"
"""What the guest finds in /sys/class/virtio-ports/*/name."""
PORT_ID = "link"
"""By which QEMU's events name that port."""

_GUEST = "guest0"
_MEMORY = "memory0"
FEWEST_DEVICES = "smm=off,vmport=off,hpet=off,sata=off,smbus=off,usb=off,i8042=off"
_SANDBOX = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """Paths of what is loaded, usually /proc/self/fd/N of sealed files in memory.

    Args:
        firmware: always given, so that what was measured is what is loaded.
        kernel, initrd: empty for none.
    """

    firmware: str
    kernel: str = ""
    initrd: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """Descriptors that QEMU inherits.

    Args:
        link: connected stream socket, the guest's port.
        qmp: connected stream socket, QEMU's monitor.
        console: file or pipe that the guest's first serial port writes to; -1 for no such port.
    """

    link: int
    qmp: int
    console: int = -1


def argv(qemu: str, vm: Vm, files: Files, ends: Ends) -> tuple[str, ...]:
    """The command line that starts *vm* with QEMU's program *qemu*."""
    return (
        qemu,
        *("-nodefaults", "-no-user-config", "-display", "none", "-nic", "none", "-no-reboot", "-S"),
        *("-sandbox", _SANDBOX),
        *("-accel", "tcg,thread=multi" if vm.accelerator == "tcg" else vm.accelerator),
        *_machine(vm),
        *("-cpu", vm.cpu_model),
        *("-m", f"{vm.memory_mib}M"),
        *("-smp", f"{vm.processors},sockets=1,cores={vm.processors},threads=1"),
        *("-bios", files.firmware),
        *_image(vm, files),
        *_monitor(ends.qmp),
        *_link(ends.link),
        *_console(ends.console),
    )


def _machine(vm: Vm) -> tuple[str, ...]:
    """The machine, and what encrypts it."""
    machine = f"q35,{FEWEST_DEVICES}"
    if vm.snp is not None:
        support = f"confidential-guest-support={_GUEST},memory-backend={_MEMORY}"
        memory = (
            f"memory-backend-memfd,id={_MEMORY},size={vm.memory_mib}M,share=true,prealloc=false"
        )
        return ("-machine", f"{machine},{support}", "-object", memory, "-object", _snp(vm.snp))
    if vm.tdx is not None:
        support = f"kernel_irqchip=split,confidential-guest-support={_GUEST}"
        return ("-machine", f"{machine},{support}", "-object", _tdx(vm.tdx))
    return ("-machine", machine)


def _snp(launch: SnpLaunch) -> str:
    given = {
        "host-data": launch.host_data,
        "id-block": launch.id_block,
        "id-auth": launch.id_auth,
    }
    return ",".join(
        (
            f"sev-snp-guest,id={_GUEST}",
            f"cbitpos={launch.cbitpos},reduced-phys-bits={launch.reduced_phys_bits}",
            f"policy={launch.policy:#x},kernel-hashes=on",
            *(f"{name}={b64encode(value).decode()}" for name, value in given.items() if value),
            *(("author-key-enabled=on",) if launch.author_key_enabled else ()),
        )
    )


def _tdx(launch: TdxLaunch) -> str:
    given = {
        "mrconfigid": launch.mrconfigid,
        "mrowner": launch.mrowner,
        "mrownerconfig": launch.mrownerconfig,
    }
    properties: dict[str, object] = {"qom-type": "tdx-guest", "id": _GUEST}
    properties |= {name: b64encode(value).decode() for name, value in given.items() if value}
    path = launch.quote_generation_socket
    properties["quote-generation-socket"] = {"type": "unix", "path": path}
    return json.dumps(properties, separators=(",", ":"))


def _image(vm: Vm, files: Files) -> tuple[str, ...]:
    if not files.kernel:
        return ()
    initrd = ("-initrd", files.initrd) if files.initrd else ()
    return ("-kernel", files.kernel, *initrd, "-append", vm.command_line)


def _monitor(fd: int) -> tuple[str, ...]:
    return ("-chardev", f"socket,id=qmp,fd={fd}", "-qmp", "chardev:qmp")


def _link(fd: int) -> tuple[str, ...]:
    """Its buffers lie in memory that is shared with the host where the rest is encrypted."""
    return (
        *("-chardev", f"socket,id={PORT_ID},fd={fd}"),
        *("-device", "virtio-serial-pci,id=ports,max_ports=2,disable-legacy=on,iommu_platform=on"),
        *("-device", f"virtserialport,id={PORT_ID},chardev={PORT_ID},name={PORT},nr=1"),
    )


def _console(fd: int) -> tuple[str, ...]:
    if fd < 0:
        return ()
    return (
        "-chardev",
        f"file,id=console,path=/proc/self/fd/{fd},append=on",
        "-serial",
        "chardev:console",
    )
