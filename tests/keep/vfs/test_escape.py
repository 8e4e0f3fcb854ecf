"""Attacks: no path, link, race or mount leads out of a mounted folder."""

from __future__ import annotations

import errno
import gc
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from enarx.keep.vfs import host
from enarx.keep.vfs.host import HostDirectory
from enarx.keep.vfs.memory import scratch
from enarx.keep.vfs.node import File
from enarx.keep.vfs.resolve import resolve, resolve_entry
from enarx.keep.wasi import abi
from enarx.keep.wasi.directories import DirectoryDescriptor
from enarx.keep.wasi.opening import open_path


def mount(folder: Path, *, writable: bool = True) -> HostDirectory:
    """The folder, mounted."""
    return host.mount(os.open(folder, os.O_PATH | os.O_DIRECTORY), writable=writable)


def refused(code: int, operation: Callable[[], object]) -> None:
    """The operation fails with *code* and nothing else."""
    with pytest.raises(OSError) as failure:  # noqa: PT011 - the errno is compared
        operation()
    assert failure.value.errno == code


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Path]:
    """A folder with a secret beside the folder that is mounted."""
    (tmp_path / "inside" / "deep").mkdir(parents=True)
    (tmp_path / "secret").write_text("secret")
    yield tmp_path
    assert (tmp_path / "secret").read_text() == "secret"


@pytest.mark.parametrize(
    "path",
    [
        b"..",
        b"../secret",
        b"deep/../../secret",
        b"./.././secret",
        b"deep/./../..",
        b"/secret",
        b"//secret",
        b"/",
        b"deep/../deep/../../inside/deep",
    ],
)
def test_paths_out_of_the_mount_are_refused(outside: Path, path: bytes) -> None:
    """Dot-dot chains and absolute paths are EPERM, also when they would come back in."""
    root = mount(outside / "inside")
    refused(errno.EPERM, lambda: resolve(root, path, follow=True))
    refused(errno.EPERM, lambda: resolve_entry(root, path))


@pytest.mark.parametrize(
    "target",
    [
        "../secret",
        "../../secret",
        "..",
        "/etc/passwd",
        "/",
        "deep/../../secret",
        "/proc/self/root",
        "/proc/self/cwd",
        "/proc/self/fd",
    ],
)
def test_links_out_of_the_mount_are_refused(outside: Path, target: str) -> None:
    """A link that the host or the guest planted is EPERM to follow, last or on the way."""
    (outside / "inside" / "link").symlink_to(target)
    root = mount(outside / "inside")
    refused(errno.EPERM, lambda: resolve(root, b"link", follow=True))
    refused(errno.EPERM, lambda: resolve(root, b"link/", follow=False))
    refused(errno.EPERM, lambda: resolve(root, b"link/secret", follow=False))
    assert resolve(root, b"link", follow=False).node is not None


def test_chains_of_links_out_of_the_mount_are_refused(outside: Path) -> None:
    """Each link of a chain looks harmless; the one that leaves is found wherever it stands."""
    inside = outside / "inside"
    (inside / "deep" / "up").symlink_to("..")
    (inside / "upper").symlink_to("deep/up/deep/up")
    (inside / "chain").symlink_to("upper/upper/../secret")
    root = mount(inside)
    assert resolve(root, b"upper/upper/deep", follow=True).node is not None
    refused(errno.EPERM, lambda: resolve(root, b"chain", follow=True))
    refused(errno.EPERM, lambda: resolve(root, b"upper/../secret", follow=True))


def test_a_loop_of_links_ends(outside: Path) -> None:
    """A link to itself, and two that grow with every turn, are ELOOP."""
    inside = outside / "inside"
    (inside / "self").symlink_to("self")
    (inside / "one").symlink_to("two/" * 400 + "x")
    (inside / "two").symlink_to("one")
    root = mount(inside)
    refused(errno.ELOOP, lambda: resolve(root, b"self", follow=True))
    refused(errno.ELOOP, lambda: resolve(root, b"one", follow=True))


def test_a_folder_swapped_for_a_link_is_never_followed(outside: Path) -> None:
    """While a thread swaps a folder and a link to outside, no resolution sees the secret."""
    inside = outside / "inside"
    (inside / "target").mkdir()
    (inside / "target" / "secret").write_text("public")
    (inside / "link").symlink_to("..")
    done = threading.Event()

    def swap() -> None:
        while not done.is_set():
            (inside / "target").rename(inside / "aside")
            (inside / "link").rename(inside / "target")
            (inside / "target").rename(inside / "link")
            (inside / "aside").rename(inside / "target")

    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        seen = {_attempt(mount(inside)) for _ in range(2000)}
    finally:
        done.set()
        swapper.join()
    assert b"secret" not in seen
    assert b"public" in seen


