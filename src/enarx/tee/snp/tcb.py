"""TCB_VERSION: 8 bytes of security version numbers, whose layout depends on the product.

Reports keep them opaque; here they are interpreted with the product in hand.  They are ordered by
component: a TCB is not above another unless every component is.  Compared as one number, a newer
microcode would hide an older bootloader.

Source: AMD 56860 rev. 1.58, section 2.2 (TCB_VERSION; on family 1Ah with an FMC).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from enarx.errors import MalformedError
from enarx.wire.record import offset_of, record, u8, unpack, zero

if TYPE_CHECKING:
    from collections.abc import Mapping

    from enarx.tee.snp.products import Product

TCB_BYTES = 8


@record(size=TCB_BYTES)
class MilanTcb:
    """TCB_VERSION of Milan and Genoa."""

    bootloader: int = u8(0)
    tee: int = u8(1)
    reserved: bytes = zero(2, 4)
    snp: int = u8(6)
    microcode: int = u8(7)


@record(size=TCB_BYTES)
class TurinTcb:
    """TCB_VERSION of Turin."""

    fmc: int = u8(0)
    bootloader: int = u8(1)
    tee: int = u8(2)
    snp: int = u8(3)
    reserved: bytes = zero(4, 3)
    microcode: int = u8(7)


TcbVersion = MilanTcb | TurinTcb

LAYOUTS: Mapping[Product, type[MilanTcb | TurinTcb]] = {
    "Milan": MilanTcb,
    "Genoa": MilanTcb,
    "Turin": TurinTcb,
}

_NAMES = ("fmc", "bootloader", "tee", "snp", "microcode")

COMPONENTS: Mapping[type[MilanTcb | TurinTcb], Mapping[str, int]] = {
    layout: {name: offset_of(layout, name) for name in _NAMES if hasattr(layout, name)}
    for layout in (MilanTcb, TurinTcb)
}
"""The security version numbers of each layout, lowest layer first, and where each one stands."""


def interpret(raw: bytes, product: Product, where: str) -> TcbVersion:
    """The TCB of *product* in 8 bytes.

    Raises:
        MalformedError: a byte that this product reserves is not zero.
    """
    return unpack(LAYOUTS[product], raw, where)


def components(tcb: TcbVersion) -> dict[str, int]:
    """Its security version numbers by name."""
    return {name: getattr(tcb, name) for name in COMPONENTS[type(tcb)]}


def compose(product: Product, numbers: Mapping[str, int], where: str) -> bytes:
    """The 8 bytes of the TCB of *product* with exactly these *numbers*, each below 256.

    Raises:
        MalformedError: the product has other components.
    """
    places = COMPONENTS[LAYOUTS[product]]
    if numbers.keys() != places.keys():
        want, got = ", ".join(places), ", ".join(numbers)
        raise MalformedError(where, f"got a TCB of {got}, want {want} as on {product}")
    made = bytearray(TCB_BYTES)
    for name, number in numbers.items():
        made[places[name]] = number
    return bytes(made)


def above(tcb: TcbVersion, other: TcbVersion) -> tuple[str, ...]:
    """The components in which *tcb* is above *other*, of the same product; none: it is not above.

    The order is partial: each may be above the other.
    """
    ours, theirs = components(tcb), components(other)
    return tuple(name for name in ours if ours[name] > theirs[name])
