"""The read-only files of a package: a tar archive, compressed with zstd, always the same bytes.

Decides which paths may be in a package: relative, without ``.`` or ``..``, UTF-8, each once,
parents before children, and symbolic links that stay inside.  Does not touch a disk.

Sources: DESIGN section 5; RFC 8878 (zstd).
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from enarx.errors import MalformedError
from enarx.package import tar
from enarx.package.tar import DIRECTORY, FILE, SYMLINK, Member

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MAX_UNPACKED_BYTES = 2 * 1024 * 1024 * 1024
"""A keep holds the files in memory; a larger archive is a bomb or does not belong in a package."""

MAX_MEMBERS = 200_000
"""Each costs a keep an object; CPython's library has 2,000."""

_MAX_COMPONENT_BYTES = 255  # what the keep's file system allows a name
_LEVEL = 1  # part of the format; 3 takes 1.6 times as long to save 8 %
_WINDOW = 128 * 1024 * 1024  # the most a level below --ultra uses, whatever a frame asks for


def build(members: Iterable[Member]) -> bytes | None:
    """The layer of *members*, whatever their order; None if there are none.

    Missing parent directories are added.

    Raises:
        MalformedError: a path may not be in a package, or the whole is too large.
    """
    import zstandard

    found = _with_parents(members)
    if not found:
        return None
    check(found, "files")
    archive = tar.write(found)
    if len(archive) > MAX_UNPACKED_BYTES:
        problem = f"too large (got {len(archive)} bytes, want at most {MAX_UNPACKED_BYTES})"
        raise MalformedError("files", problem)
    # One thread, size in the frame, no checksum: the manifest's digest covers the bytes.
    compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=False)
    return compressor.compress(archive)


def unpack(layer: bytes, where: str = "files layer", *, most: int = MAX_UNPACKED_BYTES) -> bytes:
    """The tar archive in *layer*, which has at most *most* bytes.

    Raises:
        MalformedError: it is damaged, unpacks to more, or does not say to how much.
    """
    import zstandard

    try:
        size = zstandard.frame_content_size(layer)
        if not 0 <= size <= most:  # negative: the frame does not say
            got = f"{size} bytes" if size >= 0 else "no size"
            problem = f"frame of the wrong size (got {got}, want at most {most} bytes)"
            raise MalformedError(where, problem)
        decompressor = zstandard.ZstdDecompressor(max_window_size=_WINDOW)
        archive = decompressor.decompress(layer, allow_extra_data=False)
    except zstandard.ZstdError as e:
        raise MalformedError(where, f"not zstd: {e}") from e
    if len(archive) != size:
        raise MalformedError(where, f"wrong size (got {len(archive)} bytes, want {size})")
    return archive


def members(layer: bytes, where: str = "files layer") -> tuple[Member, ...]:
    """The files in *layer*, checked: their paths can be used as they are.

    Raises:
        MalformedError: damaged, or a path may not be in a package.
    """
    return read(unpack(layer, where), where)


def read(archive: bytes | memoryview, where: str) -> tuple[Member, ...]:
    """The members of a files layer's tar archive, checked.

    Raises:
        MalformedError: damaged, or a path may not be in a package.
    """
    found = tuple(islice(tar.read(archive, where), MAX_MEMBERS + 1))  # 2 GiB can hold 4,000,000
    check(found, where)
    return found


def check(found: Sequence[Member], where: str) -> None:
    """Refuse members whose paths may not be in a package.

    Raises:
        MalformedError: with the path and why.
    """
    if len(found) > MAX_MEMBERS:
        raise MalformedError(where, f"more than {MAX_MEMBERS} files")
    kinds: dict[str, str] = {}
    for member in found:
        problem = _path_problem(member.path)
        parent = member.path.rpartition("/")[0]
        if problem is None and member.path in kinds:
            problem = "is there twice"
        if problem is None and parent and kinds.get(parent) != DIRECTORY:
            problem = "comes before its directory" if parent not in kinds else "is in a file"
        if problem is None and member.kind == SYMLINK:
            problem = _link_problem(member)
        if problem:
            raise MalformedError(where, f"{member.path[:200]!r} {problem}")
        kinds[member.path] = member.kind


def _with_parents(given: Iterable[Member]) -> list[Member]:
    found: dict[str, Member] = {}
    for member in given:
        if member.path in found:
            raise MalformedError("files", f"{member.path!r} is there twice")
        found[member.path] = member
    for path in list(found):
        parent = path.rpartition("/")[0]
        while parent and parent not in found:
            found[parent] = Member(path=parent, kind=DIRECTORY)
            parent = parent.rpartition("/")[0]
    return [found[path] for path in sorted(found, key=_sort_key)]


def _sort_key(path: str) -> bytes:
    return path.encode(errors="surrogateescape")  # what is not UTF-8 is refused by check


def _path_problem(path: str) -> str | None:
    if path.startswith("/") or not path:
        return "is not a relative path"
    try:
        names = path.encode().split(b"/")
    except UnicodeEncodeError:
        return "is not UTF-8"
    if b"\0" in path.encode():
        return "contains NUL"
    for name in names:
        if name in (b"", b".", b".."):
            return "must not contain empty names, '.' or '..'"
        if len(name) > _MAX_COMPONENT_BYTES:
            return f"has a name longer than {_MAX_COMPONENT_BYTES} bytes"
    return None


def _link_problem(link: Member) -> str | None:
    target = link.target
    if not target or "\0" in target:
        return "is a symbolic link without a target"
    depth = link.path.count("/")
    for name in target.split("/"):
        if name == "..":
            depth -= 1
        elif name not in ("", "."):
            depth += 1
        if depth < 0:
            break
    if target.startswith("/") or depth < 0:
        return f"is a symbolic link that leaves the package (to {target[:200]!r})"
    try:
        target.encode()
    except UnicodeEncodeError:
        return "is a symbolic link to a name that is not UTF-8"
    return None


__all__ = [
    "DIRECTORY",
    "FILE",
    "MAX_UNPACKED_BYTES",
    "SYMLINK",
    "Member",
    "build",
    "check",
    "members",
    "read",
    "unpack",
]
