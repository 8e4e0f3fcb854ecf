"""The ``fd_*`` functions: guest pointers in, one descriptor's operation, results out.

``fd_read`` and ``fd_write`` are the hot path of every program: one look-up, one right, one
buffer in the common case, and no object made but the view of that buffer.
"""

from __future__ import annotations

import errno
import struct

from enarx.keep.wasi import abi
from enarx.keep.wasi.errno import BADF, INVAL, NAMETOOLONG, NOTDIR, OVERFLOW, WasiError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enarx.keep.system import System
    from enarx.keep.vfs.node import Stat

_fdstat = struct.Struct("<BxH4xQQ")
_filestat = struct.Struct("<QQB7xQQQQQ")
_dirent = struct.Struct("<QQIB3x")
_MAX_ADVICE = 5
_SIGNED_64 = 1 << 63
_SIGNED_32 = 1 << 31


def fd_read(system: System, fd: int, iovecs: int, count: int, out: int) -> int:
    """Read from a descriptor into the guest's buffers."""
    descriptor = system.descriptors.find(fd)
    if descriptor is None or not descriptor.rights_base & abi.FD_READ:
        return BADF
    memory = system.memory
    if count == 1:
        memory.put_u32(out, descriptor.read_one(memory.buffer(iovecs)))
    else:
        memory.put_u32(out, descriptor.read(memory.spans(iovecs, count)))
    return 0


def fd_write(system: System, fd: int, iovecs: int, count: int, out: int) -> int:
    """Write the guest's buffers to a descriptor."""
    descriptor = system.descriptors.find(fd)
    if descriptor is None or not descriptor.rights_base & abi.FD_WRITE:
        return BADF
    memory = system.memory
    if count == 1:
        memory.put_u32(out, descriptor.write_one(memory.buffer(iovecs)))
    else:
        memory.put_u32(out, descriptor.write(memory.spans(iovecs, count)))
    return 0


def fd_pread(system: System, fd: int, iovecs: int, count: int, offset: int, out: int) -> int:
    """Read at an offset without moving."""
    descriptor = system.descriptors.get(fd)
    if not descriptor.rights_base & abi.FD_READ:
        return BADF
    views = system.memory.spans(iovecs, count)
    system.memory.put_u32(out, descriptor.pread(views, _offset(offset)))
    return 0


def fd_pwrite(system: System, fd: int, iovecs: int, count: int, offset: int, out: int) -> int:
    """Write at an offset without moving."""
    descriptor = system.descriptors.get(fd)
    if not descriptor.rights_base & abi.FD_WRITE:
        return BADF
    views = system.memory.spans(iovecs, count)
    system.memory.put_u32(out, descriptor.pwrite(views, _offset(offset)))
    return 0


def fd_seek(system: System, fd: int, delta: int, whence: int, out: int) -> int:
    """Move the offset."""
    descriptor = system.descriptors.get(fd)
    if whence > abi.WHENCE_END:
        raise WasiError(INVAL)
    signed = delta - (1 << 64) if delta >= _SIGNED_64 else delta
    # the specification: asking where one is needs FD_TELL only
    asking = signed == 0 and whence == abi.WHENCE_CUR
    descriptor.require(abi.FD_TELL if asking else abi.FD_SEEK | abi.FD_TELL)
    system.memory.span(out, 8)
    system.memory.put_u64(out, descriptor.seek(signed, whence))
    return 0


def fd_tell(system: System, fd: int, out: int) -> int:
    """Where the offset is."""
    descriptor = system.descriptors.get(fd)
    descriptor.require(abi.FD_TELL)
    system.memory.put_u64(out, descriptor.tell())
    return 0


def fd_close(system: System, fd: int) -> int:
    """Close a descriptor."""
    system.descriptors.close(fd)
    return 0


def fd_renumber(system: System, source: int, target: int) -> int:
    """Move a descriptor onto another one's number, which is closed.

    Numbers beyond 2**31 are never given out; both must be open.
    """
    if source >= _SIGNED_32 or target >= _SIGNED_32:
        raise WasiError(BADF)
    system.descriptors.renumber(source, target)
    return 0


def fd_sync(system: System, fd: int) -> int:
    """Make data and attributes durable."""
    descriptor = system.descriptors.get(fd)
    descriptor.require(abi.FD_SYNC)
    descriptor.sync(data_only=False)
    return 0


def fd_datasync(system: System, fd: int) -> int:
    """Make data durable."""
    descriptor = system.descriptors.get(fd)
    descriptor.require(abi.FD_DATASYNC)
    descriptor.sync(data_only=True)
    return 0


def fd_advise(system: System, fd: int, offset: int, length: int, advice: int) -> int:
    """Hint at use."""
    descriptor = system.descriptors.get(fd)
    descriptor.require(abi.FD_ADVISE)
    if advice > _MAX_ADVICE:
        raise WasiError(INVAL)
    descriptor.advise(_offset(offset), _offset(length), advice)
    return 0


def fd_allocate(system: System, fd: int, offset: int, length: int) -> int:
    """Make sure that a range of a file exists."""
    descriptor = system.descriptors.get(fd)
    descriptor.require(abi.FD_ALLOCATE)
    descriptor.allocate(_offset(offset), _offset(length))
    return 0


