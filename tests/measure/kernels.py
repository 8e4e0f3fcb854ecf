"""Kernels of the tests' own: a PE/COFF image with Linux's setup header, as small as both allow."""

from __future__ import annotations

from collections.abc import Sequence

HEADERS = 4096
PE_AT = 0x40
OPTIONAL_AT = PE_AT + 24
CHECKSUM_AT = OPTIONAL_AT + 64
SECTIONS_AT = OPTIONAL_AT + 112 + 6 * 8
SECURITY_AT = OPTIONAL_AT + 112 + 4 * 8
BODY = b"body" * 256


def number(value: int, size: int) -> bytes:
    """Little-endian."""
    return value.to_bytes(size, "little")


def image(
    sections: Sequence[tuple[int, int]] = ((HEADERS, 1024),),
    *,
    body: bytes = BODY,
    magic: int = 0x20B,
    directories: int = 6,
    certificates: int = 0,
    headers: int = HEADERS,
    count: int | None = None,
) -> bytes:
    """An image with these sections, each where it begins in the file and its size."""
    made = bytearray(HEADERS)
    shift = 0 if magic == 0x20B else 16  # PE32 has its directories earlier

    def put(at: int, data: bytes) -> None:
        made[at : at + len(data)] = data

    put(0, b"MZ")
    put(0x3C, number(PE_AT, 4))
    put(PE_AT, b"PE\0\0\x64\x86" + number(len(sections) if count is None else count, 2))
    put(PE_AT + 20, number(112 + 6 * 8, 2))
    put(OPTIONAL_AT, number(magic, 2))
    put(OPTIONAL_AT + 60, number(headers, 4))
    put(CHECKSUM_AT, b"\xcc" * 4)
    put(OPTIONAL_AT + 108 - shift, number(directories, 4))
    put(SECURITY_AT - shift, number(HEADERS + len(body), 4) + number(certificates, 4))
    for row, (begin, size) in enumerate(sections):
        put(SECTIONS_AT + 40 * row, b".text\0\0\0" + bytes(8) + number(size, 4) + number(begin, 4))
    return bytes(made) + body


def kernel(*, protocol: int = 0x20F, flags: int = 1, above_4g: bool = True) -> bytes:
    """A kernel that a firmware loads, and that QEMU patches."""
    made = bytearray(image())
    made[0x1F1] = 4
    made[0x202:0x208] = b"HdrS" + number(protocol, 2)
    made[0x211] = flags
    made[0x22C:0x230] = number(0x37FF_FFFF, 4)
    made[0x236] = 0x02 if above_4g else 0
    return bytes(made)
