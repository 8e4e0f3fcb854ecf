"""Firmware of a few instructions: guests that do one thing, in 64 KiB that begin at 0xFFFF0000.

Assembled with GNU as; the source stands beside the bytes.  Numbers of ports are those of ICH9.
"""

from __future__ import annotations

_SIZE = 1 << 16
_RESET = 0xFFF0
_HLT = b"\xf4"

_OFF = """
    ba f8 0c            mov  dx, 0xcf8          ; LPC bridge, PMBASE
    66 b8 40 f8 00 80   mov  eax, 0x8000f840
    66 ef               out  dx, eax
    ba fc 0c            mov  dx, 0xcfc
    66 b8 01 06 00 00   mov  eax, 0x601
    66 ef               out  dx, eax
    ba f8 0c            mov  dx, 0xcf8          ; ACPI_CNTL
    66 b8 44 f8 00 80   mov  eax, 0x8000f844
    66 ef               out  dx, eax
    ba fc 0c            mov  dx, 0xcfc
    b0 80               mov  al, 0x80           ; ACPI_EN
    ee                  out  dx, al
    ba 04 06            mov  dx, 0x604          ; PM1_CNT
    b8 00 20            mov  ax, 0x2000         ; SLP_EN, S5
    ef                  out  dx, ax
    f4                  hlt
    eb fd               jmp  $-1
"""
_RESET_ITSELF = """
    ba f9 0c            mov  dx, 0xcf9          ; RST_CNT
    b0 06               mov  al, 6
    ee                  out  dx, al
    f4                  hlt
    eb fd               jmp  $-1
"""
_WAIT = """
    fa                  cli
    f4                  hlt
    eb fd               jmp  $-1
"""
_TALK = """
    ba f8 03            mov  dx, 0x3f8          ; first serial port
    be 10 00            mov  si, 0x10
    2e ac               lods al, cs:[si]
    ee                  out  dx, al
    84 c0               test al, al
    75 f9               jne  $-5
"""


def off() -> bytes:
    """A guest that powers itself off."""
    return _rom(_code(_OFF))


def reset() -> bytes:
    """A guest that resets itself, as a kernel that panics does."""
    return _rom(_code(_RESET_ITSELF))


def wait() -> bytes:
    """A guest that does nothing for ever."""
    return _rom(_code(_WAIT))


def talk(line: bytes) -> bytes:
    """A guest that writes *line* and NUL to its first serial port, and resets itself."""
    head = _code(_TALK)
    text = line + b"\0"
    code = bytearray(head + b"\xe9" + (len(text)).to_bytes(2, "little") + text)
    code[4:6] = (len(head) + 3).to_bytes(2, "little")
    return _rom(bytes(code) + _code(_RESET_ITSELF))


def _code(listing: str) -> bytes:
    """The bytes of a listing, which has them in its first columns."""
    found = bytearray()
    for line in listing.strip().splitlines():
        found += bytes.fromhex(line.strip()[:19])
    return bytes(found)


def _rom(code: bytes) -> bytes:
    image = bytearray(code.ljust(_SIZE, _HLT))
    image[_RESET : _RESET + 3] = b"\xe9" + (-(_RESET + 3) & 0xFFFF).to_bytes(2, "little")
    return bytes(image)
