"""Simulated quoting enclaves: they certify an attestation key, and sign quotes with it.

Source: Intel, "SGX ECDSA QuoteLibReference DCAP API", appendix A.4, and "TDX DCAP Quoting Library
API", appendices A.3 and A.4 (signature data).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from enarx.tee.dcap.enclave import EnclaveFlags, EnclaveReport
from enarx.tee.dcap.layout import CertificationHead, QeReport, QuoteSignature
from enarx.tee.simulated.certificates import pem
from enarx.tee.simulated.collateral import QeIdentity, SvnLevel, raw_signature
from enarx.tee.simulated.keys import ec_key, octets
from enarx.wire.record import pack

if TYPE_CHECKING:
    from enarx.tee.simulated.collateral import Tee
    from enarx.tee.simulated.machine import IntelMachine

PCK_CHAIN = 5
QE_REPORT = 6
"""Types of certification data."""

XFRM = 0xE7


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotingEnclave:
    """The enclave that makes quotes for *tee*.

    Args:
        name: what its attestation key and measurement are derived from.
        flags: attributes; bit 1 is debug.
    """

    tee: Tee
    isv_prod_id: int
    isv_svn: int = 8
    name: str = "quoting enclave"
    flags: int = 0x15  # INIT, MODE64BIT, PROVISION_KEY

    def identity(self, machine: IntelMachine) -> QeIdentity:
        """What Intel's service would say of it: at its version and above, it is up to date."""
        return QeIdentity(
            tee=self.tee,
            mr_signer=self._mr_signer(machine),
            isv_prod_id=self.isv_prod_id,
            levels=(SvnLevel(isv_svn=self.isv_svn),),
            attributes=b"\x11".ljust(16, b"\0"),
            attributes_mask=(b"\xfb" + b"\xff" * 7).ljust(16, b"\0"),
            validity=machine.list_dates(),
        )

    def key(self, machine: IntelMachine) -> ec.EllipticCurvePrivateKey:
        """Its attestation key."""
        label = f"attestation {self.tee} {self.name} {machine.name}"
        return ec_key(machine.root.seed, label, ec.SECP256R1())

    def report(self, machine: IntelMachine, report_data: bytes) -> EnclaveReport:
        """What the processor says of it."""
        return EnclaveReport(
            cpu_svn=bytes(machine.cpu_svn),
            misc_select=0,
            cet_attributes=0,
            reserved_21=b"",
            isv_ext_prod_id=bytes(16),
            flags=EnclaveFlags(self.flags),
            xfrm=XFRM,
            mr_enclave=octets(machine.root.seed, f"mrenclave {self.name}", 32),
            reserved_96=b"",
            mr_signer=self._mr_signer(machine),
            reserved_160=b"",
            config_id=bytes(64),
            isv_prod_id=self.isv_prod_id,
            isv_svn=self.isv_svn,
            config_svn=0,
            reserved_262=b"",
            isv_family_id=bytes(16),
            report_data=report_data,
        )

    def _mr_signer(self, machine: IntelMachine) -> bytes:
        return octets(machine.root.seed, "signer of quoting enclaves", 32)


QE = QuotingEnclave(tee="sgx", isv_prod_id=1)
TD_QE = QuotingEnclave(tee="tdx", isv_prod_id=2)


def sign_quote(signed: bytes, qe: QuotingEnclave, machine: IntelMachine, version: int) -> bytes:
    """The quote of *version* whose header and body are *signed*."""
    key = qe.key(machine)
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)[1:]
    head = pack(QuoteSignature(signature=raw_signature(key, signed), attestation_key=point))
    certification = _certify(point, qe, machine)
    if version >= _NESTED_SINCE:
        certification = _part(QE_REPORT, certification)
    return signed + _sized(head + certification, 4)


_NESTED_SINCE = 4


def _certify(point: bytes, qe: QuotingEnclave, machine: IntelMachine) -> bytes:
    """The enclave's report on its attestation key, signed by the PCK, and the PCK's chain."""
    authentication = octets(machine.root.seed, f"authentication {qe.name}", 32)
    digest = hashlib.sha256(point + authentication).digest()
    report = pack(qe.report(machine, digest.ljust(64, b"\0")))
    signature = raw_signature(machine.pck_key, report)
    chain = b"".join(pem("CERTIFICATE", der) for der in machine.certificates())
    return b"".join(
        (
            pack(QeReport(report=report, signature=signature)),
            _sized(authentication, 2),
            _part(PCK_CHAIN, chain),
        )
    )


def _part(kind: int, content: bytes) -> bytes:
    return pack(CertificationHead(type=kind, size=len(content))) + content


def _sized(content: bytes, prefix: int) -> bytes:
    return len(content).to_bytes(prefix, "little") + content
