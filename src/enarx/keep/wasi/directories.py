"""An open folder as the guest sees it: where paths start, and a listing one can come back to."""

from __future__ import annotations

import errno

from enarx.keep.vfs.node import os_error
from enarx.keep.wasi import abi
from enarx.keep.wasi.descriptors import Descriptor
from enarx.keep.wasi.files import RIGHTS_FILE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from enarx.keep.vfs.node import Directory, Stat

RIGHTS_DIRECTORY = (
    abi.FD_FDSTAT_SET_FLAGS
    | abi.FD_SYNC
    | abi.FD_ADVISE
    | abi.PATH_CREATE_DIRECTORY
    | abi.PATH_CREATE_FILE
    | abi.PATH_LINK_SOURCE
    | abi.PATH_LINK_TARGET
    | abi.PATH_OPEN
    | abi.FD_READDIR
    | abi.PATH_READLINK
    | abi.PATH_RENAME_SOURCE
    | abi.PATH_RENAME_TARGET
    | abi.PATH_FILESTAT_GET
    | abi.PATH_FILESTAT_SET_SIZE
    | abi.PATH_FILESTAT_SET_TIMES
    | abi.FD_FILESTAT_GET
    | abi.FD_FILESTAT_SET_TIMES
    | abi.PATH_SYMLINK
    | abi.PATH_REMOVE_DIRECTORY
    | abi.PATH_UNLINK_FILE
    | abi.POLL_FD_READWRITE
)
RIGHTS_BELOW = RIGHTS_DIRECTORY | RIGHTS_FILE


class DirectoryDescriptor(Descriptor):
    """An open folder.

    Args:
        directory: of whatever file system.
        preopen: its guest path, if the guest finds it open at its start.
    """

    filetype = abi.DIRECTORY

    def __init__(
        self,
        directory: Directory,
        rights_base: int = RIGHTS_DIRECTORY,
        rights_inheriting: int = RIGHTS_BELOW,
        *,
        fdflags: int = 0,
        preopen: bytes | None = None,
    ) -> None:
        super().__init__(rights_base & RIGHTS_DIRECTORY, rights_inheriting, fdflags)
        self.directory = directory
        self.preopen = preopen
        self._listing: list[tuple[bytes, int, int]] | None = None

    @classmethod
    def preopened(cls, directory: Directory, path: bytes) -> DirectoryDescriptor:
        """Return the folder as a guest finds it at its start, with every right there is."""
        return cls(directory, preopen=path)

    def stat(self) -> Stat:
        """Return the folder's attributes."""
        return self.directory.stat()

    def set_times(self, atim: int | None, mtim: int | None) -> None:
        """Set the times that are not None."""
        self.directory.set_times(atim, mtim)

    def readdir(self, cookie: int) -> Iterator[tuple[bytes, int, int, int]]:
        """Give (name, inode, file type, next cookie) of each entry from *cookie* on.

        A cookie is a place in the listing made when the guest last asked for cookie 0: entries
        made or removed since neither shift nor repeat the others.  One who goes on after somebody
        else asked for cookie 0 keeps the listing begun with.
        """
        if cookie == 0 or self._listing is None:
            self._listing = self._list()
        listing = self._listing
        for place in range(cookie, len(listing)):
            yield (*listing[place], place + 1)

    def read(self, views: Sequence[memoryview]) -> int:
        """Refuse: the bytes of a folder are nobody's business."""
        raise os_error(errno.EISDIR)

    def write(self, views: Sequence[memoryview]) -> int:
        """Refuse."""
        raise os_error(errno.EISDIR)

    def advise(self, offset: int, length: int, advice: int) -> None:
        """Ignore the hint."""

    def sync(self, *, data_only: bool) -> None:
        """Make names durable, as far as the file system can."""
        self.directory.sync()

    def _list(self) -> list[tuple[bytes, int, int]]:
        """Return the entries, with ``.`` and ``..`` first.

        The inode of ``..`` is 0, which wasi-libc takes for "unknown": the folder above may be one
        the guest must not know about.
        """
        own = (b".", self.directory.stat().ino, abi.DIRECTORY)
        return [own, (b"..", 0, abi.DIRECTORY), *self.directory.entries()]
