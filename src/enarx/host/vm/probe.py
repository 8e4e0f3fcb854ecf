"""What this machine can start virtual machines with, found out by doing it.

An accelerator counts if QEMU ran a guest with it, a technology if QEMU has its object, a firmware
if the file is there.
"""

from __future__ import annotations

import os
import re
import select
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass

from enarx.errors import UnavailableError
from enarx.host import kvm
from enarx.host.vm import sealed, tiny_guest
from enarx.host.vm.command import FEWEST_DEVICES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from enarx.host.machine import Machine
    from enarx.host.vm.shape import Accelerator, Technology

PROGRAM = "qemu-system-x86_64"
OBJECTS: Mapping[Technology, str] = {"snp": "sev-snp-guest", "tdx": "tdx-guest"}
"""What QEMU must have for a technology."""
SINCE: Mapping[Technology, str] = {"none": "7.2", "snp": "9.1", "tdx": "10.1"}
"""The first version of QEMU that has it."""
FIRMWARE: Mapping[Technology, tuple[str, ...]] = {
    "none": ("/usr/share/seabios/bios-256k.bin", "/usr/share/qemu/bios-256k.bin"),
    "snp": ("/usr/share/ovmf/OVMF.amdsev.fd", "/usr/share/edk2/ovmf/OVMF.amdsev.fd"),
    "tdx": ("/usr/share/ovmf/OVMF.inteltdx.fd", "/usr/share/edk2/ovmf/OVMF.inteltdx.fd"),
}
"""Where distributions put it, the best first."""
PACKAGES: Mapping[Technology, str] = {
    "none": "seabios",
    "snp": "ovmf-amdsev",
    "tdx": "ovmf-inteltdx",
}
"""Debian's name of what brings it."""

_VERSION = re.compile(r"version (\d+(?:\.\d+){1,3})")
_ASK_S = 20.0
_TRY_S = 10.0
_MOST = 1 << 16
_FAILED = b"KVM internal error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Qemu:
    """One QEMU.

    Args:
        path, version: of the program.
        technologies: that it knows; whether the machine does is another question.
        accelerators: that ran a guest, the fastest first.
        problems: why others did not, by name.
    """

    path: str
    version: str
    technologies: tuple[Technology, ...]
    accelerators: tuple[Accelerator, ...]
    problems: Mapping[str, str]

    @property
    def accelerator(self) -> Accelerator:
        """The best one.

        Raises:
            UnavailableError: none runs a guest.
        """
        if not self.accelerators:
            said = "; ".join(f"{name}: {why}" for name, why in self.problems.items())
            raise UnavailableError(self.path, f"runs no guest ({said})")
        return self.accelerators[0]

    @property
    def emulation(self) -> str:
        """Why machines are emulated, for people; empty if they are not."""
        if "kvm" in self.accelerators:
            return ""
        return f"virtual machines are emulated, which is slow: KVM: {self.problems['kvm']}"


def probe(machine: Machine, *, path: str = "") -> Qemu:
    """Find QEMU and try what it can do; takes about a second.

    Args:
        path: of the program, if not the one that is installed.

    Raises:
        UnavailableError: there is no QEMU, or it does not work.
    """
    found = path or machine.program(PROGRAM)
    if not found:
        hint = "install QEMU: apt-get install qemu-system-x86 seabios"
        raise UnavailableError(PROGRAM, "is not installed", hints=(hint,))
    version = _VERSION.search(_ask(found, "--version"))
    if version is None:
        raise UnavailableError(found, "does not say its version")
    objects = _ask(found, "-object", "help").split()
    problems = {
        "kvm": kvm.problem(machine.locate("/dev/kvm")) or try_accelerator(found, "kvm"),
        "tcg": try_accelerator(found, "tcg"),
    }
    return Qemu(
        path=found,
        version=version[1],
        technologies=("none", *(name for name, obj in OBJECTS.items() if obj in objects)),
        accelerators=tuple(name for name in _FASTEST_FIRST if not problems[name]),
        problems={name: problem for name, problem in problems.items() if problem},
    )


_FASTEST_FIRST: tuple[Accelerator, ...] = ("kvm", "tcg")


def try_accelerator(qemu: str, accelerator: Accelerator) -> str:
    """Why QEMU cannot run a guest in 64-bit mode with it; empty if it can."""
    rom = sealed.sealed("tiny guest", tiny_guest.firmware())
    argv = (
        *(qemu, "-nodefaults", "-no-user-config", "-display", "none", "-nic", "none", "-no-reboot"),
        *("-accel", accelerator, "-cpu", "max", "-machine", f"q35,{FEWEST_DEVICES}", "-m", "64M"),
        *("-bios", sealed.path(rom), "-device", f"isa-debug-exit,iobase={tiny_guest.PORT:#x}"),
    )
    try:
        child = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            pass_fds=(rom,), env={},
        )  # fmt: skip
    except OSError as error:
        return (error.strerror or str(error)).lower()
    finally:
        os.close(rom)
    with child:
        said = _watch(child)
        child.kill()
    if child.returncode == tiny_guest.PASSED:
        return ""
    line = next((one for one in said.decode("utf-8", "replace").splitlines() if one), "")
    return f"a test guest in 64-bit mode did not run{f' ({line[:200]})' if line else ''}"


def _watch(child: subprocess.Popen[bytes]) -> bytes:
    """What QEMU says, until it ends, its guest cannot run on, or time is up."""
    assert child.stderr is not None  # noqa: S101 - it is a pipe
    said, until = b"", time.monotonic() + _TRY_S
    while _FAILED not in said and len(said) < _MOST:
        left = max(0.0, until - time.monotonic())
        if not select.select([child.stderr], [], [], left)[0]:
            break
        data = os.read(child.stderr.fileno(), _MOST)
        if not data:
            with suppress(subprocess.TimeoutExpired):
                child.wait(_TRY_S)
            break
        said += data
    return said


def firmware(technology: Technology, machine: Machine, *, path: str = "") -> str:
    """Path of a firmware for *technology*; ``measurable`` says whether it is one.

    Args:
        path: of the one to take, if not one that is installed.

    Raises:
        UnavailableError: there is none.
    """
    places = (path,) if path else FIRMWARE[technology]
    found = next((place for place in places if machine.exists(place)), "")
    if not found:
        what = path or f"firmware for {technology}"
        hint = f"install Debian's package {PACKAGES[technology]}, or name a file"
        raise UnavailableError(what, "is not there", hints=(hint,))
    return machine.locate(found)


def _ask(qemu: str, *options: str) -> str:
    """What QEMU answers to a question about itself."""
    try:
        run = subprocess.run(
            (qemu, *options), capture_output=True, timeout=_ASK_S, env={}, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise UnavailableError(qemu, f"does not answer {options[0]}") from error
    return run.stdout.decode("utf-8", "replace")
