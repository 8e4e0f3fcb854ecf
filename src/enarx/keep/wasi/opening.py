"""How ``path_open`` decides: flags, rights, and what kind of thing the path leads to.

Rights: a descriptor gets what was asked for, as far as its folder hands it on and its kind has a
use for it.  A file is opened for reading with FD_READ and for writing with FD_WRITE; other rights
to change it (size, allocation) are useless without FD_WRITE, but asking for them alone is no
request to write, because Go asks for them to read.
"""

from __future__ import annotations

import errno

from enarx.keep.vfs.node import Directory, File, Handle, os_error
from enarx.keep.vfs.resolve import Found, resolve, resolve_entry
from enarx.keep.wasi import abi
from enarx.keep.wasi.directories import RIGHTS_BELOW, DirectoryDescriptor
from enarx.keep.wasi.errno import NOTCAPABLE, WasiError
from enarx.keep.wasi.files import RIGHTS_FILE, FileDescriptor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enarx.keep.wasi.descriptors import Descriptor

_OFLAGS_ALL = abi.O_CREAT | abi.O_DIRECTORY | abi.O_EXCL | abi.O_TRUNC
_MAKES_OR_CUTS = abi.O_CREAT | abi.O_EXCL | abi.O_TRUNC
# How often a name may vanish or appear between look-up and opening before that is an error.
_ATTEMPTS = 8


def open_path(
    base: DirectoryDescriptor,
    path: bytes,
    *,
    follow: bool,
    oflags: int,
    fdflags: int,
    rights: tuple[int, int],
) -> Descriptor:
    """Open what *path* names below *base*; make it if *oflags* say so.

    *rights* are the base and inheriting rights asked for; unknown bits are ignored.
    """
    _check_flags(base, oflags, fdflags)
    base_rights = rights[0] & base.rights_inheriting
    inheriting = rights[1] & base.rights_inheriting & RIGHTS_BELOW
    exclusive = oflags & (abi.O_CREAT | abi.O_EXCL) == abi.O_CREAT | abi.O_EXCL
    for _ in range(_ATTEMPTS):
        found = _find(base.directory, path, follow=follow and not exclusive, oflags=oflags)
        if isinstance(found.node, Directory):
            _check_directory(oflags, base_rights)
            return DirectoryDescriptor(found.node, base_rights, inheriting, fdflags=fdflags)
        try:
            handle = _open_file(found, oflags, base_rights)
        except (FileExistsError, FileNotFoundError):
            if exclusive or not oflags & abi.O_CREAT:
                raise
            continue  # on the host, somebody made or removed it since we looked
        return FileDescriptor(handle, base_rights & RIGHTS_FILE, fdflags)
    raise os_error(errno.ENOENT)


def _check_flags(base: DirectoryDescriptor, oflags: int, fdflags: int) -> None:
    """Refuse unknown and contradicting flags, and those for which the folder lacks the right."""
    if oflags & ~_OFLAGS_ALL or fdflags & ~abi.FDFLAGS_ALL:
        raise os_error(errno.EINVAL)
    if oflags & abi.O_DIRECTORY and oflags & _MAKES_OR_CUTS:
        raise os_error(errno.EINVAL)
    if oflags & abi.O_CREAT:
        base.require(abi.PATH_CREATE_FILE)
    if oflags & abi.O_TRUNC:
        base.require(abi.PATH_FILESTAT_SET_SIZE)
    durable = abi.FD_SYNC if fdflags & (abi.SYNC | abi.RSYNC) else 0
    durable |= abi.FD_DATASYNC if fdflags & abi.DSYNC else 0
    if durable & ~base.rights_inheriting:
        raise WasiError(NOTCAPABLE)


def _find(start: Directory, path: bytes, *, follow: bool, oflags: int) -> Found:
    """Find what to open; EISDIR to make what a slash says is a folder, whatever is there."""
    if not oflags & abi.O_CREAT:
        return resolve(start, path, follow=follow)
    slash = path.endswith(b"/")
    found = resolve_entry(start, path) if slash else resolve(start, path, follow=follow)
    if found.trailing_slash and not found.is_dot:
        raise os_error(errno.EISDIR)
    return found


def _check_directory(oflags: int, rights: int) -> None:
    """Refuse to make, cut or write a directory that is there."""
    if oflags & abi.O_CREAT and oflags & abi.O_EXCL:
        raise os_error(errno.EEXIST)
    if oflags & (abi.O_CREAT | abi.O_TRUNC) or rights & abi.FD_WRITE:
        raise os_error(errno.EISDIR)


def _open_file(found: Found, oflags: int, rights: int) -> Handle:
    """Open or make the file at *found*, which is no directory."""
    read, write = bool(rights & abi.FD_READ), bool(rights & abi.FD_WRITE)
    if found.node is None:
        if not oflags & abi.O_CREAT:
            raise os_error(errno.ENOENT)
        return found.parent.create(found.name, read=read, write=write)
    if oflags & abi.O_CREAT and oflags & abi.O_EXCL:
        raise os_error(errno.EEXIST)
    if oflags & abi.O_DIRECTORY:
        raise os_error(errno.ENOTDIR)
    if not isinstance(found.node, File):
        raise os_error(errno.ELOOP)  # a link that was not to be followed
    return found.node.open(read=read, write=write, truncate=bool(oflags & abi.O_TRUNC))
