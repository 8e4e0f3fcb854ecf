"""Simulated machines for every test of evidence: real formats under a development root.

The root is that of the seed 00 01 02 … 1f, kept in a file because its RSA keys take seconds to
derive (``simulated/test_root.py`` derives them once more).
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from enarx.tee.anchors import TrustAnchor
from enarx.tee.simulated.machine import IntelMachine
from enarx.tee.simulated.root import SimulatedRoot
from enarx.tee.simulated.sgx import SimulatedSgx
from enarx.tee.simulated.snp import SimulatedSnp
from enarx.tee.simulated.tdx import SimulatedTdx


@pytest.fixture(scope="session")
def simulated_now() -> datetime:
    """When everything simulated was issued, and is current."""
    return datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def simulated_root() -> SimulatedRoot:
    """The development root of the tests."""
    return SimulatedRoot.from_bytes(Path(__file__).with_name("development-root.pem").read_bytes())


@pytest.fixture(scope="session")
def simulated_anchors(simulated_root: SimulatedRoot) -> tuple[TrustAnchor, ...]:
    """What a verifier must be given to believe it."""
    return simulated_root.anchors()


@pytest.fixture(scope="session")
def simulated_snp(simulated_root: SimulatedRoot, simulated_now: datetime) -> SimulatedSnp:
    """A Genoa with a VCEK; ``dataclasses.replace`` makes other machines of it."""
    return SimulatedSnp(root=simulated_root, issued=simulated_now)


@pytest.fixture(scope="session")
def simulated_intel(simulated_root: SimulatedRoot, simulated_now: datetime) -> IntelMachine:
    """A machine with simulated SGX and TDX."""
    return IntelMachine(root=simulated_root, issued=simulated_now)


@pytest.fixture(scope="session")
def simulated_tdx(simulated_intel: IntelMachine) -> SimulatedTdx:
    """A machine that makes TDX quotes of version 4; with ``version=5`` of version 5."""
    return SimulatedTdx(machine=simulated_intel)


@pytest.fixture(scope="session")
def simulated_sgx(simulated_intel: IntelMachine) -> SimulatedSgx:
    """A machine that makes SGX quotes of version 3."""
    return SimulatedSgx(machine=simulated_intel)
