"""Reports and certificates that break one rule at a time, under the development root."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from enarx.tee.anchors import TrustAnchor
from enarx.tee.claims import Authentic
from enarx.tee.endorsements import Endorsements
from enarx.tee.simulated.certificates import Party, Validity, certify, valid_for
from enarx.tee.simulated.snp import VEK_DAYS, SimulatedSnp, SnpGuest
from enarx.tee.snp.report import AttestationReport
from enarx.tee.snp.technology import SNP
from enarx.tee.snp.vek import Vek, load_vek

GUEST = SnpGuest(
    measurement=b"m" * 48, host_data=b"h" * 32, report_id=b"r" * 32, id_key_digest=b"i" * 48
)
DATA = b"d" * 64

Changed = Callable[..., bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """One machine, and everything that can be made wrong about its evidence."""

    machine: SimulatedSnp

    @property
    def now(self) -> datetime:
        """When everything is valid."""
        return self.machine.issued + timedelta(days=1)

    @property
    def anchors(self) -> tuple[TrustAnchor, ...]:
        """The development roots."""
        return self.machine.root.anchors()

    @property
    def report(self) -> bytes:
        """A report without fault."""
        return self.machine.report(GUEST, report_data=DATA)

    def of(self, **changes: object) -> Workshop:
        """The workshop of another machine."""
        return Workshop(machine=replace(self.machine, **changes))  # type: ignore[arg-type]

    def described(self, **changes: object) -> AttestationReport:
        """What the report says, with *changes*."""
        report = self.machine.describe(GUEST, report_data=DATA)
        return replace(report, **changes)  # type: ignore[arg-type]

    def signed(self, **changes: object) -> bytes:
        """A report with *changes* that the chip's key did sign."""
        return self.machine.sign(self.described(**changes))

    def vek(
        self,
        changes: Mapping[str, bytes | None] | None = None,
        *,
        title: str = "",
        issuer: Party | None = None,
        key: ec.EllipticCurvePrivateKey | None = None,
        validity: Validity | None = None,
    ) -> bytes:
        """A certificate of the chip's key, with *changes* to its extensions; None drops one."""
        extensions: dict[str, bytes | None] = dict(self.machine._vek_extensions())
        extensions |= changes or {}
        party = Party(
            title=title or f"SEV-{self.machine.signer.upper()}",
            key=key or self.machine._vek_key(),
            serial=0,
        )
        return certify(
            party,
            issuer or self.machine.root.ask(self.machine.product, self.machine.signer),
            validity or valid_for(self.machine.issued, VEK_DAYS),
            extensions=((oid, value) for oid, value in extensions.items() if value is not None),
        )

    def loaded(self, der: bytes | None = None) -> Vek:
        """What a certificate says as a VEK."""
        return load_vek(der or self.vek(), "VEK")

    def chain(self) -> tuple[bytes, ...]:
        """ASK (or ASVK) and ARK."""
        return self.machine.certificates()[1:]

    def authenticate(
        self, raw: bytes, endorsements: Endorsements | None = None, now: datetime | None = None
    ) -> Authentic:
        """What the verifier makes of *raw* with the machine's own endorsements, or others."""
        given = self.machine.endorsements() if endorsements is None else endorsements
        return SNP.authenticate(SNP.parse(raw), given, self.anchors, now or self.now)


@pytest.fixture(scope="session")
def genoa(simulated_snp: SimulatedSnp) -> Workshop:
    """A Genoa with a VCEK."""
    return Workshop(machine=simulated_snp)


@pytest.fixture(scope="session")
def milan2(genoa: Workshop) -> Workshop:
    """A Milan whose firmware writes reports of version 2."""
    return genoa.of(product="Milan", version=2)


@pytest.fixture(scope="session")
def turin(genoa: Workshop) -> Workshop:
    """A Turin."""
    return genoa.of(product="Turin")


@pytest.fixture(scope="session")
def vlek(genoa: Workshop) -> Workshop:
    """A Milan with a VLEK."""
    return genoa.of(product="Milan", signer="vlek")


@pytest.fixture(scope="session")
def patched() -> Changed:
    """*raw* with other bytes at an offset."""

    def change(raw: bytes, offset: int, value: bytes) -> bytes:
        return raw[:offset] + value + raw[offset + len(value) :]

    return change
