"""Firmwares of the tests' own: two pages, with whatever tables a test wants."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

TABLE = UUID("96b582de-1fb2-45f7-baea-a366c55a082d")
RESET = UUID("00f771de-1a7e-4fcb-890e-68c77e2fb44e")
HASHES = UUID("7255371f-3a3b-4b04-927b-1da6efa8d454")
METADATA = UUID("dc886566-984a-4798-a75e-5585a7bf67cc")
SVSM = UUID("a789a612-0597-4c4b-a49f-cbb1fe9d1ddd")
OTHER = UUID("00000000-0000-0000-0000-00000000beef")
SIZE = 8192
AT = 1024
"""Where the metadata lie."""

SECTIONS = (
    (0x800000, 0x2000, 1), (0x802000, 0x1000, 2), (0x803000, 0x1000, 3), (0x804000, 0x1000, 4),
    (0x805000, 0x1000, 0x10), (0x806000, 0x1000, 1),
)  # fmt: skip


def u32(*numbers: int) -> bytes:
    """Little-endian."""
    return b"".join(number.to_bytes(4, "little") for number in numbers)


def entry(guid: UUID, data: bytes, size: int | None = None) -> bytes:
    """One entry of the table."""
    length = len(data) + 18 if size is None else size
    return data + length.to_bytes(2, "little") + guid.bytes_le


def metadata(sections: Sequence[tuple[int, int, int]] = SECTIONS, *, count: int = -1) -> bytes:
    """SEV metadata."""
    number = len(sections) if count < 0 else count
    return b"ASEV" + u32(16 + 12 * number, 1, number) + b"".join(u32(*one) for one in sections)


def entries(*, hashes: int = 0x805400) -> tuple[bytes, ...]:
    """The usual table."""
    return (
        entry(RESET, u32(0x0080_B004)),
        entry(HASHES, u32(hashes, 0x400)),
        entry(OTHER, b"something else"),
        entry(METADATA, u32(SIZE - AT)),
    )


def svsm(sections: Sequence[tuple[int, int, int]] = SECTIONS, *, entry_at: int = 0x40) -> bytes:
    """An SVSM that begins *entry_at* bytes behind its first one."""
    table = [entry(SVSM, u32(entry_at)), entry(METADATA, u32(SIZE - AT))]
    return firmware(table, data=metadata(sections))


def firmware(
    table: Sequence[bytes] | None = None, *, data: bytes | None = None, total: int | None = None
) -> bytes:
    """A firmware; *total* is what its table says to be long."""
    made = b"".join(entries() if table is None else table)
    size = len(made) + 18 if total is None else total
    whole = made + size.to_bytes(2, "little") + TABLE.bytes_le
    image = bytearray(b"\x90" * SIZE)
    found = metadata() if data is None else data
    image[AT : AT + len(found)] = found
    image[SIZE - 32 - len(whole) : SIZE - 32] = whole
    return bytes(image)
