"""A simulated Intel platform: its PCK certificate, revocation lists and who vouches for what.

A platform of one root and name has the same PPID and the same keys every time; its PCK belongs to
its CPU SVN and PCE SVN, as Intel's does.

Source: Intel, PCK Certificate and Certificate Revocation List Profile Specification, rev. 1.9,
section 2.3 (PCK certificate and its SGX extensions), section 3 (revocation lists).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ObjectIdentifier

from enarx.tee.dcap.pck import SGX_EXTENSION
from enarx.tee.endorsements import Endorsements
from enarx.tee.simulated.certificates import (
    Party,
    Validity,
    certify,
    revoke,
    signer,
    valid_for,
)
from enarx.tee.simulated.keys import ec_key, octets
from enarx.wire import der

if TYPE_CHECKING:
    from datetime import datetime

    from enarx.tee.simulated.collateral import QeIdentity, TcbInfo
    from enarx.tee.simulated.root import PckCa, SimulatedRoot

Revocable = Literal["pck", "ca", "tcb-signing"]
PCK: Revocable = "pck"
CA: Revocable = "ca"
TCB_SIGNING: Revocable = "tcb-signing"

CPU_SVN = (11, 11, 2, 2, 4, 1, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0)
"""Component SVNs of a machine that says nothing else."""

PCE_SVN = 13
PCK_DAYS = 7 * 365
LIST_DAYS = 30
"""Of revocation lists, TCB infos and QE identities, as Intel's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IntelMachine:
    """A machine with simulated SGX and TDX.

    Args:
        issued: when its certificate, the lists and the collateral were issued.
        name: what its PPID and keys are derived from.
        ca: who issues its PCK certificate; "processor" leaves the platform's extensions out.
        fmspc: its model, 6 bytes.
        cpu_svn: 16 component SVNs.
        pce_id: 2 bytes.
        revoked: which certificates their issuer's list revokes.
        pck_validity, list_validity: where they shall not follow from *issued*.
    """

    root: SimulatedRoot
    issued: datetime
    name: str = "machine"
    ca: PckCa = "platform"
    fmspc: bytes = bytes.fromhex("00806f050000")
    cpu_svn: tuple[int, ...] = CPU_SVN
    pce_svn: int = PCE_SVN
    pce_id: bytes = bytes(2)
    dynamic_platform: bool = True
    cached_keys: bool = False
    smt: bool = True
    revoked: frozenset[Revocable] = frozenset()
    pck_validity: Validity | None = None
    list_validity: Validity | None = None

    @property
    def ppid(self) -> bytes:
        """Its identity, 16 bytes."""
        return octets(self.root.seed, f"ppid {self.name}", 16)

    @property
    def qe_id(self) -> bytes:
        """What Intel's service knows its quoting enclave by, 16 bytes."""
        return octets(self.root.seed, f"qe id {self.name}", 16)

    @property
    def pck_key(self) -> ec.EllipticCurvePrivateKey:
        """What signs the reports of its quoting enclaves."""
        label = f"pck {self.name} {bytes(self.cpu_svn).hex()} {self.pce_svn}"
        return ec_key(self.root.seed, label, ec.SECP256R1())

    @property
    def pck(self) -> Party:
        """Whose key that is."""
        return Party(title=_PCK, key=self.pck_key)

    def certificates(self) -> tuple[bytes, bytes, bytes]:
        """PCK certificate, its authority's and the root's, DER."""
        validity = self.pck_validity or valid_for(self.issued, PCK_DAYS)
        extension = (SGX_EXTENSION, self._sgx_extensions())
        issuer = self.root.pck_ca(self.ca)
        pck = certify(self.pck, issuer, validity, roles=signer(), extensions=(extension,))
        return pck, *self.root.intel_certificates(self.ca)

    def crls(self) -> tuple[bytes, bytes]:
        """The lists of the PCK certificates' authority and of the root, DER."""
        validity = self.list_validity or valid_for(self.issued, LIST_DAYS)
        authority = self.root.pck_ca(self.ca)
        below_authority = (self.pck,) if PCK in self.revoked else ()
        below_root = tuple(
            party
            for name, party in ((CA, authority), (TCB_SIGNING, self.root.tcb_signing))
            if name in self.revoked
        )
        return (
            revoke(authority, below_authority, validity),
            revoke(self.root.intel_root, below_root, validity),
        )

    def endorse(self, tcb_info: TcbInfo, qe_identity: QeIdentity) -> Endorsements:
        """The collateral, signed, with everything that is needed to believe it."""
        key = self.root.tcb_signing_key
        _, *authorities = self.certificates()
        return Endorsements(
            certificates=(self.root.tcb_signing_certificate(), *authorities),
            crls=self.crls(),
            tcb_infos=(tcb_info.sign(key),),
            qe_identities=(qe_identity.sign(key),),
        )

    def list_dates(self) -> Validity:
        """When its collateral was issued, and when the next is due."""
        return valid_for(self.issued, LIST_DAYS)

    def _sgx_extensions(self) -> bytes:
        components = enumerate((*self.cpu_svn, self.pce_svn), 1)  # 17 is the PCE SVN
        tcb = (
            *(_entry(f"2.{arc}", der.encode(svn)) for arc, svn in components),
            _entry("2.18", der.encode(bytes(self.cpu_svn))),
        )
        entries = [
            _entry("1", der.encode(self.ppid)),
            _entry("2", der.sequence(*tcb)),
            _entry("3", der.encode(self.pce_id)),
            _entry("4", der.encode(self.fmspc)),
            _entry("5", _STANDARD if self.ca == "processor" else _SCALABLE),
        ]
        if self.ca == "platform":
            instance = octets(self.root.seed, f"platform instance {self.name}", 16)
            flags = (self.dynamic_platform, self.cached_keys, self.smt)
            configuration = (_entry(f"7.{arc}", der.encode(v)) for arc, v in enumerate(flags, 1))
            entries.append(_entry("6", der.encode(instance)))
            entries.append(_entry("7", der.sequence(*configuration)))
        return der.sequence(*entries)


_PCK = "Intel SGX PCK Certificate"
_STANDARD = b"\x0a\x01\x00"  # ENUMERATED: SGX type
_SCALABLE = b"\x0a\x01\x01"


def _entry(arc: str, value: bytes) -> bytes:
    """``SEQUENCE { id, value }`` of one of Intel's extensions."""
    return der.sequence(der.encode(ObjectIdentifier(f"{SGX_EXTENSION}.{arc}")), value)
