"""A simulated TDX module: makes quotes of trust domains, and the collateral to verify them.

Source: Intel, "TDX DCAP Quoting Library API", appendices A.3 (version 4) and A.4 (version 5).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from enarx.tee.dcap.layout import (
    ECDSA_P256,
    INTEL_QE_VENDOR_ID,
    TEE_TDX,
    BodyDescriptor,
    HeaderV4,
)
from enarx.tee.simulated.collateral import ModuleIdentity, SvnLevel, TcbInfo, TcbLevel
from enarx.tee.simulated.keys import octets
from enarx.tee.simulated.quote import TD_QE, QuotingEnclave, sign_quote
from enarx.tee.tdx.report import TdAttributes, TdReport, TdReport10, TdReport15, TdReport15Ex
from enarx.wire.record import pack, size_of, unpack

if TYPE_CHECKING:
    from enarx.tee.endorsements import Endorsements
    from enarx.tee.simulated.collateral import QeIdentity
    from enarx.tee.simulated.machine import IntelMachine

ATTRIBUTES = TdAttributes(1 << 28)  # SEPT_VE_DISABLE
XFAM = 0x6_00E7
TEE_TCB_SVN = bytes((7, 3, 9)).ljust(16, b"\0")
"""Version 7 of the TDX modules 3 ("TDX_03")."""

BODY_TYPES: dict[type, int] = {TdReport10: 2, TdReport15: 3, TdReport15Ex: 4}


@dataclass(frozen=True, slots=True, kw_only=True)
class TdGuest:
    """What whoever launches a trust domain knows of it.

    Args:
        mr_td: 48 bytes.
        rtmrs: four times 48 bytes.
        mr_servicetd: 48 bytes, only in quotes of version 5.
    """

    mr_td: bytes
    rtmrs: tuple[bytes, bytes, bytes, bytes] = (bytes(48),) * 4
    mr_config_id: bytes = bytes(48)
    mr_owner: bytes = bytes(48)
    mr_owner_config: bytes = bytes(48)
    attributes: TdAttributes = ATTRIBUTES
    xfam: int = XFAM
    mr_servicetd: bytes = bytes(48)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedTdx:
    """A machine with a simulated TDX module.

    Args:
        version: of its quotes: 4 with TD report 1.0, 5 with TD report 1.5.
        tee_tcb_svn: of the module that launched the domain, 16 bytes.
        tee_tcb_svn2: of the module that runs now; None for the same one.
        seam_attributes: 8 bytes.
    """

    machine: IntelMachine
    version: Literal[4, 5] = 4
    qe: QuotingEnclave = TD_QE
    tee_tcb_svn: bytes = TEE_TCB_SVN
    tee_tcb_svn2: bytes | None = None
    mr_signer_seam: bytes = bytes(48)
    seam_attributes: bytes = bytes(8)

    def quote(self, guest: TdGuest, *, report_data: bytes) -> bytes:
        """The quote that *guest* gets.

        Args:
            report_data: 64 bytes of the guest's.
        """
        return self.sign(self.describe(guest, report_data=report_data))

    def describe(self, guest: TdGuest, *, report_data: bytes) -> TdReport:
        """What ``quote`` would sign, for those who want to change a field before."""
        rtmr_0, rtmr_1, rtmr_2, rtmr_3 = guest.rtmrs
        report = TdReport10(
            tee_tcb_svn=self.tee_tcb_svn,
            mr_seam=octets(self.machine.root.seed, f"seam {self.tee_tcb_svn.hex()}", 48),
            mr_signer_seam=self.mr_signer_seam,
            seam_attributes=self.seam_attributes,
            td_attributes=guest.attributes,
            xfam=guest.xfam,
            mr_td=guest.mr_td,
            mr_config_id=guest.mr_config_id,
            mr_owner=guest.mr_owner,
            mr_owner_config=guest.mr_owner_config,
            rtmr_0=rtmr_0,
            rtmr_1=rtmr_1,
            rtmr_2=rtmr_2,
            rtmr_3=rtmr_3,
            report_data=report_data,
        )
        if self.version == _VERSION_4:
            return report
        later = self.tee_tcb_svn if self.tee_tcb_svn2 is None else self.tee_tcb_svn2
        return unpack(TdReport15, pack(report) + later + guest.mr_servicetd)

    def sign(self, report: TdReport) -> bytes:
        """The quote of *report*, whatever it says; version 4 has only reports for TDX 1.0."""
        header = HeaderV4(
            version=self.version,
            att_key_type=ECDSA_P256,
            tee_type=TEE_TDX,
            reserved=b"",
            vendor_id=INTEL_QE_VENDOR_ID,
            user_data=self.machine.qe_id.ljust(20, b"\0"),
        )
        kind = BodyDescriptor(body_type=BODY_TYPES[type(report)], size=size_of(type(report)))
        descriptor = b"" if self.version == _VERSION_4 else pack(kind)
        signed = pack(header) + descriptor + pack(report)
        return sign_quote(signed, self.qe, self.machine, self.version)

    def endorsements(
        self, *, tcb_info: TcbInfo | None = None, qe_identity: QeIdentity | None = None
    ) -> Endorsements:
        """The collateral: what ``tcb_info`` and ``qe_identity`` say, or what is given instead."""
        return self.machine.endorse(tcb_info or self.tcb_info(), qe_identity or self.qe_identity())

    def tcb_info(self) -> TcbInfo:
        """This machine and module as the only level, up to date."""
        machine, svns = self.machine, tuple(self.tee_tcb_svn)
        level = TcbLevel(sgx=machine.cpu_svn, pce_svn=machine.pce_svn, tdx=svns)
        module = ModuleIdentity(name=f"TDX_{svns[1]:02X}", levels=(SvnLevel(isv_svn=svns[0]),))
        return TcbInfo(
            tee="tdx",
            fmspc=machine.fmspc,
            pce_id=machine.pce_id,
            levels=(level,),
            modules=(module,) if svns[1] else (),
            validity=machine.list_dates(),
        )

    def qe_identity(self) -> QeIdentity:
        """Its quoting enclave at its version, up to date."""
        return self.qe.identity(self.machine)


_VERSION_4 = 4
