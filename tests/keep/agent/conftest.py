"""Keeps that prove themselves with a simulated processor, and a host and an owner around them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.keep.agent.parties import Client, Keep, Owner, deliver
from tests.keep.agent.stewards import GREETS, Deployed, FakeSteward, free_port

from enarx.evidence import cmw
from enarx.host.process import Zygote, start_zygote
from enarx.package import manifest
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


@pytest.fixture
def steward(tmp_path: Path, machine: SimulatedSnp) -> Iterator[FakeSteward]:
    """One that works, until the test changes it."""
    made = FakeSteward(tmp_path, machine.issued)
    yield made
    made.close()


Deploy = Callable[..., Deployed]


@pytest.fixture
def deploy(new_keep: NewKeep, steward: FakeSteward) -> Iterator[Deploy]:
    """Start a server that *steward* is asked to certify."""
    made: list[Client] = []

    def start(keep: Keep | None = None, **config: str) -> Deployed:
        keep, owner, port = keep or new_keep(), Owner(), free_port()
        text = steward.config(port, **config)
        steward.digest = manifest.build(GREETS, text).digest
        deliver(keep, owner, GREETS, text)
        made.append(keep.connect(owner))
        made[-1].attach()
        return Deployed(keep, made[-1], port, steward.authority.root_pem)

    yield start
    for client in made:
        client.close()
