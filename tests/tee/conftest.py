"""Simulated machines for every test of evidence: real formats under a development root.

The root is that of the seed 00 01 02 … 1f, kept in a file because its RSA keys take seconds to
derive (``simulated/test_root.py`` derives them once more).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from enarx.tee.anchors import TrustAnchor
from enarx.tee.dcap.layout import (
    INTEL_QE_VENDOR_ID,
    TEE_SGX,
    TEE_TDX,
    BodyDescriptor,
    CertificationHead,
    HeaderV3,
    HeaderV4,
    QeReport,
    QuoteSignature,
)
from enarx.tee.simulated.collateral import raw_signature
from enarx.tee.simulated.machine import IntelMachine
from enarx.tee.simulated.quote import QE, TD_QE, QuotingEnclave
from enarx.tee.simulated.root import SimulatedRoot
from enarx.tee.simulated.sgx import Enclave, SimulatedSgx
from enarx.tee.simulated.snp import SimulatedSnp
from enarx.tee.simulated.tdx import SimulatedTdx, TdGuest
from enarx.wire.record import pack
from enarx.wire.text import to_pem


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


@dataclass(frozen=True, kw_only=True)
class QuoteForge:
    """One quote of a simulated machine, signed by its keys, with anything in it changed.

    ``dataclasses.replace`` changes it; None is what an honest machine would write.
    """

    machine: IntelMachine
    enclave: QuotingEnclave
    version: int
    body: bytes
    body_type: int | None = None
    header: Mapping[str, Any] = field(default_factory=dict)
    report: Mapping[str, Any] = field(default_factory=dict)
    authentication: bytes = b"authentication data"
    envelope: int = 6
    kind: int = 5
    certification: bytes | None = None

    def make(self) -> bytes:
        """Its bytes."""
        key = self.enclave.key(self.machine)
        signed = self._header() + self._descriptor() + self.body
        point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)[1:]
        head = pack(QuoteSignature(signature=raw_signature(key, signed), attestation_key=point))
        block = self._block(point)
        if self.version > 3:
            block = part(self.envelope, block)
        return signed + sized(head + block, 4)

    def _header(self) -> bytes:
        user_data = self.machine.qe_id.ljust(20, b"\0")
        shared: dict[str, Any] = {"version": self.version, "att_key_type": 2, "reserved": b""}
        shared |= {"vendor_id": INTEL_QE_VENDOR_ID, "user_data": user_data}
        if self.version == 3:
            return pack(HeaderV3(**{**shared, "qe_svn": 8, "pce_svn": 13, **self.header}))
        tee_type = TEE_TDX if self.enclave.tee == "tdx" else TEE_SGX
        return pack(HeaderV4(**{**shared, "tee_type": tee_type, **self.header}))

    def _descriptor(self) -> bytes:
        if self.version < 5:
            return b""
        kind = {384: 1, 584: 2, 648: 3, 885: 4}[len(self.body)]
        return pack(BodyDescriptor(body_type=self.body_type or kind, size=len(self.body)))

    def _block(self, point: bytes) -> bytes:
        digest = hashlib.sha256(point + self.authentication).digest().ljust(64, b"\0")
        report = pack(replace(self.enclave.report(self.machine, digest), **self.report))
        signature = raw_signature(self.machine.pck_key, report)
        chain = b"".join(to_pem("CERTIFICATE", der) for der in self.machine.certificates())
        certification = chain if self.certification is None else self.certification
        return (
            pack(QeReport(report=report, signature=signature))
            + sized(self.authentication, 2)
            + part(self.kind, certification)
        )


def part(kind: int, content: bytes) -> bytes:
    """Certification data."""
    return pack(CertificationHead(type=kind, size=len(content))) + content


def sized(content: bytes, prefix: int) -> bytes:
    """*content* behind its length."""
    return len(content).to_bytes(prefix, "little") + content


@pytest.fixture(scope="session")
def tdx_forge(simulated_tdx: SimulatedTdx) -> QuoteForge:
    """A TDX quote of version 4."""
    report = simulated_tdx.describe(TdGuest(mr_td=b"m" * 48), report_data=b"d" * 64)
    machine = simulated_tdx.machine
    return QuoteForge(machine=machine, enclave=TD_QE, version=4, body=pack(report))


@pytest.fixture(scope="session")
def sgx_forge(simulated_sgx: SimulatedSgx) -> QuoteForge:
    """An SGX quote of version 3."""
    report = simulated_sgx.describe(Enclave(mr_enclave=b"e" * 32), report_data=b"d" * 64)
    return QuoteForge(machine=simulated_sgx.machine, enclave=QE, version=3, body=pack(report))
