"""Memory tree, host tree and the kernel itself do the same to the same operations.

Each step is done three times: through the ``path_*`` functions on a memory tree, through the same
functions on a mounted temporary folder, and by plain system calls in another temporary folder.
Results and errno must agree, and so must everything one can see afterwards.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from enarx.keep.system import System
from enarx.keep.vfs import host
from enarx.keep.vfs.memory import scratch
from enarx.keep.vfs.node import Directory
from enarx.keep.wasi import abi, paths
from enarx.keep.wasi.descriptors import DescriptorTable
from enarx.keep.wasi.directories import DirectoryDescriptor
from enarx.keep.wasi.stdio import Null

ROOT = 3
NAMES = ("a", "b", "c", ".", "..")
PATHS = st.builds(
    lambda names, slash: ("/".join(names) + "/" * slash).encode(),
    st.lists(st.sampled_from(NAMES), min_size=1, max_size=4),
    st.booleans(),
)
CONTENT = st.binary(max_size=8)
FILETYPES = {stat.S_IFDIR: 3, stat.S_IFREG: 4, stat.S_IFLNK: 7}


def system_on(directory: Directory) -> System:
    """A guest's world with *directory* pre-opened."""
    table = DescriptorTable()
    table.place(ROOT, DirectoryDescriptor.preopened(directory, b"/"))
    return System(args=(), env=(), descriptors=table, stdio=(Null(), Null(), Null()))


def outcome(operation: Callable[[], object]) -> object:
    """What an operation answers, or the name of its errno."""
    try:
        return operation()
    except OSError as e:
        return errno.errorcode[e.errno]


def creation(oflags: int, opening: Callable[[], object]) -> object:
    """What an opening answers; O_CREAT of "file/" is EISDIR to Linux and ENOTDIR to us."""
    try:
        return opening()
    except NotADirectoryError:
        if oflags & abi.O_CREAT:
            raise IsADirectoryError(errno.EISDIR, "") from None
        raise


class Kernel:
    """The same operations by system calls, relative to one folder."""

    def __init__(self, root: str) -> None:
        self.fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
        self.opened: list[int] = []

    def stat(self, path: bytes, *, follow: bool) -> tuple[int, ...]:
        """File type, and for files size and links."""
        # fstatat follows a link before a slash by itself
        found = os.stat(path, dir_fd=self.fd, follow_symlinks=follow)
        return seen(FILETYPES[stat.S_IFMT(found.st_mode)], found.st_size, found.st_nlink)

    def open(self, path: bytes, oflags: int, *, follow: bool, write: bool) -> int:
        """Open and remember."""
        flags = os.O_RDWR if write else os.O_RDONLY
        flags |= 0 if follow else os.O_NOFOLLOW
        for wasi, linux in (
            (abi.O_CREAT, os.O_CREAT),
            (abi.O_DIRECTORY, os.O_DIRECTORY),
            (abi.O_EXCL, os.O_EXCL),
            (abi.O_TRUNC, os.O_TRUNC),
        ):
            flags |= linux if oflags & wasi else 0
        fd = os.open(path, flags, dir_fd=self.fd)
        self.opened.append(fd)
        return len(self.opened) - 1

    def close(self) -> None:
        """Close all."""
        for fd in [*self.opened, self.fd]:
            os.close(fd)


class Guest:
    """The operations as a guest does them."""

    def __init__(self, directory: Directory) -> None:
        self.system = system_on(directory)
        self.opened: list[int] = []

    def stat(self, path: bytes, *, follow: bool) -> tuple[int, ...]:
        """As ``Kernel.stat``."""
        found = paths.path_filestat_get(self.system, ROOT, int(follow), path)
        return seen(found.filetype, found.size, found.nlink)

    def open(self, path: bytes, oflags: int, *, follow: bool, write: bool) -> int:
        """As ``Kernel.open``."""
        rights = abi.FD_READ | (abi.FD_WRITE if write else 0)
        fd = paths.path_open(self.system, ROOT, int(follow), path, oflags, rights, 0, 0)
        self.opened.append(fd)
        return len(self.opened) - 1


def seen(filetype: int, size: int, nlink: int) -> tuple[int, ...]:
    """What must agree: a directory's size and link count are the file system's own business."""
    return (filetype,) if filetype == abi.DIRECTORY else (filetype, size, nlink)


