"""What TDX adds to the proof of a quote: the module, the status of now, the claims."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from enarx.errors import UnauthenticError
from enarx.tee.claims import Authentic
from enarx.tee.simulated.collateral import ModuleIdentity, SvnLevel, TcbInfo
from enarx.tee.simulated.tdx import SimulatedTdx, TdGuest
from enarx.tee.tdx.report import TdAttributes, TdReport15Ex
from enarx.tee.tdx.technology import TDX
from enarx.wire.record import pack, unpack

GUEST = TdGuest(mr_td=b"m" * 48, rtmrs=(b"0" * 48, b"1" * 48, b"2" * 48, b"3" * 48))
DATA = b"d" * 64


def verify(tdx: SimulatedTdx, *, guest: TdGuest = GUEST, info: TcbInfo | None = None) -> Authentic:
    """The verdict on a quote of *guest*."""
    return authenticate(tdx, tdx.quote(guest, report_data=DATA), info=info)


def authenticate(tdx: SimulatedTdx, raw: bytes, *, info: TcbInfo | None = None) -> Authentic:
    """The verdict on *raw*."""
    endorsements = tdx.endorsements(tcb_info=info)
    anchors = tdx.machine.root.anchors()
    return TDX.authenticate(TDX.parse(raw), endorsements, anchors, tdx.machine.issued)


def svn(*first: int) -> bytes:
    """A TEE TCB SVN."""
    return bytes(first).ljust(16, b"\0")


def test_claims_of_a_trust_domain(simulated_tdx: SimulatedTdx) -> None:
    """Measurements, what the platform can and cannot do, and how current it is."""
    authentic = verify(simulated_tdx)
    claims, machine = authentic.claims, simulated_tdx.machine
    assert claims.platform == "tdx"
    assert dict(claims.measurements) == {
        "mr_td": b"m" * 48,
        "rtmr_0": b"0" * 48,
        "rtmr_1": b"1" * 48,
        "rtmr_2": b"2" * 48,
        "rtmr_3": b"3" * 48,
    }
    assert (claims.report_data, claims.instance) == (DATA, machine.ppid)
    assert (claims.debug, claims.migratable, claims.smt) == (False, False, True)
    assert claims.tcb.status == "UpToDate"
    assert claims.tcb.date == datetime(2026, 1, 1, tzinfo=UTC)
    components = claims.tcb.components
    assert [components[f"sgx_{n:02}"] for n in range(1, 17)] == list(machine.cpu_svn)
    assert [components[f"tdx_{n:02}"] for n in range(1, 17)] == list(simulated_tdx.tee_tcb_svn)
    assert (components["pce"], components["qe"]) == (machine.pce_svn, 8)
    assert authentic.collateral_issued == machine.issued
    assert authentic.verified_at == machine.issued
    assert authentic.evidence == simulated_tdx.quote(GUEST, report_data=DATA)


def test_derived_fields(simulated_tdx: SimulatedTdx) -> None:
    """What the verification found out stands beside what the quote says."""
    fields = verify(simulated_tdx).claims.fields
    machine = simulated_tdx.machine
    assert fields["tdx.quote.body.mr_td"] == b"m" * 48
    assert fields["tdx.tcb_status"] == fields["tdx.current_tcb_status"] == "UpToDate"
    assert fields["tdx.platform_tcb_status"] == fields["tdx.qe_tcb_status"] == "UpToDate"
    assert (fields["tdx.module_tcb_status"], fields["tdx.module_id"]) == ("UpToDate", "TDX_03")
    assert fields["tdx.tcb_date"] == datetime(2026, 1, 1, tzinfo=UTC)
    assert fields["tdx.tcb_eval_num"] == fields["tdx.tcb_info.eval_num"] == 20
    assert fields["tdx.advisory_ids"] == ()
    assert (fields["tdx.fmspc"], fields["tdx.ppid"]) == (machine.fmspc, machine.ppid)
    assert fields["tdx.sgx_type"] == "scalable"
    assert fields["tdx.smt"] is True
    assert len(fields["tdx.platform_instance_id"]) == 16  # type: ignore[arg-type]
    assert len(dict(fields)) == len(fields)


def test_a_processors_claims(simulated_tdx: SimulatedTdx) -> None:
    """A platform of one package says nothing of threads."""
    tdx = replace(simulated_tdx, machine=replace(simulated_tdx.machine, ca="processor"))
    claims = verify(tdx).claims
    assert claims.smt is None
    assert "tdx.smt" not in claims.fields
    assert claims.fields["tdx.sgx_type"] == "standard"
    assert len(dict(claims.fields)) == len(claims.fields)


@pytest.mark.parametrize("bit", range(8))
def test_every_bit_of_the_debug_group_is_debug(simulated_tdx: SimulatedTdx, bit: int) -> None:
    """Trap: a claim for policy, and never a reason to find the quote not authentic."""
    guest = replace(GUEST, attributes=TdAttributes(1 << bit))
    claims = verify(simulated_tdx, guest=guest).claims
    assert claims.debug
    assert claims.fields["tdx.td_attributes.debug"] is (bit == 0)


@pytest.mark.parametrize(
    "attributes", [0, 1 << 63, 1 << 29 | 1 << 28, 1 << 40 | 1 << 28, (1 << 64) - 1]
)
def test_attributes_are_claims(simulated_tdx: SimulatedTdx, attributes: int) -> None:
    """Traps: SEPT_VE_DISABLE off, PERFMON, migratable, and bits that nobody has named."""
    guest = replace(GUEST, attributes=TdAttributes(attributes))
    claims = verify(simulated_tdx, guest=guest).claims
    assert claims.fields["tdx.quote.body.td_attributes"] == attributes.to_bytes(8, "little")
    assert claims.migratable is bool(attributes >> 29 & 1)
    assert claims.fields["tdx.td_attributes.perfmon"] is bool(attributes >> 63)


def test_bound_service_domains_are_a_claim(simulated_tdx: SimulatedTdx) -> None:
    """Trap: MRSERVICETD that is not zero is for policy."""
    tdx = replace(simulated_tdx, version=5)
    claims = verify(tdx, guest=replace(GUEST, mr_servicetd=b"s" * 48)).claims
    assert claims.fields["tdx.quote.body.mr_servicetd"] == b"s" * 48


def test_extended_reports_are_verified_like_others(simulated_tdx: SimulatedTdx) -> None:
    """Body type 4: the module that runs now counts, and the further fields are claimed."""
    tdx = replace(simulated_tdx, version=5)
    plain = tdx.describe(GUEST, report_data=DATA)
    report = unpack(TdReport15Ex, pack(plain) + b"\x02" + b"i" * 32 + bytes(204))
    claims = authenticate(tdx, tdx.sign(report)).claims
    assert claims.tcb.status == "UpToDate"
    assert claims.fields["tdx.quote.body.td_id"] == b"i" * 32
    assert claims.fields["tdx.quote.body_type"] == 4


# ── step 7: the module ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("tee_tcb_svn", [svn(7, 3, 9), svn(7, 0, 9)], ids=["1.5", "1.0"])
@pytest.mark.parametrize(
    ("changes", "claims"),
    [
        ({"mr_signer_seam": b"s" * 48}, ["mrsigner_seam"]),
        ({"seam_attributes": b"\x01" + bytes(7)}, ["seam_attributes"]),
        (
            {"mr_signer_seam": b"s" * 48, "seam_attributes": b"\x80" * 8},
            ["mrsigner_seam", "seam_attributes"],
        ),
    ],
)
def test_the_module_is_intels(
    simulated_tdx: SimulatedTdx, tee_tcb_svn: bytes, changes: dict[str, bytes], claims: list[str]
) -> None:
    """Traps: signer and attributes are the line's, or of TDX 1.0 the platform's."""
    tdx = replace(simulated_tdx, tee_tcb_svn=tee_tcb_svn, **changes)
    with pytest.raises(UnauthenticError) as caught:
        verify(tdx)
    assert caught.value.step == "TDX module"
    assert [failure.claim for failure in caught.value.failures] == [
        f"tdx.quote.body.{claim}" for claim in claims
    ]


def test_seam_attributes_are_zero_whatever_the_collateral_says(simulated_tdx: SimulatedTdx) -> None:
    """As in Intel's library: equal to the line's is not enough."""
    attributes = b"\x01" + bytes(7)
    tdx = replace(simulated_tdx, seam_attributes=attributes)
    info = tdx.tcb_info()
    lines = tuple(replace(line, attributes=attributes) for line in info.modules)
    with pytest.raises(UnauthenticError, match="seam_attributes"):
        verify(tdx, info=replace(info, modules=lines))
    with pytest.raises(UnauthenticError, match="seam_attributes"):
        verify(simulated_tdx, info=replace(info, modules=lines))


@pytest.mark.parametrize("known", [(), ("TDX_01", "TDX_04")])
def test_an_unknown_line_of_modules_is_not_intels(
    simulated_tdx: SimulatedTdx, known: tuple[str, ...]
) -> None:
    """The refusal says which lines are known, and that the collateral may be old."""
    lines = tuple(ModuleIdentity(name=name, levels=(SvnLevel(isv_svn=0),)) for name in known)
    with pytest.raises(UnauthenticError, match=", ".join(known) or "none") as caught:
        verify(simulated_tdx, info=replace(simulated_tdx.tcb_info(), modules=lines))
    assert caught.value.step == "TDX module"
    assert "older than the module" in caught.value.hints[0]


def test_a_line_of_its_own_replaces_the_platforms_module(simulated_tdx: SimulatedTdx) -> None:
    """A later line may have another signer than the module of TDX 1.0."""
    tdx = replace(simulated_tdx, mr_signer_seam=b"s" * 48)
    info = tdx.tcb_info()
    line = replace(info.modules[0], mr_signer=b"s" * 48)
    assert verify(tdx, info=replace(info, modules=(line,))).claims.tcb.status == "UpToDate"


# ── step 8: the status ───────────────────────────────────────────────────────────────────────────


def test_a_module_of_tdx_1_0_has_no_status_of_its_own(simulated_tdx: SimulatedTdx) -> None:
    """Trap: nothing is claimed about it."""
    fields = verify(replace(simulated_tdx, tee_tcb_svn=svn(4, 0, 6))).claims.fields
    assert fields["tdx.tcb_status"] == "UpToDate"
    assert "tdx.module_tcb_status" not in fields
    assert "tdx.module_id" not in fields


def test_no_matching_level(simulated_tdx: SimulatedTdx) -> None:
    """Trap: authentic, with a status of its own and no date, for policy to refuse."""
    info = simulated_tdx.tcb_info()
    level = replace(info.levels[0], pce_svn=info.levels[0].pce_svn + 1)
    claims = verify(simulated_tdx, info=replace(info, levels=(level,))).claims
    assert (claims.tcb.status, claims.tcb.date, claims.tcb.advisories) == (
        "TcbNotSupported",
        None,
        (),
    )
    assert claims.tcb.evaluation_number == 20
    assert "tdx.tcb_date" not in claims.fields
    assert claims.fields["tdx.platform_tcb_status"] == "TcbNotSupported"
    assert len(dict(claims.fields)) == len(claims.fields)


def test_relaunch_advised(simulated_tdx: SimulatedTdx) -> None:
    """Trap: launched by a module that is out of date, now run by one that is not."""
    old, new = svn(2, 3, 9), svn(7, 3, 9)
    tdx = replace(simulated_tdx, version=5, tee_tcb_svn=old, tee_tcb_svn2=new)
    info = simulated_tdx.tcb_info()
    outdated = SvnLevel(isv_svn=1, status="OutOfDate", advisories=("INTEL-SA-00002",))
    line = replace(info.modules[0], levels=(*info.modules[0].levels, outdated))
    claims = verify(tdx, info=replace(info, modules=(line,))).claims
    assert claims.tcb.status == "TDRelaunchAdvised"
    assert claims.tcb.advisories == ("INTEL-SA-00002",)
    assert claims.fields["tdx.current_tcb_status"] == "UpToDate"
    assert claims.fields["tdx.module_tcb_status"] == "OutOfDate"
    plain = replace(tdx, version=4)
    assert verify(plain, info=replace(info, modules=(line,))).claims.tcb.status == "OutOfDate"
