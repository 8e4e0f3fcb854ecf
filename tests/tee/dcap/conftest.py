"""A simulated TDX machine, its collateral and quote, with anything changed about them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from enarx.tee.anchors import TrustAnchor
from enarx.tee.claims import Authentic
from enarx.tee.dcap.trust import TrustedCollateral
from enarx.tee.endorsements import Endorsements, Need
from enarx.tee.sgx.technology import SGX
from enarx.tee.simulated.tdx import SimulatedTdx
from enarx.tee.tdx.evidence import parse
from enarx.tee.tdx.technology import TDX
from enarx.tee.tdx.verify import authenticate_with, trust
from enarx.tee.technology import Technology
from enarx.wire.text import pem_blocks

if TYPE_CHECKING:
    from tests.tee.conftest import QuoteForge


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Where quotes and endorsements are brought together.

    Args:
        tdx: the machine.
        forge: its quote.
        endorsements: what the verifier is given beside the quote.
        now: of the verification.
    """

    tdx: SimulatedTdx
    forge: QuoteForge
    endorsements: Endorsements
    now: datetime

    def of(self, **changes: Any) -> Bench:  # noqa: ANN401 - fields of IntelMachine
        """The bench of another machine."""
        tdx = replace(self.tdx, machine=replace(self.tdx.machine, **changes))
        forge = replace(self.forge, machine=tdx.machine)
        return replace(self, tdx=tdx, forge=forge, endorsements=tdx.endorsements())

    def quoting(self, **changes: Any) -> Bench:  # noqa: ANN401 - fields of QuoteForge
        """The same with another quote."""
        return replace(self, forge=replace(self.forge, **changes))

    def given(self, **changes: tuple[bytes, ...]) -> Bench:
        """The same with other endorsements."""
        return replace(self, endorsements=replace(self.endorsements, **changes))

    def later(self, **delta: float) -> Bench:
        """The same at another time."""
        return replace(self, now=self.now + timedelta(**delta))

    @property
    def anchors(self) -> tuple[TrustAnchor, ...]:
        """Whom the verifier believes."""
        return self.tdx.machine.root.anchors()

    def authenticate(self) -> Authentic:
        """The verdict."""
        evidence = TDX.parse(self.forge.make())
        return TDX.authenticate(evidence, self.endorsements, self.anchors, self.now)

    def trust(self) -> TrustedCollateral:
        """The collateral, verified."""
        return trust(parse(self.forge.make()), self.endorsements, self.anchors, self.now)

    def authenticate_with(self, trusted: TrustedCollateral) -> Authentic:
        """The verdict, with collateral that was verified before."""
        return authenticate_with(parse(self.forge.make()), trusted, self.now)

    def needs(self) -> tuple[Need, ...]:
        """What is missing."""
        return TDX.needs(TDX.parse(self.forge.make()), self.endorsements, self.now)


@pytest.fixture(scope="session")
def bench(simulated_tdx: SimulatedTdx, tdx_forge: QuoteForge) -> Bench:
    """One on which everything is right."""
    endorsements = simulated_tdx.endorsements()
    now = simulated_tdx.machine.issued + timedelta(days=1)
    return Bench(tdx=simulated_tdx, forge=tdx_forge, endorsements=endorsements, now=now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A recorded quote, with what is known about it.

    Args:
        folder: where it lies.
        technology: whose it is.
        expected: the facts.
    """

    folder: Path
    technology: Technology
    expected: Mapping[str, Any]

    @property
    def quote(self) -> bytes:
        """Its bytes."""
        return (self.folder / "quote.bin").read_bytes()

    @property
    def evaluations(self) -> list[dict[str, Any]]:
        """Its verdicts, each with a set of collateral and an instant."""
        evaluations: list[dict[str, Any]] = self.expected["evaluations"]
        return evaluations

    def endorsements(self, collateral: str) -> Endorsements:
        """A set of collateral, as recorded."""
        return collateral_in(self.folder / collateral)


def collateral_in(folder: Path) -> Endorsements:
    """Everything that lies in *folder* under the names of the recordings."""

    def read(*names: str) -> tuple[bytes, ...]:
        paths = (folder / name for name in names)
        return tuple(path.read_bytes() for path in paths if path.exists())

    chains = read("tcb_signing_chain.pem", "pck_crl_issuer_chain.pem")
    blocks = (block for chain in chains for block in pem_blocks(chain, "chain"))
    return Endorsements(
        certificates=tuple(dict.fromkeys(der for _, der in blocks)),
        crls=read("pck_crl.der", "root_ca_crl.der"),
        tcb_infos=read("tcb_info.json"),
        qe_identities=read("qe_identity.json"),
    )


@pytest.fixture(scope="session")
def recorded(shared: Path) -> tuple[Recorded, ...]:
    """Every recorded quote of both technologies."""
    return tuple(
        Recorded(
            folder=path.parent,
            technology=technology,
            expected=json.loads(path.read_text())["expected"],
        )
        for technology in (TDX, SGX)
        for path in sorted((shared / "vectors" / technology.name).glob("*/manifest.json"))
    )
