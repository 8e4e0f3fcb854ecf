"""Modules compiled and run in this process."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import wasmtime

from enarx.keep.engine.engine import Engine, Module, Settings
from enarx.keep.engine.instance import Guest, Linker


@pytest.fixture(scope="session")
def engine() -> Engine:
    """An engine as the zygote makes it."""
    return Engine(Settings())


Run = Callable[..., Guest]


@pytest.fixture
def run(engine: Engine) -> Run:
    """Compile WebAssembly text, instantiate it and call its entry: the guest afterwards."""

    def run(text: str, *, on: Engine = engine, fuel: int | None = None) -> Guest:
        guest = Linker(on, fuel=fuel).instantiate(compiled(text, on), where="app.wasm")
        guest.run(guest.entry())
        return guest

    return run


def compiled(text: str, engine: Engine) -> Module:
    """The module of WebAssembly text."""
    return engine.compile(bytes(wasmtime.wat2wasm(text)), where="app.wasm")
