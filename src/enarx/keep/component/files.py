"""Open files and folders of a component.

Each is a descriptor of the keep, numbered in the same table as preview 1's, so that both previews
have one meaning of paths, one set of rules for opening and one limit of open files.  What preview
2 adds is here: offsets instead of a position, streams, times and types by name.
"""

from __future__ import annotations

import errno

from enarx.keep.component.resource import Resource
from enarx.keep.component.streams import CHUNK, FileInput, FileOutput
from enarx.keep.vfs.node import os_error
from enarx.keep.wasi import abi, paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from enarx.keep.system import System
    from enarx.keep.vfs.node import Stat
    from enarx.keep.wasi.descriptors import Descriptor as KeepDescriptor

    Datetime = tuple[int, int]
    NewTimestamp = tuple[str, Datetime | None]

_NS_PER_S = 1_000_000_000
_MAX_OFFSET = (1 << 63) - 1
TYPES = {
    abi.UNKNOWN: "unknown",
    abi.BLOCK_DEVICE: "block-device",
    abi.CHARACTER_DEVICE: "character-device",
    abi.DIRECTORY: "directory",
    abi.REGULAR_FILE: "regular-file",
    abi.SOCKET_DGRAM: "socket",
    abi.SOCKET_STREAM: "socket",
    abi.SYMBOLIC_LINK: "symbolic-link",
}
# in the order of preview 1's numbers
_ADVICE = ("normal", "sequential", "random", "will-need", "dont-need", "no-reuse")
_OPEN_FLAGS = {
    "create": abi.O_CREAT,
    "directory": abi.O_DIRECTORY,
    "exclusive": abi.O_EXCL,
    "truncate": abi.O_TRUNC,
}
_FD_FLAGS = {
    "file-integrity-sync": abi.SYNC,
    "data-integrity-sync": abi.DSYNC,
    "requested-write-sync": abi.RSYNC,
}
_RIGHTS_BUT_IO = abi.RIGHTS_ALL & ~(abi.FD_READ | abi.FD_WRITE)


class Opened:
    """A number in the keep's table, with its users: the descriptor and its streams.

    A stream goes on working after its descriptor is dropped; the last user closes.
    """

    def __init__(self, system: System, number: int) -> None:
        self.system = system
        self.number = number
        self.descriptor: KeepDescriptor = system.descriptors.get(number)
        self._users = 0

    def use(self) -> Opened:
        """Count one more user."""
        self._users += 1
        return self

    def release(self) -> None:
        """One user less."""
        self._users -= 1
        if not self._users:
            self.system.descriptors.close(self.number)


