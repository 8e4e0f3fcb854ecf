"""Hosts for the tests of the API: one that all of a module share, and ones that may be killed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import wasmtime
from tests.host.api.hosts import Host

ROOT = Path(__file__).parents[2] / "tee" / "development-root.pem"

SLEEPS = """
(module (memory (export "memory") 1) (func (export "_start") (loop $l (br $l))))
"""
ENDS = '(module (memory (export "memory") 1) (func (export "_start")))'

NewHost = Callable[..., Host]


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with the development root of the tests."""
    folder = tmp_path_factory.mktemp("data")
    simulated = folder / "enarx" / "simulated"
    simulated.mkdir(parents=True, mode=0o700)
    (simulated / "root.pem").touch(mode=0o600)
    (simulated / "root.pem").write_bytes(ROOT.read_bytes())
    return folder


@pytest.fixture
def new_host(tmp_path: Path, data: Path) -> Iterator[NewHost]:
    """Start hosts of the test's own."""
    made: list[Host] = []

    def start(**settings: object) -> Host:
        made.append(Host(tmp_path / f"state{len(made)}", data, **settings))
        return made[-1]

    yield start
    for host in made:
        host.close()


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Iterator[Host]:
    """One host for the tests of a module, impatient."""
    settings = {
        "head_s": 0.5,
        "json_s": 0.5,
        "wait_s": 0.1,
        "strangers": 100_000,
        "envelope_bytes": 1 << 20,
    }
    started = Host(tmp_path_factory.mktemp("host") / "state", data, **settings)
    yield started
    started.close()


@pytest.fixture(scope="session")
def endless() -> bytes:
    """An application that runs until it is stopped."""
    return bytes(wasmtime.wat2wasm(SLEEPS))


@pytest.fixture(scope="session")
def short() -> bytes:
    """An application that ends at once."""
    return bytes(wasmtime.wat2wasm(ENDS))
