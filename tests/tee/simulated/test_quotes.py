"""Simulated TDX and SGX quotes are what the verifier of real ones accepts; each knob shows."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from enarx.errors import UnauthenticError
from enarx.tee.claims import Authentic
from enarx.tee.dcap.enclave import EnclaveFlags
from enarx.tee.endorsements import Endorsements
from enarx.tee.sgx.technology import SGX
from enarx.tee.simulated.certificates import valid_for
from enarx.tee.simulated.collateral import SvnLevel, TcbLevel
from enarx.tee.simulated.machine import CA, PCK, TCB_SIGNING, IntelMachine
from enarx.tee.simulated.sgx import Enclave, SimulatedSgx
from enarx.tee.simulated.tdx import SimulatedTdx, TdGuest
from enarx.tee.tdx.report import TdAttributes, TdReport15
from enarx.tee.tdx.technology import TDX

DATA = b"d" * 64
GUEST = TdGuest(mr_td=b"m" * 48, rtmrs=(b"0" * 48, b"1" * 48, b"2" * 48, b"3" * 48))
ENCLAVE = Enclave(mr_enclave=b"e" * 32, mr_signer=b"s" * 32)

Machine = SimulatedTdx | SimulatedSgx


def quote_of(machine: Machine) -> bytes:
    """A quote of the machine."""
    if isinstance(machine, SimulatedTdx):
        return machine.quote(GUEST, report_data=DATA)
    return machine.quote(ENCLAVE, report_data=DATA)


def verify(
    machine: Machine,
    *,
    quote: bytes = b"",
    endorsements: Endorsements | None = None,
    now: datetime | None = None,
) -> Authentic:
    """What the verifier makes of a quote, with the machine's own root and collateral."""
    technology = TDX if isinstance(machine, SimulatedTdx) else SGX
    return technology.authenticate(
        technology.parse(quote or quote_of(machine)),
        machine.endorsements() if endorsements is None else endorsements,
        machine.machine.root.anchors(),
        now or machine.machine.issued,
    )


@pytest.fixture(params=["tdx 4", "tdx 5", "sgx 3"])
def machine(
    request: pytest.FixtureRequest, simulated_tdx: SimulatedTdx, simulated_sgx: SimulatedSgx
) -> Machine:
    """Each kind of machine."""
    kinds = {
        "tdx 4": simulated_tdx,
        "tdx 5": replace(simulated_tdx, version=5),
        "sgx 3": simulated_sgx,
    }
    return kinds[request.param]


def test_every_kind_is_authentic_and_simulated(machine: Machine) -> None:
    """Quotes of all kinds pass the verifier, up to date, and are marked in its claims."""
    authentic = verify(machine)
    claims = authentic.claims
    assert claims.simulated
    assert authentic.anchor == "SIMULATED Intel SGX Root CA"
    assert all("SIMULATED" in link.subject for link in authentic.chain)
    assert len(authentic.chain) == 3
    assert claims.report_data == DATA
    assert claims.tcb.status == "UpToDate"
    assert claims.tcb.evaluation_number == 20
    assert claims.revocation.unchecked == ()
    assert claims.instance == machine.machine.ppid
    assert not claims.debug
    assert authentic.not_after == machine.machine.issued + timedelta(days=30)


def test_a_processors_quote_is_authentic(machine: Machine) -> None:
    """The processor authority's chain is as good; nothing is known of SMT then."""
    processor = replace(machine, machine=replace(machine.machine, ca="processor"))
    assert verify(machine).claims.smt is True
    assert verify(processor).claims.smt is None


def test_nothing_is_needed_beside_the_endorsements(machine: Machine) -> None:
    """What the machine endorses is complete; without it, four things are missing."""
    technology = TDX if isinstance(machine, SimulatedTdx) else SGX
    evidence, now = technology.parse(quote_of(machine)), machine.machine.issued
    assert technology.needs(evidence, machine.endorsements(), now) == ()
    assert len(technology.needs(evidence, Endorsements(), now)) == 4


def test_what_a_launcher_says_of_a_trust_domain_is_claimed(simulated_tdx: SimulatedTdx) -> None:
    """Every property of a guest is in the claims of its evidence."""
    guest = replace(
        GUEST,
        mr_config_id=b"c" * 48,
        mr_owner=b"o" * 48,
        mr_owner_config=b"w" * 48,
        attributes=TdAttributes(1 | 1 << 29),
        xfam=3,
        mr_servicetd=b"t" * 48,
    )
    machine = replace(simulated_tdx, version=5)
    claims = verify(machine, quote=machine.quote(guest, report_data=DATA)).claims
    told = {
        "tdx.quote.body.mr_config_id": guest.mr_config_id,
        "tdx.quote.body.mr_owner": guest.mr_owner,
        "tdx.quote.body.mr_owner_config": guest.mr_owner_config,
        "tdx.quote.body.mr_servicetd": guest.mr_servicetd,
        "tdx.quote.body.xfam": b"\x03".ljust(8, b"\0"),
        "tdx.td_attributes.debug": True,
        "tdx.td_attributes.sept_ve_disable": False,
    }
    assert {name: claims.fields[name] for name in told} == told
    assert claims.measurements["mr_td"] == guest.mr_td
    assert tuple(claims.measurements[f"rtmr_{n}"] for n in range(4)) == guest.rtmrs
    assert claims.debug
    assert claims.migratable