def _attempt(root: HostDirectory) -> bytes | int:
    """What target/secret reads as, or the errno."""
    try:
        node = resolve(root, b"target/secret", follow=True).node
        if not isinstance(node, File):
            return errno.ENOENT
        handle = node.open(read=True, write=False)
    except OSError as e:
        return e.errno or 0
    buffer = memoryview(bytearray(10))
    count = handle.read_at([buffer], 0)
    handle.close()
    return bytes(buffer[:count])


def test_a_folder_moved_away_does_not_take_dot_dot_with_it(outside: Path) -> None:
    """A folder that the host moves out of the mount while it is open leads nowhere new."""
    inside = outside / "inside"
    root = mount(inside)
    deep = resolve(root, b"deep", follow=True).node
    (outside / "elsewhere").mkdir()
    (inside / "deep").rename(outside / "elsewhere" / "deep")
    assert isinstance(deep, HostDirectory)
    refused(errno.EPERM, lambda: resolve(deep, b"../../secret", follow=True))


def test_a_file_swapped_for_a_link_after_the_look_up_is_not_opened(outside: Path) -> None:
    """Between look-up and opening a name may change: then it is ELOOP, not another file."""
    inside = outside / "inside"
    (inside / "file").write_text("public")
    node = resolve(mount(inside), b"file", follow=True).node
    (inside / "file").unlink()
    (inside / "file").symlink_to("../secret")
    assert isinstance(node, File)
    refused(errno.ELOOP, lambda: node.open(read=True, write=True, truncate=True))
    node.set_times(0, 0)
    assert (outside / "secret").stat().st_mtime != 0


def test_a_file_swapped_for_a_fifo_does_not_hang(outside: Path) -> None:
    """A FIFO that took a file's name is EACCES at once, whoever waits at its other end."""
    inside = outside / "inside"
    (inside / "file").write_text("public")
    node = resolve(mount(inside), b"file", follow=True).node
    (inside / "file").unlink()
    os.mkfifo(inside / "file")
    assert isinstance(node, File)
    refused(errno.EACCES, lambda: node.open(read=True, write=False))
    refused(errno.EACCES, lambda: node.open(read=True, write=True))


def test_devices_fifos_and_sockets_cannot_be_used(outside: Path) -> None:
    """They are listed, but neither opened nor removed."""
    inside = outside / "inside"
    os.mkfifo(inside / "fifo")
    with socket.socket(socket.AF_UNIX) as server:
        here = os.open(inside, os.O_RDONLY)
        server.bind(f"/proc/self/fd/{here}/socket")
        os.close(here)
    root = mount(inside)
    for name in (b"fifo", b"socket"):
        refused(errno.EACCES, lambda name=name: resolve(root, name, follow=True))
        refused(errno.EACCES, lambda name=name: root.unlink(name))
    assert {name: kind for name, _, kind in root.entries()} == {
        b"deep": 3,
        b"fifo": 0,
        b"socket": 6,
    }
    devices = mount(Path("/dev"), writable=False)
    refused(errno.EACCES, lambda: devices.lookup(b"null"))


def test_the_kernels_own_files_cannot_be_reached_through_a_mount_of_everything() -> None:
    """With the host's root mounted, /proc and /sys are EACCES: /proc/self/mem is the keep."""
    root = mount(Path("/"))
    refused(errno.EACCES, lambda: resolve(root, b"proc/self/mem", follow=True))
    refused(errno.EACCES, lambda: resolve(root, b"proc", follow=True))
    refused(errno.EACCES, lambda: resolve(root, b"sys/kernel", follow=True))
    refused(errno.EACCES, lambda: mount(Path("/proc")))
    refused(errno.EACCES, lambda: mount(Path("/proc/self/task")))


def test_hard_links_do_not_carry_a_file_into_a_writable_mount(outside: Path) -> None:
    """Two mounts of one file system are two file systems: EXDEV for link and rename."""
    (outside / "inside" / "file").write_text("read-only")
    (outside / "writable").mkdir()
    reader = mount(outside / "inside", writable=False)
    writer = mount(outside / "writable")
    node = reader.lookup(b"file")
    refused(errno.EXDEV, lambda: writer.link(b"file", node))
    refused(errno.EXDEV, lambda: reader.rename(b"file", writer, b"file"))
    refused(
        errno.EXDEV,
        lambda: writer.link(
            b"file", scratch(1 << 20, device=1).create(b"x", read=True, write=True).file
        ),
    )


