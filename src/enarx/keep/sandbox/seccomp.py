"""Install the system-call filter of a keep through libseccomp, by its C interface.

Which calls are allowed is ``calls``' business.  Building and loading the whole filter takes well
under a millisecond, so it is done in the keep itself, whose process id it contains.

Source: seccomp_rule_add(3), seccomp_attr_set(3) of libseccomp 2.5; seccomp(2).
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket

from enarx.keep.sandbox import calls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

LIBRARY = "libseccomp.so.2"

# include/seccomp.h
_ACT_ALLOW = 0x7FFF_0000
_ACT_ERRNO = 0x0005_0000
_ACT_KILL_PROCESS = 0x8000_0000
_ATTR_TSYNC = 4
_ATTR_OPTIMIZE = 8
_BINARY_TREE = 2
_NE = 1
_EQ = 4
_MASKED_EQ = 7
_UNKNOWN = -1

_EPERM = _ACT_ERRNO | errno.EPERM
_ENOSYS = _ACT_ERRNO | errno.ENOSYS


class _Condition(ctypes.Structure):
    """``struct scmp_arg_cmp``: one argument of a call compared with one or two numbers."""

    _fields_ = (
        ("arg", ctypes.c_uint),
        ("op", ctypes.c_int),
        ("datum_a", ctypes.c_uint64),
        ("datum_b", ctypes.c_uint64),
    )


def load() -> ctypes.CDLL | None:
    """Load libseccomp, or None where it is not installed."""
    try:
        found = ctypes.CDLL(LIBRARY, use_errno=True)
    except OSError:
        return None
    found.seccomp_init.restype = ctypes.c_void_p
    found.seccomp_init.argtypes = [ctypes.c_uint32]
    found.seccomp_release.restype = None
    found.seccomp_release.argtypes = [ctypes.c_void_p]
    found.seccomp_load.argtypes = [ctypes.c_void_p]
    found.seccomp_attr_set.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_uint32]
    found.seccomp_syscall_resolve_name.argtypes = [ctypes.c_char_p]
    found.seccomp_rule_add_array.argtypes = [
        ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint, ctypes.c_void_p,
    ]  # fmt: skip
    return found


def restrict(
    library: ctypes.CDLL | None,
    *,
    mounts: bool = False,
    writable: bool = False,
    threads: bool = False,
    child: int = 0,
    pairs: bool = False,
) -> tuple[list[str], list[str]]:
    """Filter the system calls of this process, all its threads and for ever.

    Args:
        library: libseccomp, from ``load``, loaded while files could still be opened.
        mounts: paths below mounted host directories are opened (Landlock decides which).
        writable: some of those are writable.
        threads: threads may be started; processes never.
        child: the one process that may be killed and waited for, if there is one.
        pairs: pairs of connected local sockets may be made.

    Returns:
        What was applied, and what cannot be.

    Raises:
        OSError: libseccomp or the kernel refused the filter.
    """
    if library is None:
        return [], [f"seccomp: {LIBRARY} is not installed"]
    if not os.path.exists("/proc/sys/kernel/seccomp/actions_avail") and not _in_kernel():
        return [], ["seccomp: the kernel does not offer it"]
    building = _Filter(library)
    try:
        building.attribute(_ATTR_TSYNC, 1)
        building.optimise()
        _fill(building, mounts=mounts, writable=writable, threads=threads)
        _allow_child(building, child)
        _allow_pairs(building, pairs=pairs)
        building.load()
    finally:
        building.release()
    return ["seccomp: " + ("threads allowed" if threads else "no threads")], []


def _fill(building: _Filter, *, mounts: bool, writable: bool, threads: bool) -> None:
    """Add every rule."""
    building.add(_ACT_ALLOW, calls.ALWAYS)
    building.add(_ACT_ALLOW, calls.STAT)
    building.add(_ACT_ALLOW if mounts else _EPERM, calls.MOUNTS_READ)
    building.add(_ACT_ALLOW if writable else _EPERM, calls.MOUNTS_WRITE)
    building.add(_EPERM, calls.REFUSED)
    building.add(_ACT_KILL_PROCESS, calls.FATAL)
    for command in calls.FCNTL:
        building.add(_ACT_ALLOW, ["fcntl"], _Condition(1, _EQ, command))
    for command in calls.IOCTL:
        building.add(_ACT_ALLOW, ["ioctl"], _Condition(1, _EQ, command))
    building.add(_ACT_ALLOW, ["tgkill"], _Condition(0, _EQ, os.getpid()))
    building.add(_ACT_ALLOW, ["prlimit64"], _Condition(0, _EQ, 0), _Condition(2, _EQ, 0))
    if threads:
        mask = calls.CLONE_THREAD | calls.CLONE_NAMESPACES
        building.add(_ACT_ALLOW, ["clone"], _Condition(0, _MASKED_EQ, mask, calls.CLONE_THREAD))
        building.add(_EPERM, ["clone"], _Condition(0, _MASKED_EQ, calls.CLONE_THREAD, 0))
    else:
        building.add(_EPERM, ["clone"])


def _allow_child(building: _Filter, child: int) -> None:
    """Let *child* be killed and waited for, and no other process."""
    if not child:
        building.add(_EPERM, ["kill"])
        return
    building.add(_ACT_ALLOW, ["kill", "wait4"], _Condition(0, _EQ, child))
    building.add(_EPERM, ["kill", "wait4"], _Condition(0, _NE, child))


def _allow_pairs(building: _Filter, *, pairs: bool) -> None:
    """Let pairs of local sockets be made, or none."""
    if not pairs:
        building.add(_EPERM, calls.PAIRS)
        return
    building.add(_ACT_ALLOW, calls.PAIRS, _Condition(0, _EQ, socket.AF_UNIX))
    building.add(_EPERM, calls.PAIRS, _Condition(0, _NE, socket.AF_UNIX))


class _Filter:
    """A filter under construction; whatever is not added answers ENOSYS."""

    def __init__(self, seccomp: ctypes.CDLL) -> None:
        self._seccomp = seccomp
        self._context = seccomp.seccomp_init(_ENOSYS)
        if not self._context:
            raise OSError(errno.ENOMEM, "seccomp: cannot start a filter")

    def add(self, action: int, names: Iterable[str], *conditions: _Condition) -> None:
        """Add one rule for each call of *names* that this architecture has."""
        array = (_Condition * len(conditions))(*conditions)
        for name in names:
            number = self._seccomp.seccomp_syscall_resolve_name(name.encode())
            if number == _UNKNOWN:
                continue
            _check(
                self._seccomp.seccomp_rule_add_array(
                    self._context, action, number, len(conditions), array
                ),
                name,
            )

    def attribute(self, attribute: int, value: int) -> None:
        """Set an attribute that must be known."""
        _check(self._seccomp.seccomp_attr_set(self._context, attribute, value), "attribute")

    def optimise(self) -> None:
        """Ask for a binary tree: a dozen comparisons a call, not a hundred (libseccomp 2.5)."""
        self._seccomp.seccomp_attr_set(self._context, _ATTR_OPTIMIZE, _BINARY_TREE)

    def load(self) -> None:
        """Make it the process's."""
        _check(self._seccomp.seccomp_load(self._context), "load")

    def release(self) -> None:
        """Free it; a loaded filter stays."""
        self._seccomp.seccomp_release(self._context)


def _in_kernel() -> bool:
    """Is the kernel built with filters?  prctl(PR_GET_SECCOMP) says EINVAL if not."""
    return bool(ctypes.CDLL(None, use_errno=True).prctl(21, 0, 0, 0, 0) >= 0)


def _check(result: int, what: str) -> None:
    """Raise for libseccomp's negative error numbers."""
    if result < 0:
        raise OSError(-result, f"seccomp: {what}: {os.strerror(-result).lower()}")
