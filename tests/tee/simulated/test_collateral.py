"""What is told to a simulated Intel machine is what the readers of Intel's formats find."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from enarx.tee.dcap.collateral import parse_qe_identity, parse_tcb_info
from enarx.tee.dcap.pck import Configuration, pck_identity
from enarx.tee.dcap.quote import parse_quote
from enarx.tee.simulated.certificates import valid_for
from enarx.tee.simulated.collateral import ModuleIdentity, SvnLevel, TcbLevel
from enarx.tee.simulated.machine import CPU_SVN, IntelMachine
from enarx.tee.simulated.quote import QuotingEnclave
from enarx.tee.simulated.sgx import Enclave, SimulatedSgx
from enarx.tee.simulated.tdx import SimulatedTdx, TdGuest
from enarx.tee.x509 import load_certificate

THEN = datetime(2025, 2, 3, tzinfo=UTC)


def test_a_pck_certificate_says_what_the_machine_is(simulated_intel: IntelMachine) -> None:
    """Every value of the machine is in the extension of its PCK certificate."""
    machine = replace(
        simulated_intel,
        fmspc=b"\xff" * 6,
        cpu_svn=tuple(range(240, 256)),
        pce_svn=0x1234,
        pce_id=b"\x01\x02",
        dynamic_platform=False,
        cached_keys=True,
        smt=False,
    )
    found = pck_identity(load_certificate(machine.certificates()[0], "PCK"), "PCK")
    assert found.ppid == machine.ppid
    assert found.components == tuple(range(240, 256))
    assert found.cpu_svn == bytes(range(240, 256))
    assert found.pce_svn == 0x1234
    assert found.pce_id == b"\x01\x02"
    assert found.fmspc == b"\xff" * 6
    assert found.sgx_type == "scalable"
    assert found.configuration == Configuration(dynamic_platform=False, cached_keys=True, smt=False)


def test_a_processors_certificate_says_less(simulated_intel: IntelMachine) -> None:
    """The processor authority knows no instance and no configuration."""
    machine = replace(simulated_intel, ca="processor")
    certificate = load_certificate(machine.certificates()[0], "PCK")
    assert "SIMULATED Intel SGX PCK Processor CA" in certificate.issuer.rfc4514_string()
    found = pck_identity(certificate, "PCK")
    assert (found.sgx_type, found.instance_id, found.configuration) == (
        "standard",
        b"",
        None,
    )


def test_machines_differ(simulated_intel: IntelMachine) -> None:
    """Another name is another machine; another TCB is another key of the same machine."""
    other = replace(simulated_intel, name="another")
    patched = replace(simulated_intel, pce_svn=14)
    keys = {m.pck.spki for m in (simulated_intel, other, patched)}
    assert len(keys) == 3
    assert simulated_intel.ppid == patched.ppid != other.ppid


def test_a_tcb_info_says_what_it_was_told(simulated_tdx: SimulatedTdx) -> None:
    """Model, dates, levels with their advisories and the evaluation number are read back."""
    revoked = TcbLevel(
        status="Revoked", sgx=(0,) * 16, pce_svn=0, date=THEN, advisories=("INTEL-SA-2",)
    )
    told = replace(
        simulated_tdx.tcb_info(),
        fmspc=b"\xab" * 6,
        pce_id=b"\x01\x00",
        levels=(TcbLevel(sgx=CPU_SVN, pce_svn=9, tdx=(2,) * 16), revoked),
        evaluation_number=41,
        validity=valid_for(THEN, 3),
    )
    (answer,) = simulated_tdx.endorsements(tcb_info=told).tcb_infos
    found = parse_tcb_info(answer)
    assert (found.tee, found.version, found.evaluation_number) == ("tdx", 3, 41)
    assert (found.fmspc, found.pce_id) == (b"\xab" * 6, b"\x01\x00")
    assert (found.issued, found.next_update.day) == (THEN, 6)
    first, second = found.levels
    assert (first.status, first.sgx, first.pce_svn) == ("UpToDate", CPU_SVN, 9)
    assert first.tdx == (2,) * 16
    assert (second.status, second.date, second.advisories) == ("Revoked", THEN, ("INTEL-SA-2",))


def test_a_tcb_info_says_what_it_was_told_of_modules(simulated_tdx: SimulatedTdx) -> None:
    """Signers, attributes and levels of both kinds of modules are read back."""
    signer, attributes = b"s" * 48, b"a" * 8
    svn_level = SvnLevel(status="OutOfDate", isv_svn=3, date=THEN, advisories=("INTEL-SA-1",))
    told = replace(
        simulated_tdx.tcb_info(),
        module=ModuleIdentity(name="", levels=(), mr_signer=signer, attributes=attributes),
        modules=(ModuleIdentity(name="TDX_05", levels=(svn_level,), mr_signer=signer),),
    )
    (answer,) = simulated_tdx.endorsements(tcb_info=told).tcb_infos
    found = parse_tcb_info(answer)
    assert found.module is not None
    assert (found.module.mr_signer, found.module.attributes) == (signer, attributes)
    (module,) = found.modules
    (level,) = module.levels
    assert (module.name, module.mr_signer) == ("TDX_05", signer)
    assert (level.isv_svn, level.status) == (3, "OutOfDate")
    assert (level.date, level.advisories) == (THEN, ("INTEL-SA-1",))


def test_a_module_of_tdx_1_0_has_no_identity(simulated_tdx: SimulatedTdx) -> None:
    """Before TDX 1.5 the TCB info knows one module and no levels of it."""
    old = replace(simulated_tdx, tee_tcb_svn=bytes((5, 0, 9)).ljust(16, b"\0"))
    (answer,) = old.endorsements().tcb_infos
    assert b"tdxModuleIdentities" not in answer
    assert parse_tcb_info(answer).modules == ()


def test_a_tcb_info_of_sgx_has_no_tdx_in_it(simulated_sgx: SimulatedSgx) -> None:
    """SGX's has neither modules nor TDX components."""
    (answer,) = simulated_sgx.endorsements().tcb_infos
    found = parse_tcb_info(answer)
    assert (found.tee, found.module, found.levels[0].tdx) == ("sgx", None, ())
    assert b"tdx" not in answer


