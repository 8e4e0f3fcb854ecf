"""Take away the file system, TCP and signals, except for named directories (Landlock).

Decides what each version of the interface can take away, and reports what the running kernel
cannot.  It applies to the calling thread and those it starts later, so there must be no other yet.

Source: Linux, Documentation/userspace-api/landlock.rst and include/uapi/linux/landlock.h (ABI 7).
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

# The same numbers on every architecture (asm-generic and the tables of x86).
_CREATE_RULESET = 444
_ADD_RULE = 445
_RESTRICT_SELF = 446
_CREATE_RULESET_VERSION = 1
_RULE_PATH_BENEATH = 1

# LANDLOCK_ACCESS_FS_*
_WRITE_FILE = 1 << 1
_READ_FILE = 1 << 2
_READ_DIR = 1 << 3
_REMOVE_DIR = 1 << 4
_REMOVE_FILE = 1 << 5
_MAKE_DIR = 1 << 7
_MAKE_REG = 1 << 8
_MAKE_SYM = 1 << 12
_REFER = 1 << 13
_TRUNCATE = 1 << 14

_READ = _READ_FILE | _READ_DIR
_WRITE = (
    _WRITE_FILE | _TRUNCATE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG | _MAKE_SYM
    | _REFER
)  # fmt: skip

_FS_BY_ABI = ((5, 1 << 16), (3, 1 << 15), (2, 1 << 14), (1, 1 << 13))
"""(first ABI, one above the highest file-system right that it knows)."""
_NET_SINCE = 4
_NET = 0b11  # LANDLOCK_ACCESS_NET_BIND_TCP | _CONNECT_TCP
_SCOPE_SINCE = 6
# LANDLOCK_SCOPE_*
_SCOPE_ABSTRACT_UNIX_SOCKET = 1 << 0
_SCOPE_SIGNAL = 1 << 1


def abi() -> int:
    """The version of Landlock that the running kernel offers; 0 if none."""
    try:
        return _call(_CREATE_RULESET, None, 0, _CREATE_RULESET_VERSION)
    except OSError:  # not built in, not switched on, or filtered
        return 0


def restrict(
    directories: Sequence[tuple[int, bool]], *, signals: bool = False
) -> tuple[list[str], list[str]]:
    """Deny everything except *directories* (descriptor, writable) to this thread, for ever.

    With *signals*, those to processes outside are left to another filter: a child with a sandbox
    of its own is outside.

    Returns:
        What was applied, and what the kernel cannot do.

    Raises:
        OSError: the kernel refused what it says it can do; nothing may be taken for granted then.
    """
    version = abi()
    if not version:
        return [], ["landlock: the kernel does not offer it"]
    rights = next(above - 1 for first, above in _FS_BY_ABI if version >= first)
    net = _NET if version >= _NET_SINCE else 0
    scope = _SCOPE_ABSTRACT_UNIX_SOCKET | (0 if signals else _SCOPE_SIGNAL)
    scope = scope if version >= _SCOPE_SINCE else 0
    attributes = struct.pack("=Q", rights)
    if net:
        attributes += struct.pack("=Q", net)
    if scope:
        attributes += struct.pack("=Q", scope)
    ruleset = _call(_CREATE_RULESET, attributes, len(attributes), 0)
    try:
        for fd, writable in directories:
            allowed = (_READ | (_WRITE if writable else 0)) & rights
            rule = struct.pack("=Qi", allowed, fd)
            _call(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, rule, 0)
        _call(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
    applied = [f"landlock abi {version}: files"]
    missing: list[str] = []
    (applied if net else missing).append("landlock: tcp")
    scoped = "abstract sockets" if signals else "signals and abstract sockets"
    (applied if scope else missing).append(f"landlock: {scoped}")
    return applied, missing


def _call(number: int, *arguments: int | bytes | None) -> int:
    """Make a system call that the C library does not know."""
    syscall = ctypes.CDLL(None, use_errno=True).syscall
    syscall.restype = ctypes.c_long
    converted = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    result: int = syscall(ctypes.c_long(number), *converted)
    if result < 0:
        code = ctypes.get_errno() or errno.ENOSYS
        raise OSError(code, f"landlock: {os.strerror(code).lower()}")
    return result
