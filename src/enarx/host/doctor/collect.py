"""Find the facts out, on this machine or on one that is described by a tree of files.

Nothing is changed: files are read, programs are asked for their version, the security processor
for its status, and KVM runs one instruction of a test guest.
"""

from __future__ import annotations

import ctypes
import os
import re
import resource
import subprocess
import zlib
from importlib import metadata
from typing import TYPE_CHECKING

from enarx.host import kvm
from enarx.host.doctor import facts as watched
from enarx.host.doctor import sev
from enarx.host.doctor.facts import (
    Device,
    Facts,
    Kernel,
    KernelLog,
    Limits,
    Processor,
    Program,
    Sandbox,
)
from enarx.host.doctor.kernel_log import read_log
from enarx.host.vm.probe import PROGRAM, try_accelerator

if TYPE_CHECKING:
    from collections.abc import Mapping

    from enarx.host.machine import Machine

_PATIENCE_S = 10.0
_MAX_LOG_BYTES = 16 << 20
_MAX_CONFIG_BYTES = 4 << 20
_GZIP = 31  # zlib's window size for a gzip header
_OPTION = re.compile(r"^(CONFIG_[A-Z0-9_]+)=([ym])$", re.MULTILINE)
_VERSION = re.compile(rb"\b([0-9]+\.[0-9]+(?:\.[0-9]+)?)\b")
_LANDLOCK_CREATE_RULESET = 444
_LANDLOCK_VERSION = 1
_FAMILIES = {"debian": "apt", "ubuntu": "apt", "fedora": "dnf", "rhel": "dnf", "centos": "dnf"}


def collect(machine: Machine) -> Facts:
    """All facts about *machine*."""
    features = frozenset(f for f in watched.FEATURES if machine.feature(f))
    devices = {path: _device(machine, path) for path in watched.DEVICES if machine.exists(path)}
    return Facts(
        kernel=_kernel(machine),
        processor=Processor(
            vendor=machine.vendor,
            name=machine.processor,
            family=machine.number("cpu family"),
            model=machine.number("model"),
            features=features,
        ),
        guest=_guest(features, devices),
        packages=_packages(machine),
        devices=devices,
        programs={n: p for n in watched.PROGRAMS if (p := _program(machine, n)) is not None},
        files=frozenset(path for path in watched.FILES if machine.exists(path)),
        log=_log(machine),
        sev=sev.ask(machine.locate("/dev/sev")),
        kvm_problem=_kvm_problem(machine),
        limits=Limits(
            address_space=machine.limit(resource.RLIMIT_AS),
            locked_memory=machine.limit(resource.RLIMIT_MEMLOCK),
            open_files=machine.limit(resource.RLIMIT_NOFILE),
        ),
        sandbox=Sandbox(engine=_engine(), seccomp=_seccomp(), landlock=_landlock()),
    )


def _kvm_problem(machine: Machine) -> str:
    """Why no guest runs by KVM: where one in 16-bit mode does, one in 64-bit mode need not."""
    device = machine.locate("/dev/kvm")
    problem = kvm.problem(device).replace(device, "/dev/kvm")
    qemu = machine.program(PROGRAM)
    return try_accelerator(qemu, "kvm") if not problem and qemu else problem


def _kernel(machine: Machine) -> Kernel:
    release = machine.read("/proc/sys/kernel/osrelease")
    words = machine.read("/proc/cmdline").split()
    parameters = {}
    for name in watched.PARAMETERS:
        module, _, parameter = name.partition(".")
        if value := machine.read(f"/sys/module/{module}/parameters/{parameter}"):
            parameters[name] = value
    return Kernel(
        release=release,
        architecture=machine.read("/proc/sys/kernel/arch") or machine.architecture,
        parameters=parameters,
        config=_config(machine, release),
        command_line=watched.COMMAND_LINE.intersection(words),
    )


def _config(machine: Machine, release: str) -> Mapping[str, str] | None:
    """What the kernel was built with, wherever a distribution puts that."""
    text = machine.read(f"/boot/config-{release}") or machine.read(f"/lib/modules/{release}/config")
    if not text:
        packed = machine.read_bytes("/proc/config.gz", _MAX_CONFIG_BYTES)
        try:
            text = zlib.decompressobj(_GZIP).decompress(packed, _MAX_CONFIG_BYTES).decode("latin-1")
        except zlib.error:
            return None
    if not text:
        return None
    chosen = dict(_OPTION.findall(text))
    return {option: chosen.get(option, "n") for option in watched.CONFIG}


def _guest(features: frozenset[str], devices: Mapping[str, Device]) -> str:
    if "/dev/sev-guest" in devices:
        return "snp"
    if "tdx_guest" in features or "/dev/tdx_guest" in devices:
        return "tdx"
    return "vm" if "hypervisor" in features else ""


def _packages(machine: Machine) -> str:
    pairs = (line.partition("=") for line in machine.read("/etc/os-release").splitlines())
    release = {key: value.strip("\"'") for key, _, value in pairs}
    names = (release.get("ID", ""), *release.get("ID_LIKE", "").split())
    return next((_FAMILIES[name] for name in names if name in _FAMILIES), "")


def _device(machine: Machine, path: str) -> Device:
    return Device(usable=machine.accessible(path), group=machine.group(path))


def _program(machine: Machine, name: str) -> Program | None:
    path = machine.program(name)
    if not path:
        return None
    try:
        done = subprocess.run(
            [path, "--version"],
            capture_output=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=_PATIENCE_S,
        )
    except (OSError, subprocess.SubprocessError):
        return Program(path=path)
    said = _VERSION.search(done.stdout) if not done.returncode else None
    return Program(path=path, version=said[1].decode() if said else "")


def _log(machine: Machine) -> KernelLog:
    """The kernel's buffer; a record is read at once, and nothing waits for the next one."""
    path = machine.locate("/dev/kmsg")
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        return KernelLog(problem=(error.strerror or str(error)).lower())
    said = bytearray()
    problem = ""
    try:
        while len(said) < _MAX_LOG_BYTES:
            try:
                record = os.read(fd, 1 << 14)
            except BrokenPipeError:  # what was to be read was overwritten meanwhile
                continue
            if not record:
                break
            said += record
    except BlockingIOError:
        pass
    except OSError as error:
        problem = (error.strerror or str(error)).lower()
    finally:
        os.close(fd)
    return read_log(said.decode("utf-8", "replace"), problem)


def _engine() -> str:
    try:
        return metadata.version("wasmtime")
    except metadata.PackageNotFoundError:
        return ""


def _seccomp() -> bool:
    """Is libseccomp there to load?"""
    try:
        ctypes.CDLL("libseccomp.so.2")
    except OSError:
        return False
    return True


def _landlock() -> int:
    """The kernel's version of Landlock; 0 is none."""
    syscall = ctypes.CDLL(None, use_errno=True).syscall
    version: int = syscall(_LANDLOCK_CREATE_RULESET, None, 0, _LANDLOCK_VERSION)
    return max(version, 0)