def test_what_a_launcher_says_of_an_enclave_is_claimed(simulated_sgx: SimulatedSgx) -> None:
    """Every property of an enclave is in the claims of its evidence."""
    enclave = replace(
        ENCLAVE,
        isv_prod_id=7,
        isv_svn=8,
        flags=EnclaveFlags(0x87),
        xfrm=3,
        misc_select=1,
        config_id=b"c" * 64,
        config_svn=9,
        isv_ext_prod_id=b"x" * 16,
        isv_family_id=b"f" * 16,
    )
    claims = verify(simulated_sgx, quote=simulated_sgx.quote(enclave, report_data=DATA)).claims
    told = {
        "sgx.body.isv_prod_id": 7,
        "sgx.body.isv_svn": 8,
        "sgx.body.attributes.flags": b"\x87".ljust(8, b"\0"),
        "sgx.body.attributes.xfrm": b"\x03".ljust(8, b"\0"),
        "sgx.body.misc_select": 1,
        "sgx.body.config_id": enclave.config_id,
        "sgx.body.config_svn": 9,
        "sgx.body.isv_ext_prod_id": enclave.isv_ext_prod_id,
        "sgx.body.isv_family_id": enclave.isv_family_id,
    }
    assert {name: claims.fields[name] for name in told} == told
    assert claims.measurements == {"mr_enclave": b"e" * 32, "mr_signer": b"s" * 32}
    assert claims.debug


def test_a_field_that_was_changed_before_signing_is_claimed(simulated_tdx: SimulatedTdx) -> None:
    """Whatever a report says can be signed, for verifiers to be tested with."""
    machine = replace(simulated_tdx, version=5)
    report = machine.describe(GUEST, report_data=DATA)
    assert isinstance(report, TdReport15)
    quote = machine.sign(replace(report, mr_seam=b"x" * 48))
    assert verify(machine, quote=quote).claims.fields["tdx.quote.body.mr_seam"] == b"x" * 48


def test_smt_and_model_are_claimed(machine: Machine) -> None:
    """What the PCK certificate says of the platform is claimed."""
    told = replace(machine.machine, smt=False, fmspc=b"\x11" * 6, pce_svn=99)
    changed = replace(machine, machine=told)
    claims = verify(changed).claims
    assert claims.smt is False
    assert claims.fields[f"{claims.platform}.fmspc"] == b"\x11" * 6
    assert claims.fields[f"{claims.platform}.pce_svn"] == 99


STATUSES = (
    "UpToDate",
    "SWHardeningNeeded",
    "ConfigurationNeeded",
    "ConfigurationAndSWHardeningNeeded",
    "OutOfDate",
    "OutOfDateConfigurationNeeded",
    "Revoked",
)


@pytest.mark.parametrize("status", STATUSES)
def test_the_status_of_the_platforms_level_is_claimed(machine: Machine, status: str) -> None:
    """A level above is not reached, the platform's own says what it is worth and why."""
    info = machine.tcb_info()
    (own,) = info.levels
    above = TcbLevel(sgx=own.sgx, pce_svn=own.pce_svn + 1, tdx=own.tdx)
    told = replace(
        own, status=status, advisories=("INTEL-SA-00001",), date=info.validity.not_before
    )
    levels = (above, told)
    endorsements = machine.endorsements(tcb_info=replace(info, levels=levels, evaluation_number=19))
    tcb = verify(machine, endorsements=endorsements).claims.tcb
    assert (tcb.status, tcb.advisories) == (status, ("INTEL-SA-00001",))
    assert tcb.evaluation_number == 19


def test_no_level_is_its_own_status(machine: Machine) -> None:
    """A platform below every level is not called out of date."""
    info = machine.tcb_info()
    (own,) = info.levels
    levels = (replace(own, pce_svn=own.pce_svn + 1),)
    endorsements = machine.endorsements(tcb_info=replace(info, levels=levels))
    tcb = verify(machine, endorsements=endorsements).claims.tcb
    assert (tcb.status, tcb.date) == ("TcbNotSupported", None)


def test_an_old_quoting_enclave_counts(machine: Machine) -> None:
    """A quoting enclave below the current one makes the whole out of date."""
    identity = machine.qe_identity()
    old = replace(machine, qe=replace(machine.qe, isv_svn=3))
    levels = (
        SvnLevel(isv_svn=8),
        SvnLevel(status="OutOfDate", isv_svn=1, advisories=("INTEL-SA-00002",)),
    )
    told = old.endorsements(qe_identity=replace(identity, levels=levels))
    tcb = verify(old, endorsements=told).claims.tcb
    assert (tcb.status, tcb.advisories) == ("OutOfDate", ("INTEL-SA-00002",))


