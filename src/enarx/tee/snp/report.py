"""ATTESTATION_REPORT: what the firmware signs, and its signature, as bytes and fields.

Shape only: lengths, reserved bytes, known versions and values.  TCBs stay opaque, since their
layout depends on the product (``tcb``); nothing here says that a report is genuine.

Versions.  Up to rev. 1.55 the specification has version 2, then 3 (CPUID), and in rev. 1.58 version
5 (mitigation vectors).  AMD has published no description of version 4, which firmware 1.55.31
writes (virtee/sev #312, google/go-sev-guest #158): it is read as version 3, so what 5 made of
reserved bytes must be zero in it.  Version 1 is Microsoft's imitation for emulated hosts.

Source: AMD 56860 "SEV Secure Nested Paging Firmware ABI Specification" rev. 1.58, section 7.3,
table 23 (ATTESTATION_REPORT), section 4.3 (guest policy), section 10 (signature formats).
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from enarx.errors import MalformedError
from enarx.wire.record import offset_of, raw, record, u8, u32, u64, unpack, zero

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSIONS = (2, 3, 4, 5)

CPUID_SINCE = 3
MITIGATIONS_SINCE = 5

HOST_REQUESTED = 0xFFFF_FFFF
"""VMPL of a report that the host asked for."""

ECDSA_P384_SHA384 = 1

POLICY_BITS: Mapping[str, int] = MappingProxyType(
    {
        "smt": 16,
        "migrate_ma": 18,
        "debug": 19,
        "single_socket": 20,
        "cxl_allow": 21,
        "mem_aes_256_xts": 22,
        "rapl_dis": 23,
        "ciphertext_hiding_dram": 24,
        "page_swap_disable": 25,
    }
)
"""What can be set in a guest's policy beside versions, by its name in ``GuestPolicy``."""

SigningKey = Literal["vcek", "vlek", "none"]
_SIGNING_KEYS: dict[int, SigningKey] = {0: "vcek", 1: "vlek", 7: "none"}


@dataclass(frozen=True, slots=True)
class GuestPolicy:
    """POLICY: what the guest's owner allows and demands.

    Bits 63 to 26 must be zero (section 4.3): the firmware starts no guest with another policy, so a
    report that has one is of a specification that is not known here.
    """

    value: int

    def __post_init__(self) -> None:
        if not self.value >> 17 & 1:
            raise ValueError(f"got 0x{self.value:x}, want bit 17, which is reserved, to be one")
        if self.value >> 26:
            raise ValueError(f"got 0x{self.value:x}, want the reserved bits 63 to 26 to be zero")

    def __int__(self) -> int:
        return self.value

    @property
    def abi_minor(self) -> int:
        """Least minor ABI version of the firmware."""
        return self.value & 0xFF

    @property
    def abi_major(self) -> int:
        """Least major ABI version of the firmware."""
        return self.value >> 8 & 0xFF

    @property
    def smt(self) -> bool:
        """Simultaneous multithreading is allowed."""
        return bool(self.value >> 16 & 1)

    @property
    def migrate_ma(self) -> bool:
        """A migration agent is allowed."""
        return bool(self.value >> 18 & 1)

    @property
    def debug(self) -> bool:
        """The host may decrypt and change the guest's memory."""
        return bool(self.value >> 19 & 1)

    @property
    def single_socket(self) -> bool:
        """The guest may be active on one socket only."""
        return bool(self.value >> 20 & 1)

    @property
    def cxl_allow(self) -> bool:
        """CXL devices and memory are allowed."""
        return bool(self.value >> 21 & 1)

    @property
    def mem_aes_256_xts(self) -> bool:
        """AES-256-XTS is required for memory."""
        return bool(self.value >> 22 & 1)

    @property
    def rapl_dis(self) -> bool:
        """Running average power limit must be disabled."""
        return bool(self.value >> 23 & 1)

    @property
    def ciphertext_hiding_dram(self) -> bool:
        """Ciphertext hiding for DRAM is required."""
        return bool(self.value >> 24 & 1)

    @property
    def page_swap_disable(self) -> bool:
        """Moving and swapping of guest pages is disabled."""
        return bool(self.value >> 25 & 1)


@dataclass(frozen=True, slots=True)
class PlatformInfo:
    """PLATFORM_INFO: how the machine is set up.

    Bits without a name are kept and not refused: recorded Turin reports have bit 6 set, which no
    published table names, and each revision of the specification has named further ones.
    """

    value: int

    def __int__(self) -> int:
        return self.value

    @property
    def smt_en(self) -> bool:
        """Simultaneous multithreading is enabled."""
        return bool(self.value & 1)

    @property
    def tsme_en(self) -> bool:
        """Transparent secure memory encryption is enabled."""
        return bool(self.value >> 1 & 1)

    @property
    def ecc_en(self) -> bool:
        """Memory has error correcting codes."""
        return bool(self.value >> 2 & 1)

    @property
    def rapl_dis(self) -> bool:
        """Running average power limit is disabled."""
        return bool(self.value >> 3 & 1)

    @property
    def ciphertext_hiding_dram_en(self) -> bool:
        """Ciphertext hiding for DRAM is enabled."""
        return bool(self.value >> 4 & 1)

    @property
    def alias_check_complete(self) -> bool:
        """No aliasing addresses were found since the last reset (AMD-SB-3015)."""
        return bool(self.value >> 5 & 1)

    @property
    def tio_en(self) -> bool:
        """SEV-TIO is enabled."""
        return bool(self.value >> 7 & 1)


