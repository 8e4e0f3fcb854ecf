"""A simulated SEV-SNP machine: signs reports as its security processor would, and endorses them.

A chip of one root and name has the same chip id and the same keys every time; its VCEK belongs to
its TCB, as AMD's does, so that an older TCB is another key and another certificate.

Sources: AMD 56860 rev. 1.58, section 7.3 (reports); AMD 57230 rev. 1.00, section 3 (certificates);
AMD 56421 rev. 2.03, section 4.1.8.1 (certificate table).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cryptography.hazmat.asn1 import IA5String
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from enarx.tee.endorsements import Endorsements
from enarx.tee.simulated.certificates import Party, Validity, certify, revoke, valid_for
from enarx.tee.simulated.keys import ec_key, octets, sign
from enarx.tee.snp.certificate_table import (
    ARK,
    ASK,
    VCEK,
    VLEK,
    CertificateTable,
    Entry,
    pack_table,
)
from enarx.tee.snp.report import (
    CPUID_SINCE,
    ECDSA_P384_SHA384,
    AttestationReport,
    GuestPolicy,
    PlatformInfo,
    Signature,
    SignerInfo,
)
from enarx.tee.snp.tcb import compose
from enarx.tee.snp.vek import (
    CSP_ID,
    HW_ID,
    HWID_BYTES,
    PRODUCT_NAME,
    RESERVED_SPL,
    SPL,
    STRUCT_VERSION,
)
from enarx.wire import der
from enarx.wire.record import pack

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from enarx.tee.simulated.root import SimulatedRoot
    from enarx.tee.snp.products import Product
    from enarx.tee.snp.vek import Signer

POLICY = GuestPolicy(0x3_0000)  # SMT allowed, nothing else
PLATFORM_INFO = PlatformInfo(0x25)  # SMT, ECC, no aliases found
VEK_DAYS = 7 * 365
CRL_DAYS = 365


@dataclass(frozen=True, slots=True, kw_only=True)
class SnpGuest:
    """What whoever launches a guest knows of it.

    Args:
        measurement: launch digest, 48 bytes.
        report_id: of this run of the guest, 32 bytes.
        id_key_digest, author_key_digest: zero without an ID block.
    """

    measurement: bytes
    host_data: bytes = bytes(32)
    policy: GuestPolicy = POLICY
    guest_svn: int = 0
    family_id: bytes = bytes(16)
    image_id: bytes = bytes(16)
    id_key_digest: bytes = bytes(48)
    author_key_digest: bytes = bytes(48)
    report_id: bytes = bytes(32)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedSnp:
    """A machine with a simulated security processor.

    Args:
        issued: when its certificate and the revocation list were issued.
        chip: its name; what chip id and keys are derived from.
        signer: "vcek", or "vlek" for the key of a cloud provider, where the chip id is zero.
        tcb: security version numbers that differ from ``TCB``'s, by name.
        version: of its reports; None for 5 on Turin and 3 elsewhere.
        ask_revoked: the ARK's list revokes the ASK (or ASVK).
        vek_validity, crl_validity: where they shall not follow from *issued*.
    """

    root: SimulatedRoot
    issued: datetime
    product: Product = "Genoa"
    chip: str = "chip"
    signer: Signer = "vcek"
    tcb: Mapping[str, int] = field(default_factory=dict)
    version: int | None = None
    platform_info: PlatformInfo = PLATFORM_INFO
    ask_revoked: bool = False
    vek_validity: Validity | None = None
    crl_validity: Validity | None = None

    @property
    def hwid(self) -> bytes:
        """What AMD's key server knows the chip by: 64 bytes, or 8 of a Turin."""
        return octets(self.root.seed, f"chip {self.product} {self.chip}", HWID_BYTES[self.product])

    @property
    def tcb_version(self) -> bytes:
        """TCB_VERSION, 8 bytes."""
        return compose(self.product, self._tcb(), "tcb")

    def report(self, guest: SnpGuest, *, report_data: bytes, vmpl: int = 0) -> bytes:
        """The signed report that *guest* gets, 1184 bytes.

        Args:
            report_data: 64 bytes of the guest's.
        """
        return self.sign(self.describe(guest, report_data=report_data, vmpl=vmpl))

    def describe(self, guest: SnpGuest, *, report_data: bytes, vmpl: int = 0) -> AttestationReport:
        """What ``report`` would sign, for those who want to change a field before."""
        family, model, stepping = self._cpuid()
        return AttestationReport(
            version=self.version or _VERSION[self.product],
            guest_svn=guest.guest_svn,
            policy=guest.policy,
            family_id=guest.family_id,
            image_id=guest.image_id,
            vmpl=vmpl,
            signature_algo=ECDSA_P384_SHA384,
            current_tcb=self.tcb_version,
            platform_info=self.platform_info,
            signer_info=self._signer_info(guest),
            reserved_04c=b"",
            report_data=report_data,
            measurement=guest.measurement,
            host_data=guest.host_data,
            id_key_digest=guest.id_key_digest,
            author_key_digest=guest.author_key_digest,
            report_id=guest.report_id,
            report_id_ma=b"\xff" * 32,
            reported_tcb=self.tcb_version,
            cpuid_fam_id=family,
            cpuid_mod_id=model,
            cpuid_step=stepping,
            reserved_18b=b"",
            chip_id=self.hwid.ljust(64, b"\0") if self.signer == "vcek" else bytes(64),
            committed_tcb=self.tcb_version,
            current_build=_BUILD,
            current_minor=_MINOR,
            current_major=_MAJOR,
            reserved_1eb=b"",
            committed_build=_BUILD,
            committed_minor=_MINOR,
            committed_major=_MAJOR,
            reserved_1ef=b"",
            launch_tcb=self.tcb_version,
            launch_mit_vector=0,
            current_mit_vector=0,
            reserved_208=b"",
        )

    def sign(self, report: AttestationReport) -> bytes:
        """*report* with the signature of this chip's key for this TCB, whatever it says."""
        body = pack(report)
        r, s = decode_dss_signature(sign(self._vek_key(), body, hashes.SHA384()))
        signature = Signature(
            r=r.to_bytes(48, "little"),
            reserved_r=b"",
            s=s.to_bytes(48, "little"),
            reserved_s=b"",
            reserved=b"",
        )
        return body + pack(signature)

    def endorsements(self) -> Endorsements:
        """VCEK (or VLEK), ASK (or ASVK), ARK and the ARK's revocation list."""
        return Endorsements(certificates=self.certificates(), crls=(self.crl(),))

    def certificates(self) -> tuple[bytes, bytes, bytes]:
        """VCEK (or VLEK), ASK (or ASVK) and ARK, DER."""
        title = f"SEV-{self.signer.upper()}"
        vek = certify(
            Party(title=title, key=self._vek_key(), serial=0),
            self.root.ask(self.product, self.signer),
            self.vek_validity or valid_for(self.issued, VEK_DAYS),
            extensions=self._vek_extensions(),
        )
        return vek, *self.root.amd_certificates(self.product, self.signer)

    def crl(self) -> bytes:
        """The ARK's revocation list, DER."""
        revoked = (self.root.ask(self.product, self.signer),) if self.ask_revoked else ()
        validity = self.crl_validity or valid_for(self.issued, CRL_DAYS)
        return revoke(self.root.ark(self.product), revoked, validity)

    def certificate_table(self) -> bytes:
        """VCEK (or VLEK), ASK (or ASVK) and ARK, as a host hands them to the guest."""
        guids = (VCEK if self.signer == "vcek" else VLEK, ASK, ARK)
        pairs = zip(guids, self.certificates(), strict=True)
        return pack_table(
            CertificateTable(entries=tuple(Entry(guid=guid, data=der) for guid, der in pairs))
        )

    def _cpuid(self) -> tuple[int, int, int]:
        told = (self.version or CPUID_SINCE) >= CPUID_SINCE
        return _CPUID[self.product] if told else (0, 0, 0)

    def _tcb(self) -> dict[str, int]:
        return {**TCB[self.product], **self.tcb}

    def _signer_info(self, guest: SnpGuest) -> SignerInfo:
        return SignerInfo((self.signer == "vlek") << 2 | any(guest.author_key_digest))

    def _vek_key(self) -> ec.EllipticCurvePrivateKey:
        owner = self.chip if self.signer == "vcek" else "provider"
        label = f"{self.signer} {self.product} {owner} {self.tcb_version.hex()}"
        return ec_key(self.root.seed, label, ec.SECP384R1())

    def _vek_extensions(self) -> tuple[tuple[str, bytes], ...]:
        turin, vcek = self.product == "Turin", self.signer == "vcek"
        name = _PRODUCT_NAMES[self.product] if vcek else self.product
        owner = (HW_ID, self.hwid) if vcek else (CSP_ID, _ia5(PROVIDER))
        return (
            (STRUCT_VERSION, der.encode(int(turin))),
            (PRODUCT_NAME, _ia5(name)),
            *((SPL[component], der.encode(number)) for component, number in self._tcb().items()),
            *((oid, der.encode(0)) for oid in RESERVED_SPL[turin:]),  # a Turin's has no 3.4
            owner,
        )


TCB: Mapping[Product, dict[str, int]] = {
    "Milan": {"bootloader": 4, "tee": 0, "snp": 24, "microcode": 219},
    "Genoa": {"bootloader": 10, "tee": 0, "snp": 25, "microcode": 84},
    "Turin": {"fmc": 1, "bootloader": 1, "tee": 1, "snp": 4, "microcode": 72},
}
"""Security version numbers of a machine that says nothing else."""

PROVIDER = "CN=SIMULATED provider"
"""Whose VLEKs these are, as the certificate names it."""

_VERSION: Mapping[Product, int] = {"Milan": 3, "Genoa": 3, "Turin": 5}
_CPUID: Mapping[Product, tuple[int, int, int]] = {
    "Milan": (0x19, 0x01, 0x01),
    "Genoa": (0x19, 0x11, 0x01),
    "Turin": (0x1A, 0x02, 0x01),
}
_MAJOR, _MINOR, _BUILD = 1, 58, 1  # of the firmware
_PRODUCT_NAMES: Mapping[Product, str] = {"Milan": "Milan-B0", "Genoa": "Genoa", "Turin": "Turin"}


def _ia5(text: str) -> bytes:
    return der.encode(IA5String(text))
