"""The digest of a PE/COFF image as a UEFI firmware measures it: the Authenticode hash.

Everything but the checksum, the entry of the certificate table, and the certificates: the headers,
then the sections in the order in which they lie in the file, then what is behind them.

Sources: Microsoft "Windows Authenticode Portable Executable Signature Format" (2008), section
"Calculating the PE Image Hash"; EDK II, OvmfPkg/Tcg/TdTcg2Dxe/MeasureBootPeCoff.c, whose bounds and
whose want of padding are followed.  Numbers are little-endian.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

from enarx.errors import MalformedError
from enarx.wire.reader import Reader

Algorithm = Literal["sha256", "sha384"]

_DOS = b"MZ"
_DOS_BYTES = 64
_PE_AT = 0x3C
_PE = b"PE\0\0"
_FILE_HEADER_BYTES = 20
_SECTION_BYTES = 40
_CHECKSUM_AT = 64  # in the optional header
_HEADERS_SIZE_AT = 60
_SECURITY = 4  # of the data directories
_DIRECTORY_BYTES = 8
_DIRECTORIES_AT = {0x10B: 96, 0x20B: 112}  # PE32, PE32+
_MAX_SECTIONS = 96


@dataclass(frozen=True, slots=True)
class _Layout:
    """What is hashed, as places in the file."""

    ranges: tuple[tuple[int, int], ...]  # begin, end
    headers: int
    certificates: int


def digest(image: bytes, algorithm: Algorithm = "sha384", where: str = "kernel") -> bytes:
    """The digest of *image*: with SHA-384 what TDX measures, with SHA-256 what Secure Boot signs.

    Raises:
        MalformedError: it is no such image, or one that a firmware does not load.
    """
    layout = _layout(image, where)
    found = hashlib.new(algorithm)
    hashed = layout.headers
    for begin, end in layout.ranges:
        found.update(image[begin:end])
    for begin, size in _sections(image, where):
        found.update(image[begin : begin + size])
        hashed += size
    behind = len(image) - layout.certificates
    if hashed > len(image):
        raise MalformedError(where, "its sections overlap, or lie behind its end")
    if hashed < len(image):
        if behind < hashed:
            raise MalformedError(where, "its certificates lie in its sections")
        found.update(image[hashed:behind])
    return found.digest()


def _layout(image: bytes, where: str) -> _Layout:
    optional = _file_header(image, where)[0]
    magic = _number(image, optional, 2, where)
    if magic not in _DIRECTORIES_AT:
        raise MalformedError(where, f"got optional header {magic:#x}, want PE32 or PE32+")
    directories = optional + _DIRECTORIES_AT[magic]
    headers = _number(image, optional + _HEADERS_SIZE_AT, 4, where)
    checksum = optional + _CHECKSUM_AT
    entry = directories + _SECURITY * _DIRECTORY_BYTES
    if _number(image, directories - 4, 4, where) <= _SECURITY:
        skipped: tuple[int, ...] = (checksum + 4,)
        certificates = 0
    else:
        skipped = (checksum + 4, entry, entry + _DIRECTORY_BYTES)
        certificates = _number(image, entry + 4, 4, where)
    if not skipped[-1] <= headers <= len(image):
        raise MalformedError(where, f"got headers of {headers} bytes in a file of {len(image)}")
    edges = (0, checksum, *skipped, headers)
    return _Layout(tuple(zip(edges[::2], edges[1::2], strict=True)), headers, certificates)


def _sections(image: bytes, where: str) -> list[tuple[int, int]]:
    """Begin and size of every section that has bytes, in the order of the file."""
    optional, size, count = _file_header(image, where)
    if count > _MAX_SECTIONS:
        raise MalformedError(where, f"got {count} sections, want at most {_MAX_SECTIONS}")
    found = []
    for at in range(optional + size, optional + size + count * _SECTION_BYTES, _SECTION_BYTES):
        raw_size, begin = (_number(image, at + offset, 4, where) for offset in (16, 20))
        if begin + raw_size > len(image):
            raise MalformedError(where, f"a section ends at {begin + raw_size:#x}, outside")
        if raw_size:
            found.append((begin, raw_size))
    return sorted(found, key=lambda one: one[0])


def _file_header(image: bytes, where: str) -> tuple[int, int, int]:
    """Where the optional header begins, its size, and the number of sections."""
    if image[: len(_DOS)] != _DOS or len(image) < _DOS_BYTES:
        hint = "a Linux kernel has it with CONFIG_EFI_STUB"
        raise MalformedError(where, "is no PE/COFF image", hints=(hint,))
    at = _number(image, _PE_AT, 4, where)
    if image[at : at + len(_PE)] != _PE:
        raise MalformedError(where, "is no PE/COFF image", offset=at)
    at += len(_PE)
    count, size = _number(image, at + 2, 2, where), _number(image, at + 16, 2, where)
    return at + _FILE_HEADER_BYTES, size, count


def _number(image: bytes, at: int, size: int, where: str) -> int:
    return Reader(image[at : at + size], where).uint(size, "header")
