"""The files of a package as a read-only tree, from the tar archive of its files layer.

Files are views of the archive: a package of 100 MB is ready as soon as its headers are read, and
takes no memory twice.  Which archives are packages is decided once, in ``enarx.package``; a keep
and ``enarx package inspect`` must not read one differently.
"""

from __future__ import annotations

from enarx.keep.vfs.content import MemoryFile
from enarx.keep.vfs.memory import MemoryDirectory, MemorySymlink
from enarx.keep.vfs.tree import Inode, Tree
from enarx.package import files_layer, tar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from enarx.package.tar import Member

# A package's device number; scratch trees count from 1.
DEVICE = 0
_FLAT_DEVICE = (1 << 32) - 2
_LOOSE_DEVICE = (1 << 32) - 3


def package_tree(archive: bytes | memoryview, *, where: str = "files layer") -> MemoryDirectory:
    """Return the root of the read-only tree that *archive* holds.

    Args:
        archive: a tar archive; it must not change while the tree is used.
        where: what to call the archive in an error.

    Raises:
        MalformedError: it is damaged, or holds what may not be in a package.
    """
    members = files_layer.read(archive, where)
    tree = Tree(device=DEVICE, clock=_epoch)
    root = MemoryDirectory(tree)
    directories = {"": root}
    for member in members:
        parent, _, name = member.path.rpartition("/")
        node = _node(tree, member)
        directories[parent].add(name.encode(), node)
        if isinstance(node, MemoryDirectory):
            directories[member.path] = node
    tree.freeze()
    return root


def flat_tree(files: Mapping[str, bytes]) -> MemoryDirectory:
    """Return the root of a read-only tree of *files*, by name, without folders."""
    tree = Tree(device=_FLAT_DEVICE, clock=_epoch)
    root = MemoryDirectory(tree)
    for name, data in files.items():
        root.add(name.encode(), MemoryFile(tree, memoryview(data)))
    tree.freeze()
    return root


def loose_files(files: Mapping[str, bytes]) -> list[tuple[bytes, MemoryFile]]:
    """Return read-only *files*, each with the path it is to be mounted at."""
    tree = Tree(device=_LOOSE_DEVICE, clock=_epoch)
    made = [(path.encode(), MemoryFile(tree, memoryview(files[path]))) for path in files]
    tree.freeze()
    return made


def subdirectory(root: MemoryDirectory, path: bytes) -> MemoryDirectory | None:
    """Return the directory at *path* below *root*, following no link; None if there is none."""
    at: Inode | None = root
    for name in filter(None, path.split(b"/")):
        at = at.names.get(name) if isinstance(at, MemoryDirectory) else None
    return at if isinstance(at, MemoryDirectory) else None


def _node(tree: Tree, member: Member) -> Inode:
    """Return the new node for *member*."""
    if member.kind == tar.DIRECTORY:
        return MemoryDirectory(tree)
    if member.kind == tar.SYMLINK:
        return MemorySymlink(tree, member.target.encode())
    return MemoryFile(tree, memoryview(member.data))


def _epoch() -> int:
    """Return 1970: a package has no times, or the same files would have two digests."""
    return 0
