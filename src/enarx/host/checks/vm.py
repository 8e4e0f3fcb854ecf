"""What a virtual machine needs of its host: KVM, QEMU, firmware, a device that one may use.

Sources: Linux, Documentation/virt/kvm/api.rst; QEMU, docs/system/i386; which QEMU is needed
for what is the launcher's to say (``vm.probe``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from enarx.host.checks import advice
from enarx.host.doctor.facts import version_of
from enarx.host.platforms import Check
from enarx.host.vm.probe import FIRMWARE, PACKAGES, PROGRAM, SINCE

if TYPE_CHECKING:
    from enarx.host.doctor.facts import Facts
    from enarx.host.vm.shape import Technology


def vm(facts: Facts) -> tuple[Check, ...]:
    """An ordinary virtual machine, by KVM or by emulation."""
    hardware = kvm(facts)
    hardware.optional = True
    if hardware.mesg:
        hardware.mesg += "; without KVM the machine is emulated, which is slow"
    return (
        qemu(facts, "none", "every supported release of Debian, Ubuntu and Fedora has it"),
        hardware,
    )


def kvm(facts: Facts) -> Check:
    """KVM, tried out."""
    return Check(
        "KVM",
        not facts.kvm_problem,
        info="a test guest ran" if not facts.kvm_problem else facts.kvm_problem,
        mesg=_kvm_step(facts),
    )


def _kvm_step(facts: Facts) -> str:
    device = facts.devices.get("/dev/kvm")
    if facts.kernel.architecture != "x86_64":
        return f"keeps are x86-64 machines: KVM on {facts.kernel.architecture} cannot run them"
    if device is None and not facts.has("svm", "vmx"):
        if facts.has("hypervisor"):
            return "allow nested virtualization for this machine, on its own host"
        return advice.setup("virtualization (AMD SVM, Intel VT-x) to Enabled")
    if device is None:
        return f"sudo modprobe {'kvm_amd' if facts.has('svm') else 'kvm_intel'}"
    if not device.usable:
        return advice.join(device.group) if device.group else advice.give("kvm", "kvm")
    return (
        "KVM is there and does not run guests: allow nesting on this machine's host, if it has one"
    )


def qemu(facts: Facts, technology: Technology, where: str) -> Check:
    """QEMU's system emulator, as late as *technology* needs it; *where* says who has it."""
    least = SINCE[technology]
    wanted = f"{least} or later"
    found = facts.programs.get(PROGRAM)
    if found is None:
        step = advice.install(facts, apt="qemu-system-x86", dnf="qemu-kvm", otherwise=PROGRAM)
        return Check("QEMU", passed=False, mesg=f"{step}; {wanted} is needed: {where}")
    if not found.version:
        text = f"QEMU did not say its version; {wanted} is needed: {where}"
        return Check("QEMU", passed=None, info=found.path, mesg=text)
    return Check(
        "QEMU",
        version_of(found.version) >= version_of(least),
        info=f"{found.path} {found.version}",
        mesg=f"QEMU is {found.version}, and {wanted} is needed: {where}",
    )


def firmware(facts: Facts, technology: Technology) -> Check:
    """Firmware for guests, which an image of a keep may bring itself."""
    package, paths = PACKAGES[technology], FIRMWARE[technology]
    what = paths[0].rpartition("/")[2]
    found = next((path for path in paths if path in facts.files), "")
    step = advice.install(facts, apt=package, dnf="edk2-ovmf", otherwise=what)
    return Check(
        "Guest firmware",
        bool(found),
        info=found or None,
        mesg=f"{step} ({package} is in Debian sid and Ubuntu 26.04), unless the keep's image has"
        f" {what}",
        optional=True,
    )


def device(facts: Facts, path: str, absent: str, group: str) -> Check:
    """A device that this user must be able to use.

    Args:
        absent: the step where it is not there.
        group: to whom it is given where only root has it.
    """
    name = path.rpartition("/")[2]
    found = facts.devices.get(path)
    if found is None:
        return Check(f"Device {path}", passed=False, mesg=absent)
    step = advice.join(found.group) if found.group else advice.give(name, group)
    return Check(
        f"Device {path}", found.usable, info=None if found.usable else "no permission", mesg=step
    )
