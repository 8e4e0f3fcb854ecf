"""The same advice in the words of the machine at hand: what to type, where that is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from enarx.host.platforms import Check

if TYPE_CHECKING:
    from enarx.host.doctor.facts import Facts

VIRTUAL = "this machine is itself virtual: only its own host can offer that"
_GUESTS = {"snp": "an SEV-SNP", "tdx": "a TDX"}


def hopeless(facts: Facts, reason: str) -> Check:
    """A processor that cannot do it, whatever is set."""
    return Check("CPU", passed=False, info=processor(facts), mesg=reason, hopeless=True)


def processor(facts: Facts) -> str | None:
    """What the processor is called, or at least of what kind it is."""
    return facts.processor.name or facts.kernel.architecture or None


def guest(facts: Facts) -> str:
    """Why a confidential guest is no host of such guests; empty if it is none."""
    if facts.guest not in _GUESTS:
        return ""
    what = _GUESTS[facts.guest]
    return f"this machine is itself {what} guest: such keeps start on its host, not in it"


def install(facts: Facts, *, apt: str, dnf: str, otherwise: str) -> str:
    """How to get a package; *otherwise* says what is needed, in words.

    Args:
        apt: its names in Debian and Ubuntu; empty if they have none.
        dnf: its names in Fedora and its relatives; empty if they have none.
    """
    if facts.packages == "apt" and apt:
        return f"sudo apt install {apt}"
    if facts.packages == "dnf" and dnf:
        return f"sudo dnf install {dnf}"
    return f"install {otherwise}"


def join(group: str) -> str:
    """How to become a member of a group."""
    return f"sudo usermod --append --groups {group} $USER, then log in again"


def give(name: str, group: str) -> str:
    """How to give a device, which is root's alone, to a group."""
    rule = f'KERNEL=="{name}", GROUP="{group}", MODE="0660"'
    return (
        f"echo '{rule}' | sudo tee /etc/udev/rules.d/90-{name}.rules &&"
        f" sudo udevadm control --reload && sudo udevadm trigger --name-match={name}"
    )


def setup(settings: str) -> str:
    """What to set in the firmware's setup; menus differ between vendors."""
    return f"in the firmware's setup (BIOS), set {settings}; menus differ between vendors"


def boot(words: str) -> str:
    """How to give words to the kernel at its start."""
    return (
        f"add {words} to GRUB_CMDLINE_LINUX in /etc/default/grub, write it with update-grub"
        " (Fedora: grub2-mkconfig -o /boot/grub2/grub.cfg), and restart"
    )


def unboot(words: str) -> str:
    """How to take words from the kernel's start."""
    return f"take {words} out of the kernel's command line (/etc/default/grub), and restart"
