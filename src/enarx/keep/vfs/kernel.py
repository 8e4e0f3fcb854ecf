"""Which file systems of the host hold files, and which are the kernel's own controls.

A mount of a host folder may have /proc or /sys below it.  Their entries claim to be regular files,
but writing to /proc/self/mem changes the keep itself, and reading /proc/1/environ leaves it.

Source: linux/magic.h; fs/nfsd/nfsctl.c and ipc/mqueue.c for theirs.
"""

from __future__ import annotations

import ctypes
import errno

from enarx.keep.vfs.node import os_error

_CONTROLS = frozenset(
    {
        0x0187,  # autofs: a look-up may start a mount
        0x1CD1,  # devpts
        0x9FA0,  # proc
        0x9FA1,  # openpromfs
        0x9FA2,  # usbdevfs
        0x27E0EB,  # cgroup
        0x19800202,  # mqueue
        0x42494E4D,  # binfmt_misc
        0x43415D53,  # smackfs
        0x50495045,  # pipefs
        0x534F434B,  # sockfs
        0x5A3C69F0,  # apparmorfs
        0x62656570,  # configfs
        0x62656572,  # sysfs
        0x63677270,  # cgroup2
        0x64626720,  # debugfs
        0x65735543,  # fusectl
        0x67596969,  # rpc_pipefs
        0x6C6F6F70,  # binderfs
        0x6E667364,  # nfsd
        0x6E736673,  # nsfs
        0x6165676C,  # pstore
        0x73636673,  # securityfs
        0x74726163,  # tracefs
        0x7655821,  # resctrl
        0xABBA1974,  # xenfs
        0xCAFE4A11,  # bpf
        0xDE5E81E4,  # efivarfs
        0xF97CFF8C,  # selinuxfs
    }
)
# struct statfs has 120 bytes on 64-bit Linux; its first word is the type.
_STATFS_SIZE = 120


def require_storage(fd: int) -> None:
    """Raise EACCES if *fd* lies in a file system through which the kernel is controlled."""
    libc = ctypes.CDLL(None, use_errno=True)
    about = ctypes.create_string_buffer(_STATFS_SIZE * 2)
    if libc.fstatfs(fd, about):
        raise os_error(ctypes.get_errno())
    kind = ctypes.cast(about, ctypes.POINTER(ctypes.c_ulong))[0] & 0xFFFF_FFFF
    if kind in _CONTROLS:
        raise os_error(errno.EACCES)