class Descriptor(Resource):
    """``descriptor``: an operation that its kind does not have fails as on Linux."""

    wit_name = "descriptor"

    def __init__(self, opened: Opened, flags: frozenset[str]) -> None:
        self._opened = opened.use()
        self._flags = flags

    def close(self) -> None:
        """Close it, unless a stream still uses it."""
        self._opened.release()

    def get_flags(self) -> frozenset[str]:
        """What it was opened for."""
        return self._flags

    def get_type(self) -> str:
        """``descriptor-type``."""
        return TYPES.get(self._opened.descriptor.filetype, "unknown")

    def stat(self) -> tuple[object, ...]:
        """``descriptor-stat``."""
        return _stat_record(self._opened.descriptor.stat())

    def set_times(self, access: NewTimestamp, modification: NewTimestamp) -> None:
        """Set times."""
        self._opened.descriptor.set_times(*self._times(access, modification))

    def metadata_hash(self) -> tuple[int, int]:
        """128 bits that are the same for the same object."""
        return _hash(self._opened.descriptor.stat())

    def is_same_object(self, other: Descriptor) -> bool:
        """Whether both are one inode."""
        return self.metadata_hash() == other.metadata_hash()

    def sync(self) -> None:
        """Make contents and attributes durable."""
        self._opened.descriptor.sync(data_only=False)

    def sync_data(self) -> None:
        """Make contents durable."""
        self._opened.descriptor.sync(data_only=True)

    # files

    def read_via_stream(self, offset: int) -> FileInput:
        """A stream from *offset* on."""
        self._require("read")
        return FileInput(self._opened.use(), _offset(offset))

    def write_via_stream(self, offset: int) -> FileOutput:
        """A stream to *offset* and on."""
        self._require("write")
        return FileOutput(self._opened.use(), _offset(offset))

    def append_via_stream(self) -> FileOutput:
        """A stream to the end."""
        self._require("write")
        return FileOutput(self._opened.use(), None)

    def read(self, length: int, offset: int) -> tuple[memoryview, bool]:
        """Bytes at *offset*, and whether the end was reached."""
        self._require("read")
        view = memoryview(bytearray(min(length, CHUNK)))
        count = self._opened.descriptor.pread([view], _offset(offset)) if length else 0
        return view[:count], bool(length) and not count

    def write(self, data: bytes, offset: int) -> int:
        """Write at *offset*; how many bytes."""
        self._require("write")
        return self._opened.descriptor.pwrite([memoryview(data)], _offset(offset))

    def advise(self, offset: int, length: int, advice: str) -> None:
        """Take a hint."""
        number = _ADVICE.index(advice)
        self._opened.descriptor.advise(_offset(offset), min(length, _MAX_OFFSET), number)

    def set_size(self, size: int) -> None:
        """Cut or extend."""
        self._require("write")
        self._opened.descriptor.truncate(_offset(size))

    def _require(self, flag: str) -> None:
        if self._opened.descriptor.filetype == abi.DIRECTORY:
            raise os_error(errno.EISDIR)
        if flag not in self._flags:
            raise os_error(errno.EBADF)

    # folders

    def read_directory(self) -> DirectoryEntries:
        """A snapshot of the entries."""
        return DirectoryEntries(self._opened.descriptor.readdir(0))

    def open_at(
        self,
        path_flags: frozenset[str],
        path: str,
        open_flags: frozenset[str],
        flags: frozenset[str],
    ) -> Descriptor:
        """Open or create what *path* names; to read, if the flags say neither."""
        if not flags & {"read", "write"}:
            flags |= {"read"}
        rights = _RIGHTS_BUT_IO
        rights |= abi.FD_READ if "read" in flags else 0
        rights |= abi.FD_WRITE if "write" in flags else 0
        number = paths.path_open(
            *self._place,
            _follow(path_flags),
            path.encode(),
            _bits(_OPEN_FLAGS, open_flags),
            rights,
            abi.RIGHTS_ALL,
            _bits(_FD_FLAGS, flags),
        )
        return Descriptor(Opened(self._opened.system, number), flags)

    def stat_at(self, path_flags: frozenset[str], path: str) -> tuple[object, ...]:
        """``stat`` of what *path* names."""
        return _stat_record(self._stat_at(path_flags, path))

    def metadata_hash_at(self, path_flags: frozenset[str], path: str) -> tuple[int, int]:
        """``metadata-hash`` of what *path* names."""
        return _hash(self._stat_at(path_flags, path))

    def set_times_at(
        self,
        path_flags: frozenset[str],
        path: str,
        access: NewTimestamp,
        modification: NewTimestamp,
    ) -> None:
        """``set-times`` of what *path* names."""
        times = self._times(access, modification)
        paths.path_filestat_set_times(*self._place, _follow(path_flags), path.encode(), *times)

    def create_directory_at(self, path: str) -> None:
        """Make an empty folder."""
        paths.path_create_directory(*self._place, path.encode())

    def readlink_at(self, path: str) -> str:
        """The target of a link; an absolute one is not-permitted, says the interface."""
        target = paths.path_readlink(*self._place, path.encode())
        if target.startswith(b"/"):
            raise os_error(errno.EPERM)
        return _text(target)

    def symlink_at(self, target: str, path: str) -> None:
        """Make a link to *target*, which must be relative."""
        system, number = self._place
        paths.path_symlink(system, target.encode(), number, path.encode())

    def link_at(
        self, path_flags: frozenset[str], path: str, other: Descriptor, new_path: str
    ) -> None:
        """Give the file that *path* names another name."""
        flags, target = _follow(path_flags), other._opened.number
        paths.path_link(*self._place, flags, path.encode(), target, new_path.encode())

    def rename_at(self, path: str, other: Descriptor, new_path: str) -> None:
        """Move an entry."""
        target = other._opened.number
        paths.path_rename(*self._place, path.encode(), target, new_path.encode())

    def unlink_file_at(self, path: str) -> None:
        """Remove a file or link."""
        paths.path_unlink_file(*self._place, path.encode())

    def remove_directory_at(self, path: str) -> None:
        """Remove an empty folder."""
        paths.path_remove_directory(*self._place, path.encode())

    @property
    def _place(self) -> tuple[System, int]:
        return self._opened.system, self._opened.number

    def _stat_at(self, path_flags: frozenset[str], path: str) -> Stat:
        return paths.path_filestat_get(*self._place, _follow(path_flags), path.encode())

    def _times(
        self, access: NewTimestamp, modification: NewTimestamp
    ) -> tuple[int | None, int | None]:
        now = self._opened.system.now_ns()
        return _new_time(access, now), _new_time(modification, now)


class DirectoryEntries(Resource):
    """``directory-entry-stream``."""

    wit_name = "directory-entry-stream"

    def __init__(self, entries: Iterator[tuple[bytes, int, int, int]]) -> None:
        self._entries = entries

    def read_directory_entry(self) -> tuple[str, str] | None:
        """The next (type, name), without ``.`` and ``..``; None at the end."""
        for name, _, filetype, _ in self._entries:
            if name not in (b".", b".."):
                return TYPES.get(filetype, "unknown"), _text(name)
        return None


def _follow(path_flags: frozenset[str]) -> int:
    return abi.SYMLINK_FOLLOW if "symlink-follow" in path_flags else 0


def _bits(table: dict[str, int], names: frozenset[str]) -> int:
    return sum(bit for name, bit in table.items() if name in names)


def _stat_record(stat: Stat) -> tuple[object, ...]:
    # a time before 1970 has no number here
    times = (divmod(max(0, at), _NS_PER_S) for at in (stat.atim, stat.mtim, stat.ctim))
    return (TYPES.get(stat.filetype, "unknown"), stat.nlink, stat.size, *times)


def _new_time(wanted: NewTimestamp, now: int) -> int | None:
    case, time = wanted
    if time is None:
        return now if case == "now" else None
    seconds, nanoseconds = time
    time_ns = seconds * _NS_PER_S + nanoseconds
    if nanoseconds >= _NS_PER_S:
        raise os_error(errno.EINVAL)
    if time_ns > _MAX_OFFSET:
        raise os_error(errno.EOVERFLOW)
    return time_ns


def _hash(stat: Stat) -> tuple[int, int]:
    """The inode itself: preview 1 tells it too, so there is nothing to hide by hashing."""
    return stat.ino, stat.dev


def _offset(offset: int) -> int:
    if offset > _MAX_OFFSET:
        raise os_error(errno.EINVAL)
    return offset


def _text(name: bytes) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError as error:
        raise os_error(errno.EILSEQ) from error
