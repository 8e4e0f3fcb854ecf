"""Which product made a report: from the CPU's numbers, or from the name in a VEK's certificate.

A product is a line of processors with one root key at AMD and one layout of TCB_VERSION.  Siena and
Bergamo are Genoa's siblings: AMD's key server calls them Genoa and signs them under its root.

Sources: AMD 57230 rev. 1.00, section 3 (productName); the ranges of models are those that AMD's
engineers keep in virtee/sev, ``Generation::identify_cpu``.
"""

from __future__ import annotations

from typing import Literal

from enarx.errors import MalformedError

Product = Literal["Milan", "Genoa", "Turin"]
PRODUCTS: tuple[Product, ...] = ("Milan", "Genoa", "Turin")

_MODELS: tuple[tuple[int, range, Product], ...] = (  # (family, models, product)
    (0x19, range(0x10), "Milan"),
    (0x19, range(0x10, 0x20), "Genoa"),
    (0x19, range(0xA0, 0xB0), "Genoa"),  # Siena, Bergamo
    (0x1A, range(0x12), "Turin"),
)

_NAMES: dict[str, Product] = {
    "Milan": "Milan",
    "Genoa": "Genoa",
    "Siena": "Genoa",
    "Bergamo": "Genoa",
    "Turin": "Turin",
}


def product_of_cpuid(family: int, model: int, where: str) -> Product:
    """The product with this combined CPUID *family* and *model*.

    Raises:
        MalformedError: no product known here has them, so the report cannot be interpreted.
    """
    for known, models, product in _MODELS:
        if family == known and model in models:
            return product
    problem = f"got CPU family 0x{family:02x} model 0x{model:02x}, want one of {_known()}"
    raise MalformedError(where, problem)


def product_of_name(name: str, where: str) -> Product:
    """The product of a certificate's productName: the product, or it and a stepping ("Milan-B0").

    Raises:
        MalformedError: another name.
    """
    product = _NAMES.get(name.partition("-")[0])
    if product is None:
        raise MalformedError(where, f"got product {name!r}, want one of {_known()}")
    return product


def _known() -> str:
    return ", ".join(PRODUCTS)