def test_an_old_module_counts_and_a_relaunch_is_advised(simulated_tdx: SimulatedTdx) -> None:
    """With the module that runs now up to date, the domain was only launched with an old one."""
    info = simulated_tdx.tcb_info()
    (module,) = info.modules
    levels = (SvnLevel(isv_svn=7), SvnLevel(status="OutOfDate", isv_svn=2))
    (own,) = info.levels
    new = simulated_tdx.tee_tcb_svn
    old = bytes((2, *new[1:]))
    told = simulated_tdx.endorsements(
        tcb_info=replace(info, modules=(replace(module, levels=levels),))
    )
    launched_old = replace(simulated_tdx, version=5, tee_tcb_svn=old)
    assert verify(launched_old, endorsements=told).claims.tcb.status == "OutOfDate"
    updated = replace(launched_old, tee_tcb_svn2=new)
    assert verify(updated, endorsements=told).claims.tcb.status == "TDRelaunchAdvised"
    assert own.tdx == tuple(new)


def test_a_module_of_tdx_1_0_is_authentic(simulated_tdx: SimulatedTdx) -> None:
    """Before TDX 1.5 the platform's level counts for the module too, which has no own identity."""
    machine = replace(simulated_tdx, tee_tcb_svn=bytes((5, 0, 9)).ljust(16, b"\0"))
    claims = verify(machine).claims
    assert claims.tcb.status == "UpToDate"
    assert claims.fields.keys().isdisjoint({"tdx.module_id", "tdx.module_tcb_status"})


def test_another_fmspc_is_another_model(machine: Machine) -> None:
    """Collateral of another platform model does not count for this one."""
    other = replace(machine, machine=replace(machine.machine, fmspc=b"\x22" * 6))
    with pytest.raises(UnauthenticError, match="TCB info"):
        verify(machine, endorsements=other.endorsements())


def test_the_other_technologys_collateral_does_not_count(
    simulated_tdx: SimulatedTdx, simulated_sgx: SimulatedSgx
) -> None:
    """TCB info and quoting enclave of SGX say nothing about TDX, nor the other way round."""
    for machine, other in ((simulated_tdx, simulated_sgx), (simulated_sgx, simulated_tdx)):
        with pytest.raises(UnauthenticError, match=r"TCB info.*QE identity"):
            verify(machine, endorsements=other.endorsements())


@pytest.mark.parametrize("revoked", [PCK, CA, TCB_SIGNING])
def test_a_revoked_certificate_is_refused(machine: Machine, revoked: str) -> None:
    """Each certificate can be on its issuer's list, and then nothing below it counts."""
    told = replace(machine, machine=replace(machine.machine, revoked=frozenset({revoked})))
    with pytest.raises(UnauthenticError, match="revo"):
        verify(told)


def test_a_missing_list_is_reported(machine: Machine) -> None:
    """Without lists the evidence is authentic, and the claims say what was not looked up."""
    endorsements = replace(machine.endorsements(), crls=())
    unchecked = verify(machine, endorsements=endorsements).claims.revocation.unchecked
    assert any("PCK Platform CA" in reason for reason in unchecked)
    assert any("Root CA" in reason for reason in unchecked)


def test_lists_and_collateral_end(machine: Machine) -> None:
    """After their end lists are unchecked and collateral is refused; each end can be chosen."""
    issued = machine.machine.issued
    short = replace(machine, machine=replace(machine.machine, list_validity=valid_for(issued, 1)))
    later = issued + timedelta(days=2)
    assert len(verify(short, now=later).claims.revocation.unchecked) == 2
    with pytest.raises(UnauthenticError, match="TCB info"):
        verify(machine, now=issued + timedelta(days=31))
    info = replace(machine.tcb_info(), validity=valid_for(issued, 1))
    with pytest.raises(UnauthenticError, match="TCB info"):
        verify(machine, endorsements=machine.endorsements(tcb_info=info), now=later)
    identity = replace(machine.qe_identity(), validity=valid_for(issued, 1))
    with pytest.raises(UnauthenticError, match="QE identity"):
        verify(machine, endorsements=machine.endorsements(qe_identity=identity), now=later)


def test_a_pck_certificate_ends(machine: Machine) -> None:
    """A chosen validity of the PCK certificate counts."""
    issued = machine.machine.issued
    short = replace(machine, machine=replace(machine.machine, pck_validity=valid_for(issued, 1)))
    assert verify(short).not_after == issued + timedelta(days=1)
    with pytest.raises(UnauthenticError, match="certificate validity"):
        verify(short, now=issued + timedelta(days=2))


def test_two_machines_of_one_model_share_collateral(simulated_intel: IntelMachine) -> None:
    """Collateral is about a model; only the certificate in the quote is a machine's own."""
    one = SimulatedSgx(machine=simulated_intel)
    other = SimulatedSgx(machine=replace(simulated_intel, name="another"))
    authentic = verify(other, endorsements=one.endorsements())
    assert authentic.claims.instance == other.machine.ppid != one.machine.ppid
