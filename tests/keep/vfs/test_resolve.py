"""Paths to nodes in memory; attacks on host folders are in test_escape."""

from __future__ import annotations

import errno

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enarx.keep.vfs.memory import MemoryDirectory, scratch
from enarx.keep.vfs.node import NAME_MAX, Symlink
from enarx.keep.vfs.resolve import resolve, resolve_entry


def world() -> MemoryDirectory:
    """a/b/file, link to it, loop, dangling, and a link out."""
    root = scratch(1 << 20, device=1)
    root.make_directory(b"a")
    a = root.lookup(b"a")
    assert isinstance(a, MemoryDirectory)
    a.make_directory(b"b")
    b = a.lookup(b"b")
    assert isinstance(b, MemoryDirectory)
    b.create(b"file", read=True, write=True).close()
    for name, target in (
        (b"link", b"a/b/file"),
        (b"folder", b"a/b/"),
        (b"loop", b"loop"),
        (b"dangling", b"a/missing"),
        (b"out", b"../x"),
        (b"junk", b"a\xff"),
    ):
        root.make_symlink(name, target)
    return root


def refused(path: bytes, *, follow: bool = True) -> int:
    """The errno of resolving *path*."""
    with pytest.raises(OSError) as failure:  # noqa: PT011 - the errno is returned
        resolve(world(), path, follow=follow)
    return failure.value.errno or 0


@pytest.mark.parametrize(
    ("path", "code"),
    [
        (b"", errno.ENOENT),
        (b"/a", errno.EPERM),
        (b"..", errno.EPERM),
        (b"a/../..", errno.EPERM),
        (b"out", errno.EPERM),
        (b"missing/x", errno.ENOENT),
        (b"dangling/x", errno.ENOENT),
        (b"a/b/file/x", errno.ENOTDIR),
        (b"a/b/file/", errno.ENOTDIR),
        (b"a/b/file/..", errno.ENOTDIR),
        (b"link/", errno.ENOTDIR),
        (b"loop", errno.ELOOP),
        (b"loop/x", errno.ELOOP),
        (b"a\0", errno.EINVAL),
        (b"\xff", errno.EILSEQ),
        (b"\xed\xa0\x80", errno.EILSEQ),
        (b"junk", errno.EILSEQ),
        (b"n" * (NAME_MAX + 1), errno.ENAMETOOLONG),
        (b"a/" * 2048, errno.ENAMETOOLONG),
    ],
)
def test_refusals(path: bytes, code: int) -> None:
    """Each way a path can be wrong has its own errno."""
    assert refused(path) == code


def test_a_missing_last_component_is_a_place() -> None:
    """One can make something there; through a dangling link too."""
    root = world()
    found = resolve(root, b"a/new", follow=True)
    assert (found.parent, found.name, found.node) == (root.lookup(b"a"), b"new", None)
    found = resolve(root, b"dangling", follow=True)
    assert (found.parent, found.name, found.node) == (root.lookup(b"a"), b"missing", None)


def test_a_last_link_is_followed_when_asked_or_before_a_slash() -> None:
    """And never when an entry is meant."""
    root = world()
    assert isinstance(resolve(root, b"link", follow=False).node, Symlink)
    assert resolve(root, b"link", follow=True).node is resolve(root, b"a/b/file", follow=True).node
    assert resolve(root, b"folder/", follow=False).node is resolve(root, b"a/b", follow=True).node
    assert isinstance(resolve_entry(root, b"folder/").node, Symlink)


def test_dots_are_no_entries() -> None:
    """A path that ends in one finds the directory itself."""
    root = world()
    for path in (b".", b"a/..", b"./a/b/../..", b"a/b/../../."):
        found = resolve(root, path, follow=True)
        assert found.node is root
        assert found.is_dot


def test_forty_links_are_followed_and_no_more() -> None:
    """As on Linux."""
    root = scratch(1 << 20, device=1)
    root.make_directory(b"0")
    for number in range(41):
        root.make_symlink(b"%d" % (number + 1), b"%d" % number)
    assert resolve(root, b"40", follow=True).node is root.lookup(b"0")
    with pytest.raises(OSError, match="symbolic") as failure:
        resolve(root, b"41", follow=True)
    assert failure.value.errno == errno.ELOOP


PIECES = st.sampled_from(
    [b"a", b"b", b"file", b"link", b"folder", b"loop", b"dangling", b"out", b".", b"..", b"/", b""]
)


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(st.binary(max_size=40), st.lists(PIECES, max_size=12).map(b"/".join)), st.booleans()
)
def test_junk_finds_something_inside_or_is_an_os_error(path: bytes, follow: bool) -> None:  # noqa: FBT001
    """Whatever the path, the answer lies in the tree or is an ``OSError``."""
    root = world()
    for find in (lambda: resolve(root, path, follow=follow), lambda: resolve_entry(root, path)):
        try:
            found = find()
        except OSError:
            continue
        assert isinstance(found.parent, MemoryDirectory)
        assert found.parent.lies_within(root)
