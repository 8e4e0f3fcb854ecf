"""Keeps that prove themselves with a simulated processor, and a host and an owner around them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.keep.agent.parties import Keep

from enarx.evidence import cmw
from enarx.host.process import Zygote, start_zygote
from enarx.tee.endorsements import Endorsements
from enarx.tee.simulated.root import SimulatedRoot
from enarx.tee.simulated.snp import SimulatedSnp, SnpGuest

ROOT = Path(__file__).parents[2] / "tee" / "development-root.pem"


@pytest.fixture(scope="session")
def machine() -> SimulatedSnp:
    """A simulated processor, whose evidence is current."""
    root = SimulatedRoot.from_bytes(ROOT.read_bytes())
    return SimulatedSnp(root=root, issued=datetime(2026, 6, 1, 12, tzinfo=UTC))


@pytest.fixture(scope="session")
def endorsements(machine: SimulatedSnp) -> Endorsements:
    """Made once: they take long to sign."""
    return machine.endorsements()


@pytest.fixture(scope="session")
def quote(machine: SimulatedSnp, endorsements: Endorsements) -> Callable[[bytes], bytes]:
    """What the host does when a keep asks for evidence."""
    guest = SnpGuest(measurement=bytes(48))

    def make(report_data: bytes) -> bytes:
        report = machine.report(guest, report_data=report_data)
        return cmw.wrap(report, "snp", endorsements, "cbor")

    return make


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    """One zygote for the keeps of a module."""
    started = start_zygote(preload=("agent",))
    yield started
    started.close()


NewKeep = Callable[[], Keep]


@pytest.fixture
def new_keep(zygote: Zygote, quote: Callable[[bytes], bytes]) -> Iterator[NewKeep]:
    """Start keeps of the test's."""
    made: list[Keep] = []

    def start() -> Keep:
        made.append(Keep(zygote, quote))
        return made[-1]

    yield start
    for keep in made:
        keep.close()


@pytest.fixture
def keep(new_keep: NewKeep) -> Keep:
    """One keep."""
    return new_keep()