def fd_fdstat_get(system: System, fd: int, out: int) -> int:
    """File type, flags and rights."""
    descriptor = system.descriptors.get(fd)
    system.memory.put(
        out,
        _fdstat.pack(
            descriptor.filetype,
            descriptor.fdflags,
            descriptor.rights_base,
            descriptor.rights_inheriting,
        ),
    )
    return 0


def fd_fdstat_set_flags(system: System, fd: int, fdflags: int) -> int:
    """Replace the flags."""
    descriptor = system.descriptors.get(fd)
    if fdflags & ~abi.FDFLAGS_ALL:
        raise WasiError(INVAL)
    descriptor.require(abi.FD_FDSTAT_SET_FLAGS)
    descriptor.set_flags(fdflags)
    return 0


def fd_fdstat_set_rights(system: System, fd: int, base: int, inheriting: int) -> int:
    """Give up rights."""
    system.descriptors.get(fd).restrict(base, inheriting)
    return 0


def fd_filestat_get(system: System, fd: int, out: int) -> int:
    """Attributes."""
    descriptor = system.descriptors.get(fd)
    descriptor.require(abi.FD_FILESTAT_GET)
    system.memory.put(out, pack_stat(descriptor.stat()))
    return 0


def fd_filestat_set_size(system: System, fd: int, size: int) -> int:
    """Set a file's size."""
    descriptor = system.descriptors.get(fd)
    descriptor.require(abi.FD_FILESTAT_SET_SIZE)
    descriptor.truncate(_offset(size))
    return 0


def fd_filestat_set_times(system: System, fd: int, atim: int, mtim: int, flags: int) -> int:
    """Set times."""
    descriptor = system.descriptors.get(fd)
    descriptor.require(abi.FD_FILESTAT_SET_TIMES)
    descriptor.set_times(*chosen_times(system, atim, mtim, flags))
    return 0


def fd_prestat_get(system: System, fd: int, out: int) -> int:
    """What is pre-opened here.

    Enarx numbers sockets among the folders, and wasi-libc stops looking at the first EBADF: an
    open descriptor that is no folder answers with a type that it and Go skip.
    """
    descriptor = system.descriptors.get(fd)
    if descriptor.preopen is None:
        system.memory.put(out, struct.pack("<B7x", abi.PREOPEN_NOT_A_DIRECTORY))
    else:
        size = len(descriptor.preopen)
        system.memory.put(out, struct.pack("<B3xI", abi.PREOPEN_DIR, size))
    return 0


def fd_prestat_dir_name(system: System, fd: int, path: int, size: int) -> int:
    """The guest path of a pre-opened folder."""
    preopen = system.descriptors.get(fd).preopen
    if preopen is None:
        raise WasiError(NOTDIR)
    if len(preopen) > size:
        raise WasiError(NAMETOOLONG)
    system.memory.put(path, preopen)
    return 0


def fd_readdir(system: System, fd: int, buffer: int, size: int, cookie: int, out: int) -> int:
    """As many entries as fit, the last one cut off where the buffer ends."""
    descriptor = system.descriptors.get(fd)
    descriptor.require(abi.FD_READDIR)
    view = system.memory.span(buffer, size)
    used = 0
    for name, inode, filetype, following in descriptor.readdir(cookie):
        entry = _dirent.pack(following, inode, len(name), filetype) + name
        piece = entry[: size - used]
        view[used : used + len(piece)] = piece
        used += len(piece)
        if used == size:
            break
    system.memory.put_u32(out, used)
    return 0


def pack_stat(stat: Stat) -> bytes:
    """``filestat``, 64 bytes."""
    return _filestat.pack(
        stat.dev & 0xFFFF_FFFF_FFFF_FFFF,
        stat.ino & 0xFFFF_FFFF_FFFF_FFFF,
        stat.filetype,
        stat.nlink,
        stat.size,
        max(0, stat.atim),
        max(0, stat.mtim),
        max(0, stat.ctim),
    )


def chosen_times(system: System, atim: int, mtim: int, flags: int) -> tuple[int | None, int | None]:
    """Resolve ``fstflags``: a given time, now, or None to leave it; both at once is INVAL."""
    if flags & ~0xF or flags & 3 == 3 or flags & 12 == 12:
        raise WasiError(INVAL)
    now = system.now_ns()
    return (
        _time(atim, now, given=flags & abi.SET_ATIM, current=flags & abi.SET_ATIM_NOW),
        _time(mtim, now, given=flags & abi.SET_MTIM, current=flags & abi.SET_MTIM_NOW),
    )


def _time(value: int, now: int, *, given: int, current: int) -> int | None:
    if current:
        return now
    if not given:
        return None
    if value >= _SIGNED_64:
        raise WasiError(OVERFLOW)
    return value


def _offset(value: int) -> int:
    """A file offset or length: the kernel's are signed."""
    if value >= _SIGNED_64:
        raise OSError(errno.EINVAL, "offset beyond 2**63")
    return value
