"""An initial RAM disk's archive: the same tree gives the same bytes, wherever it is made.

The "newc" format of cpio: for each entry a header of 110 characters (a magic number and 13 fields
of 8 hexadecimal digits), the name with a NUL, the data; name and data are each filled up with
zeros to a multiple of 4 bytes.  What could differ between two builds is fixed: entries are in the
order of their names, owned by root, from the begin of 1970, and numbered from 1.

Source: Linux, Documentation/driver-api/early-userspace/buffer-format.rst.
"""

from __future__ import annotations

import posixpath
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_NAME_BYTES = 1024
MAX_FILE_BYTES = (1 << 32) - 1
FOLDER = stat.S_IFDIR | 0o755

_MAGIC = "070701"
_END = "TRAILER!!!"


@dataclass(frozen=True, slots=True)
class File:
    """An ordinary file: its bytes, and whether it may be executed."""

    data: bytes
    executable: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link to *target*."""

    target: str


def archive(tree: Mapping[str, File | Link | None]) -> bytes:
    """The archive of *tree*, whose names are relative and with forward slashes.

    A name with None is an empty folder; the folders above every name are made.

    Raises:
        ValueError: a name is no plain relative one or is used as a file and as a folder, or
            something is too long.
    """
    whole = {name: tree[name] for name in map(_checked, tree)}
    for name in tree:
        above = posixpath.dirname(name)
        while above:
            if whole.setdefault(above, None) is not None:
                raise ValueError(f"{name}: {above} is no folder")
            above = posixpath.dirname(above)
    parts: list[bytes] = []
    for number, name in enumerate(sorted(whole, key=str.encode), 1):
        parts.extend(_entry(name, whole[name], number))
    parts.extend(_record(_END, b"", mode=0, links=1, number=0))
    return b"".join(parts)


def _entry(name: str, what: File | Link | None, number: int) -> Iterator[bytes]:
    if what is None:
        return _record(name, b"", mode=FOLDER, links=2, number=number)
    if isinstance(what, Link):
        return _record(name, what.target.encode(), mode=stat.S_IFLNK | 0o777, number=number)
    mode = stat.S_IFREG | (0o555 if what.executable else 0o444)
    return _record(name, what.data, mode=mode, number=number)


def _record(name: str, data: bytes, *, mode: int, number: int, links: int = 1) -> Iterator[bytes]:
    if len(data) > MAX_FILE_BYTES:
        raise ValueError(f"{name}: got {len(data)} bytes, want at most {MAX_FILE_BYTES}")
    encoded = name.encode() + b"\0"
    fields = (number, mode, 0, 0, links, 0, len(data), 0, 0, 0, 0, len(encoded), 0)
    yield _filled(_MAGIC.encode() + b"".join(b"%08x" % field for field in fields) + encoded)
    yield _filled(data)


def _filled(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def _checked(name: str) -> str:
    encoded = name.encode()
    if not 0 < len(encoded) < MAX_NAME_BYTES or "\0" in name:
        raise ValueError(f"{name[:80]!r}: want a name of 1 to {MAX_NAME_BYTES - 1} bytes")
    if {"", ".", ".."} & set(name.split("/")):
        raise ValueError(f"{name[:80]!r}: want a plain relative name")
    if name == _END:
        raise ValueError(f"{name}: is the format's own name")
    return name
