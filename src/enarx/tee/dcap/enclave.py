"""REPORTBODY of an SGX enclave: of the quoting enclave in every quote, of the application in SGX's.

Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 3D, chapter "Enclave
Access Control and Data Structures": REPORT, and ATTRIBUTES.
"""

from __future__ import annotations

from dataclasses import dataclass

from enarx.wire.record import raw, record, u8, u16, u32, u64, zero


@dataclass(frozen=True, slots=True)
class EnclaveFlags:
    """ATTRIBUTES.FLAGS.

    Bits without a name are kept and not refused: the processor refuses an enclave with attributes
    that it does not know, and each generation has added some.
    """

    value: int

    def __int__(self) -> int:
        return self.value

    @property
    def init(self) -> bool:
        """The enclave is initialised (always, in a report)."""
        return bool(self.value & 1)

    @property
    def debug(self) -> bool:
        """The host may read and write the enclave's memory."""
        return bool(self.value >> 1 & 1)

    @property
    def mode64bit(self) -> bool:
        """The enclave runs in 64-bit mode."""
        return bool(self.value >> 2 & 1)

    @property
    def provision_key(self) -> bool:
        """The enclave may derive the provisioning key."""
        return bool(self.value >> 4 & 1)

    @property
    def einittoken_key(self) -> bool:
        """The enclave may derive the launch key."""
        return bool(self.value >> 5 & 1)

    @property
    def cet(self) -> bool:
        """Control-flow enforcement is on."""
        return bool(self.value >> 6 & 1)

    @property
    def kss(self) -> bool:
        """Key separation and sharing is on: config id, family id and extended product id count."""
        return bool(self.value >> 7 & 1)

    @property
    def aex_notify(self) -> bool:
        """Threads may be told of asynchronous exits."""
        return bool(self.value >> 10 & 1)


@record(size=384)
class EnclaveReport:
    """REPORTBODY: who the enclave is, how it runs, and its 64 bytes of data."""

    cpu_svn: bytes = raw(0, 16)
    misc_select: int = u32(16)
    cet_attributes: int = u8(20)
    reserved_21: bytes = zero(21, 11)
    isv_ext_prod_id: bytes = raw(32, 16)
    flags: EnclaveFlags = u64(48, EnclaveFlags)
    xfrm: int = u64(56)
    mr_enclave: bytes = raw(64, 32)
    reserved_96: bytes = zero(96, 32)
    mr_signer: bytes = raw(128, 32)
    reserved_160: bytes = zero(160, 32)
    config_id: bytes = raw(192, 64)
    isv_prod_id: int = u16(256)
    isv_svn: int = u16(258)
    config_svn: int = u16(260)
    reserved_262: bytes = zero(262, 42)
    isv_family_id: bytes = raw(304, 16)
    report_data: bytes = raw(320, 64)
