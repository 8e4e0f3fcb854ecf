r"""A keep's files as pages of memory: what is measured of a keep that is a process.

An image is a list of files by name.  They are laid out in the order of their names, each as

    the header's page     "ENARX FILE\0" | length of the name, 4 bytes | size, 8 bytes | the name
    its content's pages

numbers little-endian, every part filled up with zeros to whole pages of 4096 bytes; a page of
length 0 ends nothing, because the number of files stands in the first page:

    the image's page      "ENARX IMAGE\0" | number of files, 4 bytes

So names, sizes, order and number are measured as well as contents, and no two images have the same
pages.

Source: docs/design/adr/0022-measured-files.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PAGE_BYTES = 4096
MAX_NAME_BYTES = 2048
MAX_FILES = 1 << 16

_IMAGE = b"ENARX IMAGE\0"
_FILE = b"ENARX FILE\0"


def pages(files: Mapping[str, bytes]) -> Iterator[bytes]:
    """The pages of an image, in order.

    Args:
        files: by name: relative, with forward slashes.

    Raises:
        ValueError: a name is empty, too long or not relative, or there are too many files.
    """
    if len(files) > MAX_FILES:
        raise ValueError(f"files: need at most {MAX_FILES}, got {len(files)}")
    yield from _padded(_IMAGE + len(files).to_bytes(4, "little"))
    for name in sorted(files, key=lambda name: name.encode("utf-8")):
        encoded, data = _checked(name), files[name]
        sizes = len(encoded).to_bytes(4, "little") + len(data).to_bytes(8, "little")
        yield from _padded(_FILE + sizes + encoded)
        yield from _padded(data)


def _padded(data: bytes) -> Iterator[bytes]:
    view = memoryview(data)
    for at in range(0, len(data), PAGE_BYTES):
        yield bytes(view[at : at + PAGE_BYTES]).ljust(PAGE_BYTES, b"\0")


def _checked(name: str) -> bytes:
    encoded = name.encode("utf-8")
    parts = name.split("/")
    if not 0 < len(encoded) <= MAX_NAME_BYTES or "\0" in name or {"", ".", ".."} & set(parts):
        raise ValueError(f"files: {name[:80]!r} is no relative name")
    return encoded
