"""Real keeps of a simulated processor, and pipes to them."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.keep.agent.parties import Keep

from enarx.errors import UnavailableError
from enarx.evidence import cmw
from enarx.host.process import Zygote, start_zygote
from enarx.tee.simulated.root import SimulatedRoot
from enarx.tee.simulated.snp import SimulatedSnp, SnpGuest

ROOT = Path(__file__).parents[1] / "tee" / "development-root.pem"


@pytest.fixture(scope="session")
def machine() -> SimulatedSnp:
    """A simulated processor, whose evidence is current."""
    root = SimulatedRoot.from_bytes(ROOT.read_bytes())
    return SimulatedSnp(root=root, issued=datetime(2026, 6, 1, 12, tzinfo=UTC))


@pytest.fixture(scope="session")
def quote(machine: SimulatedSnp) -> Callable[[bytes], bytes]:
    """What the host does when a keep asks for evidence."""
    endorsements = machine.endorsements()

    def make(report_data: bytes) -> bytes:
        report = machine.report(SnpGuest(measurement=bytes(48)), report_data=report_data)
        return cmw.wrap(report, "snp", endorsements, "cbor")

    return make


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    """One zygote for the keeps of a module."""
    started = start_zygote(preload=("agent",))
    yield started
    started.close()


@pytest.fixture
def keep(zygote: Zygote, quote: Callable[[bytes], bytes]) -> Iterator[Keep]:
    """One keep and its host."""
    made = Keep(zygote, quote)
    yield made
    made.close()


class SocketPipe:
    """Bytes over a socket, as the host carries them."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    def send(self, data: bytes) -> None:
        """All of *data*."""
        try:
            self.sock.sendall(data)
        except OSError as e:
            raise UnavailableError("channel", "the connection was cut") from e

    def receive(self) -> bytes:
        """What comes next."""
        try:
            return self.sock.recv(65_536)
        except OSError as e:
            raise UnavailableError("channel", "the connection was cut") from e

    def close(self) -> None:
        """Both directions."""
        self.sock.close()
