"""The body of a TDX quote: the trust domain's report in the three layouts that exist.

Version 4 has the first; version 5 says which.  Whether a trust domain is debuggable, migratable or
profiled is a claim for policy, not a question of shape; so are attribute bits that no table here
names (``TdAttributes.unknown``): the TDX module refuses to start a domain with attributes that it
does not support, and each release of it has added some.

Sources: Intel, "TDX DCAP Quoting Library API", appendices A.3.2 (TD report 1.0) and A.4.3 (1.5);
Intel, "TDX Module 1.5 ABI Reference Specification" (348551), section on TD_ATTRIBUTES (ATTRIBUTES
definition); Intel's quote verification library, commit d12717e, QuoteStructures.h (body type 4).
"""

from __future__ import annotations

from dataclasses import dataclass

from enarx.wire.record import raw, record, u8, u64

_UNDER_DEBUG = 0xFF  # TUD, bits 7 to 0: any of them makes the domain untrusted
_NAMED = frozenset({0, 4, 5, 6, 16, 27, 28, 29, 30, 31, 62, 63})


@dataclass(frozen=True, slots=True)
class TdAttributes:
    """ATTRIBUTES: bits 7 to 0 TUD (under debug), 31 to 8 SEC (security), 63 to 32 other."""

    value: int

    def __int__(self) -> int:
        return self.value

    @property
    def under_debug(self) -> bool:
        """Any bit of the group TUD is set, one without a name too: the domain is untrusted."""
        return bool(self.value & _UNDER_DEBUG)

    @property
    def debug(self) -> bool:
        """The host may read and write the domain's memory and registers."""
        return bool(self.value & 1)

    @property
    def hgs_plus_prof(self) -> bool:
        """The host sees hardware-guided scheduling classes of the domain."""
        return bool(self.value >> 4 & 1)

    @property
    def perf_prof(self) -> bool:
        """The host may profile the domain with performance counters."""
        return bool(self.value >> 5 & 1)

    @property
    def pmt_prof(self) -> bool:
        """The host sees telemetry of the domain's cores."""
        return bool(self.value >> 6 & 1)

    @property
    def icssd(self) -> bool:
        """Single-stepping is defended against by counting instructions."""
        return bool(self.value >> 16 & 1)

    @property
    def lass(self) -> bool:
        """Linear address space separation is allowed."""
        return bool(self.value >> 27 & 1)

    @property
    def sept_ve_disable(self) -> bool:
        """A page that the host took away stops the domain; it raises no exception in it."""
        return bool(self.value >> 28 & 1)

    @property
    def migratable(self) -> bool:
        """A migration domain may move it to another machine."""
        return bool(self.value >> 29 & 1)

    @property
    def pks(self) -> bool:
        """Supervisor protection keys are allowed."""
        return bool(self.value >> 30 & 1)

    @property
    def key_locker(self) -> bool:
        """Key Locker is allowed."""
        return bool(self.value >> 31 & 1)

    @property
    def tpa(self) -> bool:
        """The domain is the provisioning agent of TDX Connect."""
        return bool(self.value >> 62 & 1)

    @property
    def perfmon(self) -> bool:
        """The domain may use performance counters."""
        return bool(self.value >> 63 & 1)

    @property
    def unknown(self) -> int:
        """The bits that are set and have no name here."""
        return self.value & ~sum(1 << bit for bit in _NAMED)


@record(size=584)
class TdReport10:
    """TD report for TDX 1.0."""

    tee_tcb_svn: bytes = raw(0, 16)
    mr_seam: bytes = raw(16, 48)
    mr_signer_seam: bytes = raw(64, 48)
    seam_attributes: bytes = raw(112, 8)
    td_attributes: TdAttributes = u64(120, TdAttributes)
    xfam: int = u64(128)
    mr_td: bytes = raw(136, 48)
    mr_config_id: bytes = raw(184, 48)
    mr_owner: bytes = raw(232, 48)
    mr_owner_config: bytes = raw(280, 48)
    rtmr_0: bytes = raw(328, 48)
    rtmr_1: bytes = raw(376, 48)
    rtmr_2: bytes = raw(424, 48)
    rtmr_3: bytes = raw(472, 48)
    report_data: bytes = raw(520, 64)


@record(size=648)
class TdReport15:
    """TD report for TDX 1.5: also the module that runs now, and the bound service domains."""

    tee_tcb_svn: bytes = raw(0, 16)
    mr_seam: bytes = raw(16, 48)
    mr_signer_seam: bytes = raw(64, 48)
    seam_attributes: bytes = raw(112, 8)
    td_attributes: TdAttributes = u64(120, TdAttributes)
    xfam: int = u64(128)
    mr_td: bytes = raw(136, 48)
    mr_config_id: bytes = raw(184, 48)
    mr_owner: bytes = raw(232, 48)
    mr_owner_config: bytes = raw(280, 48)
    rtmr_0: bytes = raw(328, 48)
    rtmr_1: bytes = raw(376, 48)
    rtmr_2: bytes = raw(424, 48)
    rtmr_3: bytes = raw(472, 48)
    report_data: bytes = raw(520, 64)
    tee_tcb_svn2: bytes = raw(584, 16)
    mr_servicetd: bytes = raw(600, 48)


@record(size=885)
class TdReport15Ex:
    """TD report for TDX 1.5 with what TDX Connect and migration add."""

    tee_tcb_svn: bytes = raw(0, 16)
    mr_seam: bytes = raw(16, 48)
    mr_signer_seam: bytes = raw(64, 48)
    seam_attributes: bytes = raw(112, 8)
    td_attributes: TdAttributes = u64(120, TdAttributes)
    xfam: int = u64(128)
    mr_td: bytes = raw(136, 48)
    mr_config_id: bytes = raw(184, 48)
    mr_owner: bytes = raw(232, 48)
    mr_owner_config: bytes = raw(280, 48)
    rtmr_0: bytes = raw(328, 48)
    rtmr_1: bytes = raw(376, 48)
    rtmr_2: bytes = raw(424, 48)
    rtmr_3: bytes = raw(472, 48)
    report_data: bytes = raw(520, 64)
    tee_tcb_svn2: bytes = raw(584, 16)
    mr_servicetd: bytes = raw(600, 48)
    vmid: int = u8(648)
    td_id: bytes = raw(649, 32)
    dev_info: bytes = raw(681, 48)
    init_serv_td_hash: bytes = raw(729, 48)
    init_serv_td_attributes: bytes = raw(777, 8)
    init_cpu_svn: bytes = raw(785, 16)
    init_tee_tcb_svn: bytes = raw(801, 16)
    init_tee_fmspc: bytes = raw(817, 12)
    cur_serv_td_hash: bytes = raw(829, 48)
    cur_serv_td_attributes: bytes = raw(877, 8)


TdReport = TdReport10 | TdReport15 | TdReport15Ex
