"""Variables that a firmware is delivered with, and whether it has keys of Secure Boot."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.measure.kernels import number
from tests.measure.test_td_hob import FIRMWARE, section

from enarx.errors import MalformedError, MisconfiguredError
from enarx.measure import tdvf
from enarx.measure.efi_variables import GLOBAL, variables
from enarx.measure.rtmr import enforces_secure_boot, must_start_any_kernel

OTHER = UUID("d719b2cb-3d3a-4596-a3bc-dad00e67656f")
STORE = UUID("aaf32c78-947b-439a-a180-2e144ec37792")
Variable = tuple[UUID, str, bytes, int]
KEYS: tuple[Variable, ...] = (
    (OTHER, "db", b"certs", 0x3F), (GLOBAL, "PK", b"key", 0x3F), (GLOBAL, "KEK", b"", 0x3E),
)  # fmt: skip
DELETED: Variable = (GLOBAL, "PK", b"key", 0x3C)


def variable(owner: UUID, name: str, data: bytes, state: int) -> bytes:
    """One, aligned."""
    encoded = f"{name}\0".encode("utf-16-le")
    sizes = number(len(encoded), 4) + number(len(data), 4)
    made = b"\xaa\x55" + bytes((state, 0)) + bytes(32) + sizes + owner.bytes_le + encoded + data
    return made + bytes(-len(made) % 4)


def volume(found: Sequence[Variable] = (), *, store: UUID = STORE, tail: bytes = b"") -> bytes:
    """A configuration volume."""
    inside = b"".join(variable(*one) for one in found) + tail + b"\xff" * 32
    head = store.bytes_le + number(len(inside) + 28, 4) + b"\x5a\xfe" + bytes(6)
    begin = bytes(16) + bytes(16) + number(0x1000, 8) + b"_FVH" + bytes(4) + number(72, 2)
    return begin.ljust(72, b"\0") + head + inside


def test_what_is_there_and_what_is_deleted() -> None:
    """By owner and name; a variable that is being replaced still counts."""
    found = variables(volume((DELETED, *KEYS)))
    assert dict(found) == {(owner, name): data for owner, name, data, _ in KEYS}
    assert dict(variables(volume())) == {}


def test_a_store_may_be_full() -> None:
    """Then no unwritten byte follows."""
    full = volume(KEYS)[:-32]
    full = full[:88] + number(len(full) - 72, 4) + full[92:]
    assert len(variables(full)) == 3


def test_keys_make_a_firmware_choose() -> None:
    """Only a platform key of the right owner does, and one that is not empty."""
    empty = section(0xFFC0_0000, 4096, 1)
    for found, enforced in (
        (KEYS, True), ((), False), ((DELETED,), False), (((OTHER, "PK", b"key", 0x3F),), False),
        (((GLOBAL, "PK", b"", 0x3F),), False),
    ):  # fmt: skip
        firmware = (replace(empty, data=volume(found)),)
        assert enforces_secure_boot(firmware) is enforced
        refused = pytest.raises(MisconfiguredError, match="a\\.fd: starts signed kernels only")
        with refused if enforced else nullcontext():
            must_start_any_kernel(firmware, "a.fd")
    assert not enforces_secure_boot(())
    assert not enforces_secure_boot((replace(empty, kind=0, data=volume(KEYS)),))


def test_a_recorded_firmware_has_none(shared: Path) -> None:
    """A published OVMF for TDX is delivered without variables."""
    assert not enforces_secure_boot(tdvf.parse((shared / FIRMWARE).read_bytes()))


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "volume"),
        (bytes(100), "no firmware volume"),
        (volume(store=OTHER), "got the store d719b2cb"),
        (volume()[:92] + b"\0" + volume()[93:], "format 0x0"),
        (volume()[:48] + b"\0\0" + volume()[50:], "header"),
        (volume()[:88] + number(27, 4) + volume()[92:], "store"),
        (volume()[:-1], "store"),
        (volume(tail=b"\xaa\x55\x3f"), "header"),
        (volume(tail=b"\xaa\x55\x3f" + bytes(33) + number(1026, 4)), "a name of 1026 bytes"),
    ],
)
def test_damaged_volumes_are_refused(data: bytes, problem: str) -> None:
    """By name of what is wrong."""
    with pytest.raises(MalformedError, match=problem):
        variables(data)


@given(st.binary(max_size=60), st.integers(0, 300))
def test_junk_raises_only_our_error(junk: bytes, at: int) -> None:
    """Wherever it stands."""
    data = volume(KEYS)
    with suppress(MalformedError):
        variables(data[:at] + junk + data[at + len(junk) :])