@pytest.mark.parametrize(("tee", "name"), [("sgx", "QE"), ("tdx", "TD_QE")])
def test_a_qe_identity_says_what_it_was_told(
    simulated_intel: IntelMachine, tee: str, name: str
) -> None:
    """Signer, product, masks, levels and the evaluation number are read back."""
    qe = QuotingEnclave(tee=tee, isv_prod_id=77, isv_svn=5)  # type: ignore[arg-type]
    told = replace(
        qe.identity(simulated_intel),
        misc_select=b"\x01\x02\x03\x04",
        misc_select_mask=b"\x0f" * 4,
        attributes=b"\x11" * 16,
        attributes_mask=b"\x22" * 16,
        mr_signer=b"q" * 32,
        evaluation_number=42,
        validity=valid_for(THEN, 1),
    )
    info = SimulatedSgx(machine=simulated_intel).tcb_info()
    (answer,) = simulated_intel.endorse(info, told).qe_identities
    found = parse_qe_identity(answer)
    assert (found.name, found.isv_prod_id, found.evaluation_number) == (name, 77, 42)
    assert (found.misc_select, found.misc_select_mask) == (b"\x01\x02\x03\x04", b"\x0f" * 4)
    assert (found.attributes, found.attributes_mask) == (b"\x11" * 16, b"\x22" * 16)
    assert found.mr_signer == b"q" * 32
    assert [level.isv_svn for level in found.levels] == [5]
    assert found.issued == THEN


def test_quotes_are_the_same_every_time(
    simulated_tdx: SimulatedTdx, simulated_sgx: SimulatedSgx
) -> None:
    """All signatures of a quote and of its collateral are deterministic, unlike AMD's PSS."""
    guest, enclave = TdGuest(mr_td=b"m" * 48), Enclave(mr_enclave=b"e" * 32)
    for machine in (simulated_tdx, replace(simulated_tdx, version=5)):
        assert machine.quote(guest, report_data=bytes(64)) == (
            machine.quote(guest, report_data=bytes(64))
        )
        assert machine.endorsements() == machine.endorsements()
    assert simulated_sgx.quote(enclave, report_data=bytes(64)) == (
        simulated_sgx.quote(enclave, report_data=bytes(64))
    )


@pytest.mark.parametrize(("version", "body_type"), [(4, 2), (5, 3)])
def test_quotes_have_the_body_of_their_version(
    simulated_tdx: SimulatedTdx, version: int, body_type: int
) -> None:
    """Version 4 has TD reports 1.0, version 5 has 1.5, both the id of the machine."""
    machine = replace(simulated_tdx, version=version)
    quote = parse_quote(machine.quote(TdGuest(mr_td=b"m" * 48), report_data=bytes(64)))
    assert quote.body_type == body_type
    assert quote.qe_id == machine.machine.qe_id
    assert quote.carried.certificates == machine.machine.certificates()


def test_version_5_takes_a_report_of_1_0_too(simulated_tdx: SimulatedTdx) -> None:
    """The body's type follows the report that is signed."""
    report = simulated_tdx.describe(TdGuest(mr_td=b"m" * 48), report_data=bytes(64))
    raw = replace(simulated_tdx, version=5).sign(report)
    assert parse_quote(raw).body_type == 2