@dataclass(frozen=True, slots=True)
class SignerInfo:
    """The word at 0x48: which key signs, and which keys the guest was launched with."""

    value: int

    def __post_init__(self) -> None:
        if self.value >> 5:
            raise ValueError(f"got 0x{self.value:x}, want the reserved bits 31 to 5 to be zero")
        if self.value >> 2 not in _SIGNING_KEYS:
            raise ValueError(
                f"got SIGNING_KEY {self.value >> 2}, want 0 (VCEK), 1 (VLEK), 7 (none)"
            )

    def __int__(self) -> int:
        return self.value

    @property
    def author_key_en(self) -> bool:
        """AUTHOR_KEY_DIGEST holds the digest of an author key."""
        return bool(self.value & 1)

    @property
    def mask_chip_key(self) -> bool:
        """The host has the VCEK masked, and then the firmware writes zeros for a signature."""
        return bool(self.value >> 1 & 1)

    @property
    def signing_key(self) -> SigningKey:
        """Which key signed."""
        return _SIGNING_KEYS[self.value >> 2]


def _version(value: int) -> int:
    if value not in VERSIONS:
        raise ValueError(f"got version {value}, want one of {', '.join(map(str, VERSIONS))}")
    return value


def _vmpl(value: int) -> int:
    if value > 3 and value != HOST_REQUESTED:  # noqa: PLR2004 - VMPL 0 to 3 is the specification's
        raise ValueError(f"got VMPL 0x{value:x}, want 0 to 3, or 0xffffffff")
    return value


def _signature_algo(value: int) -> int:
    if value != ECDSA_P384_SHA384:
        raise ValueError(f"got signature algorithm {value}, want 1 (ECDSA P-384 with SHA-384)")
    return value


@record(size=0x2A0)
class AttestationReport:
    """ATTESTATION_REPORT without its signature: exactly the bytes that are signed."""

    version: int = u32(0x000, _version)
    guest_svn: int = u32(0x004)
    policy: GuestPolicy = u64(0x008, GuestPolicy)
    family_id: bytes = raw(0x010, 16)
    image_id: bytes = raw(0x020, 16)
    vmpl: int = u32(0x030, _vmpl)
    signature_algo: int = u32(0x034, _signature_algo)
    current_tcb: bytes = raw(0x038, 8)
    platform_info: PlatformInfo = u64(0x040, PlatformInfo)
    signer_info: SignerInfo = u32(0x048, SignerInfo)
    reserved_04c: bytes = zero(0x04C, 4)
    report_data: bytes = raw(0x050, 64)
    measurement: bytes = raw(0x090, 48)
    host_data: bytes = raw(0x0C0, 32)
    id_key_digest: bytes = raw(0x0E0, 48)
    author_key_digest: bytes = raw(0x110, 48)
    report_id: bytes = raw(0x140, 32)
    report_id_ma: bytes = raw(0x160, 32)
    reported_tcb: bytes = raw(0x180, 8)
    cpuid_fam_id: int = u8(0x188)
    cpuid_mod_id: int = u8(0x189)
    cpuid_step: int = u8(0x18A)
    reserved_18b: bytes = zero(0x18B, 21)
    chip_id: bytes = raw(0x1A0, 64)
    committed_tcb: bytes = raw(0x1E0, 8)
    current_build: int = u8(0x1E8)
    current_minor: int = u8(0x1E9)
    current_major: int = u8(0x1EA)
    reserved_1eb: bytes = zero(0x1EB, 1)
    committed_build: int = u8(0x1EC)
    committed_minor: int = u8(0x1ED)
    committed_major: int = u8(0x1EE)
    reserved_1ef: bytes = zero(0x1EF, 1)
    launch_tcb: bytes = raw(0x1F0, 8)
    launch_mit_vector: int = u64(0x1F8)
    current_mit_vector: int = u64(0x200)
    reserved_208: bytes = zero(0x208, 152)


RESERVED_BEFORE: tuple[tuple[str, int], ...] = (  # (field, the version that gave it a meaning)
    ("cpuid_fam_id", CPUID_SINCE),
    ("cpuid_mod_id", CPUID_SINCE),
    ("cpuid_step", CPUID_SINCE),
    ("launch_mit_vector", MITIGATIONS_SINCE),
    ("current_mit_vector", MITIGATIONS_SINCE),
)


@record(size=0x200)
class Signature:
    """SIGNATURE of a report, at 0x2A0 of it: two little-endian numbers of 72 bytes.

    The numbers of P-384 fill 48 of them.  What follows is signed by nobody, so it must be zero:
    otherwise the same report would have many spellings.
    """

    r: bytes = raw(0x000, 48)
    reserved_r: bytes = zero(0x030, 24)
    s: bytes = raw(0x048, 48)
    reserved_s: bytes = zero(0x078, 24)
    reserved: bytes = zero(0x090, 368)


TCB_FIELDS = ("current_tcb", "committed_tcb", "reported_tcb", "launch_tcb")


def read_report(data: bytes, where: str) -> AttestationReport:
    """The report in the 672 bytes before the signature.

    Raises:
        MalformedError: not a report of a known version.
    """
    report = unpack(AttestationReport, data, where)
    for name, since in RESERVED_BEFORE:
        if report.version < since and getattr(report, name):
            problem = f"reserved in version {report.version}, got 0x{getattr(report, name):x}"
            offset = offset_of(AttestationReport, name)
            raise MalformedError(f"{where}.{name}", f"{problem}, want zero", offset=offset)
    return report
