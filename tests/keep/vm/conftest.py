"""Simulated machines whose TEE the tests' kernel asks."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from enarx.tee.simulated.machine import IntelMachine
from enarx.tee.simulated.root import SimulatedRoot
from enarx.tee.simulated.snp import SimulatedSnp
from enarx.tee.simulated.tdx import SimulatedTdx

ROOT = Path(__file__).parents[2] / "tee" / "development-root.pem"
ISSUED = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def simulated_root() -> SimulatedRoot:
    """The development root of the tests."""
    return SimulatedRoot.from_bytes(ROOT.read_bytes())


@pytest.fixture(scope="session")
def simulated_snp(simulated_root: SimulatedRoot) -> SimulatedSnp:
    """A Genoa with a VCEK."""
    return SimulatedSnp(root=simulated_root, issued=ISSUED)


@pytest.fixture(scope="session")
def simulated_tdx(simulated_root: SimulatedRoot) -> SimulatedTdx:
    """A machine that makes TDX quotes of version 4."""
    return SimulatedTdx(machine=IntelMachine(root=simulated_root, issued=ISSUED))
