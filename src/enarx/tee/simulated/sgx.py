"""A simulated SGX platform: makes quotes of enclaves, and the collateral to verify them.

Source: Intel, "SGX ECDSA QuoteLibReference DCAP API", appendix A.4 (version 3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from enarx.tee.dcap.enclave import EnclaveFlags, EnclaveReport
from enarx.tee.dcap.layout import ECDSA_P256, INTEL_QE_VENDOR_ID, HeaderV3
from enarx.tee.simulated.collateral import TcbInfo, TcbLevel
from enarx.tee.simulated.quote import QE, XFRM, QuotingEnclave, sign_quote
from enarx.wire.record import pack

if TYPE_CHECKING:
    from enarx.tee.endorsements import Endorsements
    from enarx.tee.simulated.collateral import QeIdentity
    from enarx.tee.simulated.machine import IntelMachine

FLAGS = EnclaveFlags(0x05)  # INIT, MODE64BIT

_VERSION = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Enclave:
    """What whoever launches an enclave knows of it.

    Args:
        mr_enclave, mr_signer: 32 bytes each.
        config_id: 64 bytes; counts only with the flag KSS.
    """

    mr_enclave: bytes
    mr_signer: bytes = bytes(32)
    isv_prod_id: int = 0
    isv_svn: int = 0
    flags: EnclaveFlags = FLAGS
    xfrm: int = XFRM
    misc_select: int = 0
    config_id: bytes = bytes(64)
    config_svn: int = 0
    isv_ext_prod_id: bytes = bytes(16)
    isv_family_id: bytes = bytes(16)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedSgx:
    """A machine with simulated SGX."""

    machine: IntelMachine
    qe: QuotingEnclave = QE

    def quote(self, enclave: Enclave, *, report_data: bytes) -> bytes:
        """The quote that *enclave* gets.

        Args:
            report_data: 64 bytes of the enclave's.
        """
        return self.sign(self.describe(enclave, report_data=report_data))

    def describe(self, enclave: Enclave, *, report_data: bytes) -> EnclaveReport:
        """What ``quote`` would sign, for those who want to change a field before."""
        return EnclaveReport(
            cpu_svn=bytes(self.machine.cpu_svn),
            misc_select=enclave.misc_select,
            cet_attributes=0,
            reserved_21=b"",
            isv_ext_prod_id=enclave.isv_ext_prod_id,
            flags=enclave.flags,
            xfrm=enclave.xfrm,
            mr_enclave=enclave.mr_enclave,
            reserved_96=b"",
            mr_signer=enclave.mr_signer,
            reserved_160=b"",
            config_id=enclave.config_id,
            isv_prod_id=enclave.isv_prod_id,
            isv_svn=enclave.isv_svn,
            config_svn=enclave.config_svn,
            reserved_262=b"",
            isv_family_id=enclave.isv_family_id,
            report_data=report_data,
        )

    def sign(self, report: EnclaveReport) -> bytes:
        """The quote of *report*, whatever it says."""
        header = HeaderV3(
            version=_VERSION,
            att_key_type=ECDSA_P256,
            reserved=b"",
            qe_svn=self.qe.isv_svn,
            pce_svn=self.machine.pce_svn,
            vendor_id=INTEL_QE_VENDOR_ID,
            user_data=self.machine.qe_id.ljust(20, b"\0"),
        )
        return sign_quote(pack(header) + pack(report), self.qe, self.machine, _VERSION)

    def endorsements(
        self, *, tcb_info: TcbInfo | None = None, qe_identity: QeIdentity | None = None
    ) -> Endorsements:
        """The collateral: what ``tcb_info`` and ``qe_identity`` say, or what is given instead."""
        return self.machine.endorse(tcb_info or self.tcb_info(), qe_identity or self.qe_identity())

    def tcb_info(self) -> TcbInfo:
        """This machine as the only level, up to date."""
        machine = self.machine
        return TcbInfo(
            tee="sgx",
            fmspc=machine.fmspc,
            pce_id=machine.pce_id,
            levels=(TcbLevel(sgx=machine.cpu_svn, pce_svn=machine.pce_svn),),
            validity=machine.list_dates(),
        )

    def qe_identity(self) -> QeIdentity:
        """Its quoting enclave at its version, up to date."""
        return self.qe.identity(self.machine)
