"""Images as a UEFI firmware measures them, and what it does not load."""

from __future__ import annotations

import hashlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.measure.kernels import (
    BODY,
    CHECKSUM_AT,
    HEADERS,
    OPTIONAL_AT,
    PE_AT,
    SECURITY_AT,
    image,
    number,
)

from enarx.errors import MalformedError
from enarx.measure.pe_image import digest

CERTIFICATE = b"c" * 24


def hashed(data: bytes, *skipped: tuple[int, int]) -> bytes:
    """SHA-384 of *data* without these ranges."""
    kept, at = b"", 0
    for begin, end in skipped:
        kept, at = kept + data[at:begin], end
    return hashlib.sha384(kept + data[at:]).digest()


def test_an_image_by_the_definition() -> None:
    """All but the checksum, the entry of the certificates, and the certificates themselves."""
    left_out = ((CHECKSUM_AT, CHECKSUM_AT + 4), (SECURITY_AT, SECURITY_AT + 8))
    assert digest(image()) == hashed(image(), *left_out)
    behind = image(body=BODY + b"behind")
    assert digest(behind) == hashed(behind, *left_out)
    signed = image(body=BODY + CERTIFICATE, certificates=24)
    end = (len(signed) - 24, len(signed))
    assert digest(signed) == hashed(signed, *left_out, end)
    assert digest(signed, "sha256") != hashlib.sha256(signed).digest()


def test_sections_are_taken_in_the_order_of_the_file() -> None:
    """Whatever the order of the table; those without bytes are not taken."""
    table = ((HEADERS + 512, 512), (HEADERS, 512), (0, 0))
    left_out = ((CHECKSUM_AT, CHECKSUM_AT + 4), (SECURITY_AT, SECURITY_AT + 8))
    assert digest(image(table)) == hashed(image(table), *left_out)
    odd = image(((HEADERS + 1, 1023), (HEADERS, 1)))
    assert digest(odd) == hashed(odd, *left_out)


def test_images_of_32_bits_and_without_directories() -> None:
    """PE32 has its directories 16 bytes earlier; with four of them there are no certificates."""
    old = image(magic=0x10B)
    skipped = (SECURITY_AT - 16, SECURITY_AT - 8)
    assert digest(old) == hashed(old, (CHECKSUM_AT, CHECKSUM_AT + 4), skipped)
    few = image(directories=4, body=BODY + b"behind")
    assert digest(few) == hashed(few, (CHECKSUM_AT, CHECKSUM_AT + 4))


@pytest.mark.parametrize("at", [0x80, OPTIONAL_AT + 4, HEADERS - 1, HEADERS, HEADERS + 1023])
def test_one_byte_is_another_image(at: int) -> None:
    """Attack: code or headers exchanged."""
    data = bytearray(image())
    data[at] ^= 1
    assert digest(bytes(data)) != digest(image())


@pytest.mark.parametrize("at", [CHECKSUM_AT, len(image()) + 3])
def test_signing_is_no_change(at: int) -> None:
    """Checksum and certificates are what signing writes."""
    signed = bytearray(image(body=BODY + CERTIFICATE, certificates=24))
    before = digest(bytes(signed))
    signed[at] ^= 1
    assert digest(bytes(signed)) == before


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "no PE/COFF image"),
        (b"MZ", "no PE/COFF image"),
        (b"\x7fELF" + bytes(100), "no PE/COFF image"),
        (image()[:PE_AT] + b"NE\0\0" + image()[PE_AT + 4 :], "no PE/COFF image"),
        (b"MZ" + bytes(0x3A) + number(1 << 31, 4), "no PE/COFF image"),
        (image(magic=0x107), "want PE32 or PE32"),
        (image(headers=0x100000), "headers of 1048576 bytes"),
        (image(headers=0x50), "headers of 80 bytes"),
        (image(count=97), "97 sections, want at most 96"),
        (image(((HEADERS, 1025),)), "ends at 0x1401, outside"),
        (image(((HEADERS, 1024), (HEADERS, 1024))), "overlap"),
        (image(((HEADERS, 1000),), certificates=25), "certificates lie in its sections"),
        (image()[: OPTIONAL_AT + 60], "header"),
    ],
)
def test_what_no_firmware_loads_is_refused(data: bytes, problem: str) -> None:
    """By name of what is wrong."""
    with pytest.raises(MalformedError, match=problem):
        digest(data)


@given(st.binary(max_size=80), st.integers(0, 5200))
def test_junk_raises_only_our_error(junk: bytes, at: int) -> None:
    """Wherever it stands."""
    data = image()
    with suppress(MalformedError):
        digest(data[:at] + junk + data[at + len(junk) :])
