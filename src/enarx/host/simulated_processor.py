"""The simulation of what hardware does for a keep: measure what is launched, and quote.

It stands for the security processor, the TDX module or the quoting enclave, and a machine's
endorsements; real formats, a development root.  Whoever holds that root, which is this host, could
sign anything: SIMULATED stands in every certificate.

One ``Machine`` for each platform; ``launch`` measures the files of a process keep, ``launch_vm``
what a virtual machine is given, and only the returned ``Launched`` quotes for it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from enarx.evidence import cmw
from enarx.measure import vm
from enarx.measure.process import NAMES, measure
from enarx.tee.simulated.machine import IntelMachine
from enarx.tee.simulated.sgx import Enclave, SimulatedSgx
from enarx.tee.simulated.snp import SimulatedSnp, SnpGuest
from enarx.tee.simulated.tdx import SimulatedTdx, TdGuest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from enarx.measure.process import Platform
    from enarx.measure.snp_guest import Boot
    from enarx.tee.endorsements import Endorsements
    from enarx.tee.simulated.root import SimulatedRoot

    Measured = Mapping[str, bytes]
    """Measurements by the names that reference values have for them."""
    Sign = Callable[[Measured, bytes], bytes]
    """``(measured, report_data)`` to evidence."""

RENEWED_AFTER = timedelta(days=7)
"""How old endorsements may become: Intel's collateral, which this imitates, holds for 30 days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A simulated machine of one platform, with its endorsements as of one instant.

    Args:
        platform: "snp", "tdx" or "sgx".
        issued: when its endorsements were; make another machine after ``RENEWED_AFTER``.
    """

    platform: Platform
    issued: datetime
    endorsements: Endorsements = field(repr=False)
    _sign: Sign = field(repr=False)

    def launch(self, image: Mapping[str, bytes]) -> Launched:
        """Measure *image*, as the hardware would while it is put into memory."""
        measured = {NAMES[self.platform]: measure(self.platform, image)}
        return Launched(machine=self, measured=measured)

    def launch_vm(self, firmware: bytes, boot: Boot, *, processors: int) -> Launched:
        """Measure what a virtual machine is given.

        Raises:
            ValueError: this platform has no virtual machines, or *firmware* is none.
        """
        if self.platform == "snp":
            measured = vm.snp(firmware, boot, processors=processors)
        elif self.platform == "tdx":
            measured = vm.tdx(firmware, boot)
        else:
            raise ValueError(f"{self.platform} has no virtual machines")
        return Launched(machine=self, measured=measured)


@dataclass(frozen=True, slots=True, kw_only=True)
class Launched:
    """A keep image on a machine."""

    machine: Machine
    measured: Measured

    def quote(self, report_data: bytes) -> bytes:
        """Evidence that is bound to *report_data*, 64 bytes, with the machine's endorsements.

        A conceptual message wrapper in CBOR.
        """
        evidence = self.machine._sign(self.measured, report_data)  # noqa: SLF001 - its own
        return cmw.wrap(evidence, self.machine.platform, self.machine.endorsements, "cbor")


def machine(platform: Platform, root: SimulatedRoot, issued: datetime) -> Machine:
    """The simulated machine of *platform* below *root*; it is the same at every call.

    Args:
        issued: of the endorsements, to the second.
    """
    endorsements, sign = _MACHINES[platform](root, issued)
    return Machine(platform=platform, issued=issued, endorsements=endorsements, _sign=sign)


def _snp(root: SimulatedRoot, issued: datetime) -> tuple[Endorsements, Sign]:
    made = SimulatedSnp(root=root, issued=issued)

    def sign(measured: Measured, report_data: bytes) -> bytes:
        guest = SnpGuest(measurement=measured["measurement"])
        return made.report(guest, report_data=report_data)

    return made.endorsements(), sign


def _tdx(root: SimulatedRoot, issued: datetime) -> tuple[Endorsements, Sign]:
    made = SimulatedTdx(machine=IntelMachine(root=root, issued=issued))

    def sign(measured: Measured, report_data: bytes) -> bytes:
        first, second, third, fourth = (measured.get(f"rtmr_{n}", bytes(48)) for n in range(4))
        guest = TdGuest(mr_td=measured["mr_td"], rtmrs=(first, second, third, fourth))
        return made.quote(guest, report_data=report_data)

    return made.endorsements(), sign


def _sgx(root: SimulatedRoot, issued: datetime) -> tuple[Endorsements, Sign]:
    made = SimulatedSgx(machine=IntelMachine(root=root, issued=issued))

    def sign(measured: Measured, report_data: bytes) -> bytes:
        return made.quote(Enclave(mr_enclave=measured["mr_enclave"]), report_data=report_data)

    return made.endorsements(), sign


_MACHINES: Mapping[Platform, Callable[[SimulatedRoot, datetime], tuple[Endorsements, Sign]]] = {
    "snp": _snp,
    "tdx": _tdx,
    "sgx": _sgx,
}