class Equivalence(RuleBasedStateMachine):
    """Random operations, done by all three."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.mkdtemp()
        for name in ("host", "kernel"):
            Path(self.folder, name).mkdir()
        fd = os.open(Path(self.folder, "host"), os.O_PATH | os.O_DIRECTORY)
        self.memory = Guest(scratch(1 << 24, device=1))
        self.host = Guest(host.mount(fd, writable=True))
        self.kernel = Kernel(str(Path(self.folder, "kernel")))

    def agree(self, guest: Callable[[Guest], object], kernel: Callable[[Kernel], object]) -> None:
        """All three give the same."""
        memory = outcome(lambda: guest(self.memory))
        assert outcome(lambda: guest(self.host)) == memory
        if memory != "EPERM":
            assert outcome(lambda: kernel(self.kernel)) == memory

    @rule(path=PATHS)
    def make_directory(self, path: bytes) -> None:
        """Do mkdir."""
        self.agree(
            lambda g: paths.path_create_directory(g.system, ROOT, path),
            lambda k: os.mkdir(path, dir_fd=k.fd),
        )

    @rule(path=PATHS)
    def remove_directory(self, path: bytes) -> None:
        """Do rmdir."""
        self.agree(
            lambda g: paths.path_remove_directory(g.system, ROOT, path),
            lambda k: os.rmdir(path, dir_fd=k.fd),
        )

    @rule(path=PATHS)
    def unlink(self, path: bytes) -> None:
        """Do unlink."""
        self.agree(
            lambda g: paths.path_unlink_file(g.system, ROOT, path),
            lambda k: os.unlink(path, dir_fd=k.fd),
        )

    @rule(to=PATHS, path=PATHS)
    def symlink(self, to: bytes, path: bytes) -> None:
        """Do symlink."""
        self.agree(
            lambda g: paths.path_symlink(g.system, to, ROOT, path),
            lambda k: os.symlink(to, path, dir_fd=k.fd),
        )

    @rule(path=PATHS)
    def readlink(self, path: bytes) -> None:
        """Do readlink."""
        self.agree(
            lambda g: paths.path_readlink(g.system, ROOT, path),
            lambda k: os.readlink(path, dir_fd=k.fd),
        )

    @rule(old=PATHS, new=PATHS)
    def link(self, old: bytes, new: bytes) -> None:
        """Do link, which does not follow."""
        self.agree(
            lambda g: paths.path_link(g.system, ROOT, 0, old, ROOT, new),
            lambda k: os.link(old, new, src_dir_fd=k.fd, dst_dir_fd=k.fd, follow_symlinks=False),
        )

    @rule(old=PATHS, new=PATHS)
    def rename(self, old: bytes, new: bytes) -> None:
        """Do rename."""
        self.agree(
            lambda g: paths.path_rename(g.system, ROOT, old, ROOT, new),
            lambda k: os.rename(old, new, src_dir_fd=k.fd, dst_dir_fd=k.fd),
        )

    @rule(path=PATHS, follow=st.booleans())
    def stat(self, path: bytes, follow: bool) -> None:  # noqa: FBT001 - hypothesis passes it
        """Do stat and lstat."""
        self.agree(lambda g: g.stat(path, follow=follow), lambda k: k.stat(path, follow=follow))

    @rule(
        path=PATHS,
        oflags=st.sampled_from((0, 1, 2, 5, 8, 9)),
        follow=st.booleans(),
        write=st.booleans(),
    )
    def open(self, path: bytes, oflags: int, follow: bool, write: bool) -> None:  # noqa: FBT001
        """Do open, creating, exclusively, truncating, only directories."""
        self.agree(
            lambda g: creation(oflags, lambda: g.open(path, oflags, follow=follow, write=write)),
            lambda k: creation(oflags, lambda: k.open(path, oflags, follow=follow, write=write)),
        )

    @rule(which=st.integers(0, 100), offset=st.integers(0, 8), content=CONTENT)
    def write(self, which: int, offset: int, content: bytes) -> None:
        """Do pwrite through a descriptor, whatever became of the file's name."""
        if not self.kernel.opened:
            return
        which %= len(self.kernel.opened)
        if not content or not isinstance(self.size(which), int):
            return
        self.agree(
            lambda g: self.guest_write(g, which, offset, content),
            lambda k: os.pwrite(k.opened[which], content, offset),
        )

    @rule(which=st.integers(0, 100), size=st.integers(0, 20))
    def truncate(self, which: int, size: int) -> None:
        """Do ftruncate."""
        if self.kernel.opened and isinstance(self.size(which % len(self.kernel.opened)), int):
            which %= len(self.kernel.opened)
            self.agree(
                lambda g: g.system.descriptors.get(g.opened[which]).truncate(size),
                lambda k: os.ftruncate(k.opened[which], size),
            )

    def size(self, which: int) -> int | None:
        """The size of an open file, None for a directory."""
        found = os.fstat(self.kernel.opened[which])
        return found.st_size if stat.S_ISREG(found.st_mode) else None

    @staticmethod
    def guest_write(guest: Guest, which: int, offset: int, content: bytes) -> int:
        """Do pwrite by the guest."""
        descriptor = guest.system.descriptors.get(guest.opened[which])
        return descriptor.pwrite([memoryview(content)], offset)

    @invariant()
    def same_files(self) -> None:
        """The three trees look the same, down to contents and link counts."""
        memory = picture(self.memory.system.descriptors.get(ROOT).directory)
        assert picture(self.host.system.descriptors.get(ROOT).directory) == memory
        fd = os.open(Path(self.folder, "kernel"), os.O_PATH | os.O_DIRECTORY)
        assert picture(host.mount(fd, writable=False)) == memory

    def teardown(self) -> None:
        """Remove the folders."""
        self.kernel.close()
        for guest in (self.memory, self.host):
            guest.system.descriptors.close_all()
        shutil.rmtree(self.folder)


def picture(directory: Directory) -> dict[bytes, object]:
    """Everything below *directory*, comparable."""
    found: dict[bytes, object] = {}
    for name, _, filetype in directory.entries():
        node = directory.lookup(name)
        assert node.filetype == filetype
        if isinstance(node, Directory):
            found[name] = picture(node)
            continue
        about = node.stat()
        found[name] = (filetype, about.nlink, content(node, about.size))
    return found


def content(node: object, size: int) -> bytes:
    """A file's bytes or a link's target."""
    if hasattr(node, "readlink"):
        return node.readlink()
    handle = node.open(read=True, write=False)  # type: ignore[attr-defined]
    buffer = memoryview(bytearray(size))
    count = handle.read_at([buffer], 0)
    handle.close()
    return bytes(buffer[:count])


Equivalence.TestCase.settings = settings(stateful_step_count=40, deadline=None)
TestEquivalence = Equivalence.TestCase
