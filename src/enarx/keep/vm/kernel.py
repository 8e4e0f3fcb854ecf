"""What a keep's first process asks of its kernel, once, before anything else runs.

Its file systems; the few modules that find a TEE; then everything that a keep never needs again is
closed for good: module loading, kexec, tracing, core dumps.  Whatever the kernel refuses is an
error: a keep that could not be closed does not start.

Sources: Linux, Documentation/admin-guide/sysctl/kernel.rst; mount(2), finit_module(2), reboot(2);
Documentation/ABI/testing/configfs-tsm-report.
"""

from __future__ import annotations

import ctypes
import errno
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

MODULES = "/usr/lib/modules"
REPORTS = "/sys/kernel/config/tsm/report"
"""Where a TEE's reports are made, on a kernel that found a TEE."""

_FILE_SYSTEMS = (("devtmpfs", "/dev"), ("proc", "/proc"), ("sysfs", "/sys"))
_CONFIGURATION = ("configfs", "/sys/kernel/config")
_NEEDED = ("configfs", "tsm")
_FIND_HARDWARE = ("sev-guest", "tdx-guest")

_NOSUID_NODEV_NOEXEC = 2 | 4 | 8
_NOSUID_NOEXEC = 2 | 8
_FINIT_MODULE = 313  # x86-64
_POWER_OFF = 0x4321_FEDC

_SETTINGS = (
    ("kernel/kexec_load_disabled", "1"),
    ("kernel/yama/ptrace_scope", "3"),
    ("kernel/core_pattern", ""),
    ("kernel/core_pipe_limit", "0"),
    ("kernel/dmesg_restrict", "1"),
    ("kernel/kptr_restrict", "2"),
    ("kernel/perf_event_paranoid", "4"),
    ("kernel/unprivileged_bpf_disabled", "1"),
    ("kernel/sysrq", "0"),
    ("kernel/panic_on_oops", "1"),
    ("kernel/panic_on_warn", "0"),
    ("fs/suid_dumpable", "0"),
    ("kernel/modules_disabled", "1"),
)
"""Below /proc/sys; those that say "disabled" hold until the end."""


def mount() -> None:
    """Mount the kernel's own file systems.

    Raises:
        OSError: it refused.
    """
    for kind, place in _FILE_SYSTEMS:
        _mount(kind, place, _NOSUID_NOEXEC if kind == "devtmpfs" else _NOSUID_NODEV_NOEXEC)


def find_tee() -> bool:
    """Load what finds a TEE; whether there is one that makes reports.

    Raises:
        OSError: a module was refused for another reason than that its hardware is not there.
    """
    for name in _NEEDED:
        _load(name)
    _mount(*_CONFIGURATION, _NOSUID_NODEV_NOEXEC)
    for name in _FIND_HARDWARE:
        try:
            _load(name)
        except OSError as error:
            if error.errno != errno.ENODEV:
                raise
    return _makes_reports()


def close() -> None:
    """Give up what no keep needs.

    Raises:
        OSError: the kernel refused one of the settings.
    """
    for name, value in _SETTINGS:
        with open(f"/proc/sys/{name}", "w", encoding="ascii") as file:
            file.write(value + "\n")


def power_off() -> NoReturn:
    """End the machine."""
    ctypes.CDLL(None).reboot(_POWER_OFF)
    os._exit(1)  # refused: the end of the first process is the kernel's, too


def _makes_reports() -> bool:
    """A folder can be made there exactly when a provider of reports is registered."""
    place = f"{REPORTS}/probe"
    try:
        os.mkdir(place)
    except OSError:
        return False
    os.rmdir(place)
    return True


def _mount(kind: str, place: str, flags: int) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    name = kind.encode()
    _insist(library.mount(name, place.encode(), name, ctypes.c_ulong(flags), None), f"mount {kind}")


def _load(name: str) -> None:
    fd = os.open(f"{MODULES}/{name}.ko", os.O_RDONLY | os.O_CLOEXEC)
    try:
        library = ctypes.CDLL(None, use_errno=True)
        _insist(library.syscall(_FINIT_MODULE, fd, b"", 0), f"module {name}")
    finally:
        os.close(fd)


def _insist(result: int, what: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code).lower()}")
