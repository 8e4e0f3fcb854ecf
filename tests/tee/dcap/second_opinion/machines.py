"""Random simulated machines, quotes and collateral, all of it signed: what differs is what it says.

Recorded collateral cannot be edited without breaking Intel's signature.  Under the development root
everything can be signed again, so that levels, modules, identities, certificates and attributes of
every kind reach the derivation of the status on both sides.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from tests.tee.dcap.second_opinion.json_edits import edited
from tests.tee.dcap.second_opinion.opinions import Case, Collateral, Signed, signed

from enarx.tee.dcap.collateral import PLATFORM_STATUSES
from enarx.tee.simulated.collateral import (
    ModuleIdentity,
    QeIdentity,
    SvnLevel,
    TcbInfo,
    TcbLevel,
    raw_signature,
)
from enarx.tee.simulated.machine import CA, PCK, TCB_SIGNING, IntelMachine
from enarx.tee.simulated.sgx import Enclave, SimulatedSgx
from enarx.tee.simulated.tdx import SimulatedTdx, TdGuest
from enarx.tee.tdx.report import TdAttributes, TdReport15, TdReport15Ex
from enarx.wire.record import pack, size_of

if TYPE_CHECKING:
    from tests.tee.conftest import QuoteForge

T = TypeVar("T")

DATA = b"d" * 64
GUEST = TdGuest(mr_td=b"m" * 48)
ENCLAVE = Enclave(mr_enclave=b"e" * 32)
ADVISORIES = ("INTEL-SA-00001", "INTEL-SA-00002", "INTEL-SA-00003")
STATUSES = 3 * sorted(PLATFORM_STATUSES - {"Revoked"}) + ["Revoked"]
PART = 5 * ["UpToDate"] + 5 * ["OutOfDate"] + ["Revoked"]
ATTRIBUTES = (0, 1, 4, 5, 6, 16, 27, 28, 29, 30, 31, 32, 40, 62, 63)
ENCLAVE_FLAGS = (0x05, 0x07, 0x15, 0x85, 0x405)
NEAR = (0,) * 98 + (-1, 1)
LOWERED = (0,) * 90 + (-1,) * 9 + (1,)
"""What is added to each SVN of a machine, and of a level that it may or may not reach."""

SOMETIMES = 0.03
"""How often each thing is other than on an honest machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """Where they are made.

    Args:
        forges: of a TDX and an SGX quote.
    """

    machine: IntelMachine
    forges: tuple[QuoteForge, QuoteForge]
    chance: random.Random

    def case(self) -> Case:
        """One at random."""
        return self._tdx() if self.chance.random() < 0.7 else self._sgx()

    def _tdx(self) -> Case:
        machine, chance = self._machine(), self.chance
        svns = [chance.choice((5, 7)), chance.choice((0, 1, 3, 3)), chance.choice((0, 9, 9))]
        simulated = SimulatedTdx(
            machine=machine,
            version=chance.choice((4, 5)),
            tee_tcb_svn=bytes(svns).ljust(16, b"\0"),
            tee_tcb_svn2=chance.choice((None, bytes((7, 3, 9)).ljust(16, b"\0"))),
            mr_signer_seam=self._maybe(b"s" * 48, bytes(48)),
            seam_attributes=self._maybe(b"\1".ljust(8, b"\0"), bytes(8)),
        )
        guest = replace(
            GUEST, attributes=self._attributes(), mr_servicetd=self._maybe(b"t" * 48, bytes(48))
        )
        body = pack(simulated.describe(guest, report_data=DATA))
        if len(body) == size_of(TdReport15) and chance.random() < 0.3:
            body += chance.randbytes(size_of(TdReport15Ex) - len(body))
        version = {584: chance.choice((4, 4, 5))}.get(len(body), 5)
        forge = replace(self.forges[0], machine=machine, version=version, body=body)
        info = self._info(simulated.tcb_info(), simulated.tee_tcb_svn)
        return self._asked("TDX", forge, info, simulated.qe_identity())

    def _sgx(self) -> Case:
        machine = self._machine()
        simulated = SimulatedSgx(machine=machine)
        body = pack(simulated.describe(ENCLAVE, report_data=DATA))
        forge = replace(self.forges[1], machine=machine, body=body, version=self._maybe(5, 3))
        return self._asked(
            "SGX", forge, self._info(simulated.tcb_info(), b""), simulated.qe_identity()
        )

    def _asked(self, what: str, forge: QuoteForge, info: TcbInfo, identity: QeIdentity) -> Case:
        """The case of a quote and collateral, both still to be varied."""
        chance, machine = self.chance, forge.machine
        forge = replace(
            forge,
            report=self._report(),
            authentication=self._maybe(bytes(chance.choice((0, 16, 33))), bytes(32)),
        )
        root_key = machine.root.tcb_signing_key
        _, ca, root = machine.certificates()
        pck_crl, root_crl = machine.crls()
        collateral = Collateral(
            signers=(machine.root.tcb_signing_certificate(), root),
            issuers=(ca, root),
            pck_crl=pck_crl,
            root_crl=root_crl,
            tcb_info=self._edited(info.sign(root_key), "tcbInfo"),
            qe_identity=self._edited(self._identity(identity).sign(root_key), "enclaveIdentity"),
        )
        later = timedelta(days=self._maybe(chance.choice((-1, 29, 31, 4000)), 1))
        return Case(
            what=what,
            quote=forge.make(),
            collateral=collateral,
            anchors=machine.root.anchors(),
            root=root,
            now=machine.issued + later,
            sign=self._sign,
        )

    def _maybe(self, other: T, usual: T) -> T:
        return other if self.chance.random() < SOMETIMES else usual

    def _machine(self) -> IntelMachine:
        chance, machine = self.chance, self.machine
        revoked = chance.choice((PCK, CA, TCB_SIGNING))
        return replace(
            machine,
            ca=chance.choice(("platform", "processor")),
            cpu_svn=self._near(machine.cpu_svn),
            pce_svn=chance.choice((12, 13, 13, 300)),
            smt=chance.random() < 0.5,
            revoked=frozenset({revoked}) if chance.random() < 0.03 else frozenset(),
        )

    def _near(self, svns: Sequence[int]) -> tuple[int, ...]:
        """*svns*, some of them a little higher or lower."""
        chance = self.chance
        changes = (chance.choice(NEAR) for _ in svns)
        return tuple(
            max(0, min(255, svn + change)) for svn, change in zip(svns, changes, strict=True)
        )

    def _info(self, info: TcbInfo, svns: bytes) -> TcbInfo:
        """TCB info with up to five levels, most of them below the machine."""
        chance = self.chance
        (own,) = info.levels
        made = (self._level(own) for _ in range(chance.choice((1, 2, 3, 5))))
        levels = {(level.sgx, level.pce_svn, level.tdx if svns else ()): level for level in made}
        modules = tuple(self._module(major) for major in chance.sample((1, 3, 4), 3))
        return replace(
            info,
            levels=tuple(levels.values()),
            modules=() if not svns or chance.random() < 0.1 else modules,
            evaluation_number=chance.randrange(30),
        )

    def _level(self, own: TcbLevel) -> TcbLevel:
        chance = self.chance
        return TcbLevel(
            status=chance.choice(STATUSES),
            sgx=self._lowered(own.sgx),
            pce_svn=chance.choice((5, 5, 12, 13)),
            tdx=self._lowered(own.tdx),
            date=datetime(chance.choice((2023, 2024, 2025)), 1, 1, tzinfo=UTC),
            advisories=tuple(chance.sample(ADVISORIES, chance.randrange(3))),
        )

    def _lowered(self, svns: Sequence[int]) -> tuple[int, ...]:
        chance = self.chance
        changes = (chance.choice(LOWERED) for _ in svns)
        return tuple(
            max(0, min(255, svn + change)) for svn, change in zip(svns, changes, strict=True)
        )

    def _module(self, major: int) -> ModuleIdentity:
        return ModuleIdentity(name=f"TDX_{major:02X}", levels=self._svn_levels((2, 4, 5, 6, 7)))

    def _svn_levels(self, svns: Sequence[int]) -> tuple[SvnLevel, ...]:
        """For three of *svns*, highest first as Intel writes them, or seldom not."""
        chosen = sorted(self.chance.sample(svns, 3))
        return tuple(map(self._svn_level, self._maybe(chosen, chosen[::-1])))

    def _svn_level(self, svn: int) -> SvnLevel:
        chance = self.chance
        advisories = tuple(chance.sample(ADVISORIES, chance.randrange(2)))
        return SvnLevel(status=chance.choice(PART), isv_svn=svn, advisories=advisories)

    def _identity(self, identity: QeIdentity) -> QeIdentity:
        return replace(
            identity,
            levels=self._svn_levels((2, 3, 6, 8, 9)),
            isv_prod_id=self._maybe(7, identity.isv_prod_id),
            misc_select=self._maybe(b"\1\0\0\0", identity.misc_select),
            misc_select_mask=self._maybe(bytes(4), identity.misc_select_mask),
            attributes_mask=self._maybe(b"\xff" * 16, identity.attributes_mask),
        )

    def _report(self) -> dict[str, Any]:
        """What is unusual about the quoting enclave."""
        chance = self.chance
        report: dict[str, Any] = {"isv_svn": chance.choice((2, 6, 8, 8, 10))}
        if chance.random() < SOMETIMES:
            report["misc_select"] = 1
        return report

    def _attributes(self) -> TdAttributes:
        chance = self.chance
        some = chance.sample(ATTRIBUTES, chance.choice((0, 0, 0, 1, 2)))
        return TdAttributes(sum(1 << bit for bit in {28, *some}) ^ (self._maybe(1, 0) << 28))

    def _edited(self, answer: bytes, key: str) -> Signed:
        """The answer, its JSON sometimes edited, and signed again."""
        found = signed(answer, key)
        if self.chance.random() > 4 * SOMETIMES:
            return found
        return self._sign(edited(found.body, self.chance))

    def _sign(self, body: bytes) -> Signed:
        key = self.machine.root.tcb_signing_key
        return Signed(body=body, signature=raw_signature(key, body))