def test_a_read_only_mount_refuses_every_change(outside: Path) -> None:
    """EROFS, but EEXIST and ENOENT come first, as in a frozen memory tree."""
    inside = outside / "inside"
    (inside / "file").write_text("data")
    root = mount(inside, writable=False)
    file = root.lookup(b"file")
    assert isinstance(file, File)
    refused(errno.EROFS, lambda: root.create(b"new", read=True, write=False))
    refused(errno.EROFS, lambda: root.make_directory(b"new"))
    refused(errno.EROFS, lambda: root.make_symlink(b"new", b"x"))
    refused(errno.EROFS, lambda: root.link(b"new", file))
    refused(errno.EROFS, lambda: root.unlink(b"file"))
    refused(errno.EROFS, lambda: root.remove_directory(b"deep"))
    refused(errno.EROFS, lambda: root.rename(b"file", root, b"new"))
    refused(errno.EROFS, lambda: root.set_times(1, 1))
    refused(errno.EROFS, lambda: file.set_times(1, 1))
    refused(errno.EROFS, lambda: file.open(read=True, write=True))
    refused(errno.EROFS, lambda: file.open(read=True, write=False, truncate=True))
    refused(errno.EROFS, lambda: file.open(read=True, write=False).set_times(1, 1))
    refused(errno.EEXIST, lambda: root.make_directory(b"deep"))
    refused(errno.ENOENT, lambda: root.unlink(b"new"))
    refused(errno.ENOENT, lambda: root.remove_directory(b"new"))


@pytest.mark.parametrize("name", [b"", b".", b"..", b"../secret", b"deep/..", b"/secret"])
def test_a_host_folder_itself_refuses_what_is_no_component(outside: Path, name: bytes) -> None:
    """Should the resolver ever pass a path on, the kernel does not get to see it."""
    root = mount(outside / "inside")
    (outside / "inside" / "file").touch()
    file = root.lookup(b"file")
    for operation in (
        lambda: root.lookup(name),
        lambda: root.create(name, read=True, write=True),
        lambda: root.make_directory(name),
        lambda: root.make_symlink(name, b"x"),
        lambda: root.link(name, file),
        lambda: root.unlink(name),
        lambda: root.remove_directory(name),
        lambda: root.rename(name, root, b"new"),
        lambda: root.rename(b"file", root, name),
    ):
        refused(errno.EINVAL, operation)


def test_no_descriptor_of_the_host_is_left_open(outside: Path) -> None:
    """Directories on the way and refused files give their descriptors back."""
    inside = outside / "inside"
    (inside / "deep" / "file").write_text("data")
    os.mkfifo(inside / "fifo")
    root = mount(inside)
    gc.collect()  # what tests before left to the collector
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a count is all that matters
    for path in (b"deep/file", b"deep/../deep/./file", b"fifo", b"deep/missing", b"..", b"x/y"):
        try:
            node = resolve(root, path, follow=True).node
        except OSError:
            continue
        if isinstance(node, File):
            node.open(read=True, write=False).close()
        node = None
    root.entries()
    opened = resolve(root, b"deep/file", follow=True).node
    assert isinstance(opened, File)
    handle = opened.open(read=True, write=False)
    opened = None
    assert len(os.listdir("/proc/self/fd")) == before + 1  # noqa: PTH208 - as above
    handle.close()
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 - as above


def test_a_name_that_comes_and_goes_can_always_be_made(outside: Path) -> None:
    """O_CREAT succeeds whether the host made or removed the file between look-up and opening."""
    inside = outside / "inside"
    base = DirectoryDescriptor.preopened(mount(inside), b"/")
    done = threading.Event()

    def flicker() -> None:
        while not done.is_set():
            (inside / "file").touch()
            (inside / "file").unlink(missing_ok=True)

    flickerer = threading.Thread(target=flicker)
    flickerer.start()
    try:
        for _ in range(1000):
            open_path(
                base,
                b"file",
                follow=True,
                oflags=abi.O_CREAT,
                fdflags=0,
                rights=(abi.FD_READ, 0),
            ).close()
    finally:
        done.set()
        flickerer.join()
