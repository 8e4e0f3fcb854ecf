"""TCB_VERSION and products: layouts, order, and who has which."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.errors import MalformedError
from enarx.tee.snp.products import PRODUCTS, Product, product_of_cpuid, product_of_name
from enarx.tee.snp.tcb import above, components, compose, interpret

LEVEL = st.integers(0, 255)


def test_layouts() -> None:
    """Milan and Genoa have four components at the ends, Turin five with the FMC first."""
    raw = bytes.fromhex("0102000000000304")
    milan = {"bootloader": 1, "tee": 2, "snp": 3, "microcode": 4}
    assert components(interpret(raw, "Milan", "t")) == milan
    assert components(interpret(raw, "Genoa", "t")) == milan
    assert components(interpret(bytes.fromhex("0001020300000004"), "Turin", "t")) == {
        "fmc": 0, "bootloader": 1, "tee": 2, "snp": 3, "microcode": 4,
    }  # fmt: skip


@pytest.mark.parametrize(("product", "reserved"), [("Milan", (2, 3, 4, 5)), ("Turin", (4, 5, 6))])
def test_reserved_bytes(product: Product, reserved: tuple[int, ...]) -> None:
    """A byte that the product reserves must be zero, so layouts are not confused silently."""
    for place in range(8):
        raw = bytes(place) + b"\x01" + bytes(7 - place)
        if place not in reserved:
            assert sum(components(interpret(raw, product, "t")).values()) == 1
            continue
        with pytest.raises(MalformedError, match=r"t\.reserved at 0x.: reserved, got"):
            interpret(raw, product, "t")


def test_order_is_by_component() -> None:
    """A newer microcode does not make up for an older bootloader, as it would in one number."""
    old = interpret(bytes.fromhex("0300000000001673"), "Milan", "t")
    new = interpret(bytes.fromhex("0200000000001674"), "Milan", "t")
    assert above(new, old) == ("microcode",)
    assert above(old, new) == ("bootloader",)
    assert above(old, old) == ()


@given(st.sampled_from(PRODUCTS), LEVEL, LEVEL, LEVEL, LEVEL, LEVEL)
def test_round_trip(product: Product, a: int, b: int, c: int, d: int, fmc: int) -> None:  # noqa: PLR0917
    """Composed and interpreted, every component is the same."""
    numbers = {"bootloader": a, "tee": b, "snp": c, "microcode": d}
    numbers |= {"fmc": fmc} if product == "Turin" else {}
    assert components(interpret(compose(product, numbers, "t"), product, "t")) == numbers


def test_components_of_another_product() -> None:
    """A Milan has no FMC, and a Turin cannot do without."""
    four = {"bootloader": 1, "tee": 0, "snp": 3, "microcode": 4}
    with pytest.raises(MalformedError, match="want fmc, bootloader, tee, snp, microcode as on T"):
        compose("Turin", four, "t")
    with pytest.raises(MalformedError, match=r"got a TCB of .*fmc, want bootloader, tee, snp, m"):
        compose("Milan", four | {"fmc": 0}, "t")


@pytest.mark.parametrize(
    ("family", "model", "product"),
    [
        (0x19, 0x00, "Milan"), (0x19, 0x01, "Milan"), (0x19, 0x0F, "Milan"),
        (0x19, 0x10, "Genoa"), (0x19, 0x11, "Genoa"), (0x19, 0x1F, "Genoa"),
        (0x19, 0xA0, "Genoa"), (0x19, 0xAF, "Genoa"),
        (0x1A, 0x00, "Turin"), (0x1A, 0x02, "Turin"), (0x1A, 0x11, "Turin"),
    ],
)  # fmt: skip
def test_products_of_cpuid(family: int, model: int, product: Product) -> None:
    """Families and models name the product, Siena's and Bergamo's the product Genoa."""
    assert product_of_cpuid(family, model, "t") == product


@pytest.mark.parametrize(
    ("family", "model"), [(0, 0), (0x17, 0x31), (0x19, 0x20), (0x19, 0x9F), (0x1A, 0x12), (0x1B, 0)]
)
def test_unknown_cpus(family: int, model: int) -> None:
    """A CPU that nobody here knows is named, not guessed."""
    with pytest.raises(MalformedError, match=f"got CPU family 0x{family:02x} model 0x{model:02x}"):
        product_of_cpuid(family, model, "t")


def test_product_names() -> None:
    """Certificates name the product with and without a stepping."""
    names = ["Milan-B0", "Milan", "Genoa-B1", "Genoa", "Bergamo-A2", "Siena", "Turin-C1", "Turin"]
    found = [product_of_name(name, "t") for name in names]
    assert found == ["Milan"] * 2 + ["Genoa"] * 4 + ["Turin"] * 2
    assert get_args(Product) == PRODUCTS
    for name in ("", "milan", "Venice-A0", "Milan B0", "Turinx"):
        with pytest.raises(MalformedError, match=f"got product {name!r}"):
            product_of_name(name, "t")
