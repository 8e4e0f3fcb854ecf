"""Tunnels of the test's, and nothing left open behind them."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator

import pytest
from tests.tunnel.parties import Both, Hostile, descriptors


@pytest.fixture
def nothing_left() -> Iterator[None]:
    """Every descriptor that the test opened is closed when it and its fixtures are done."""
    gc.collect()  # what tests before left to the collector
    before = descriptors()
    yield
    gc.collect()
    assert descriptors() == before


@pytest.fixture
def both(nothing_left: None) -> Iterator[Both]:  # noqa: ARG001 - closed before it looks
    """Both ends of a tunnel."""
    made = Both()
    yield made
    made.close()


@pytest.fixture
def hostile(nothing_left: None) -> Iterator[Callable[..., Hostile]]:  # noqa: ARG001 - likewise
    """Carriers with a far side that the test plays."""
    made: list[Hostile] = []

    def start(**options: object) -> Hostile:
        made.append(Hostile(**options))  # type: ignore[arg-type]
        return made[-1]

    yield start
    for one in made:
        one.close()
