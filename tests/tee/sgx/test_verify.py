"""SGX quotes: authentic in every version, with the claims of their enclave."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from enarx.errors import UnauthenticError
from enarx.tee.claims import Authentic
from enarx.tee.dcap.enclave import EnclaveFlags
from enarx.tee.endorsements import QeIdentityNeed, TcbInfoNeed
from enarx.tee.sgx.evidence import parse
from enarx.tee.sgx.technology import SGX
from enarx.tee.sgx.verify import authenticate_with, trust
from enarx.tee.simulated.collateral import SvnLevel, TcbInfo
from enarx.tee.simulated.sgx import Enclave, SimulatedSgx

if TYPE_CHECKING:
    from tests.tee.conftest import QuoteForge

ENCLAVE = Enclave(mr_enclave=b"e" * 32, mr_signer=b"s" * 32, isv_prod_id=7, isv_svn=3)
DATA = b"d" * 64


def verify(
    sgx: SimulatedSgx, *, raw: bytes = b"", enclave: Enclave = ENCLAVE, info: TcbInfo | None = None
) -> Authentic:
    """The verdict on *raw*, or on a quote of *enclave*."""
    raw = raw or sgx.quote(enclave, report_data=DATA)
    anchors = sgx.machine.root.anchors()
    endorsements = sgx.endorsements(tcb_info=info)
    return SGX.authenticate(SGX.parse(raw), endorsements, anchors, sgx.machine.issued)


def test_claims_of_an_enclave(simulated_sgx: SimulatedSgx) -> None:
    """Identity, what the platform says, and how current it is."""
    authentic = verify(simulated_sgx)
    claims, machine = authentic.claims, simulated_sgx.machine
    assert claims.platform == "sgx"
    assert dict(claims.measurements) == {"mr_enclave": b"e" * 32, "mr_signer": b"s" * 32}
    assert (claims.report_data, claims.instance) == (DATA, machine.ppid)
    assert (claims.debug, claims.migratable, claims.smt) == (False, None, True)
    assert claims.tcb.status == "UpToDate"
    assert "tdx_01" not in claims.tcb.components
    assert claims.tcb.components["sgx_01"] == machine.cpu_svn[0]
    assert claims.fields["sgx.body.isv_prod_id"] == 7
    assert claims.fields["sgx.tcb_status"] == "UpToDate"
    assert claims.fields["sgx.fmspc"] == machine.fmspc
    assert len(dict(claims.fields)) == len(claims.fields)
    assert claims.simulated


@pytest.mark.parametrize("version", [3, 4, 5])
def test_every_version_is_authentic(
    simulated_sgx: SimulatedSgx, sgx_forge: QuoteForge, version: int
) -> None:
    """Versions 4 and 5 carry enclaves too."""
    raw = replace(sgx_forge, version=version).make()
    claims = verify(simulated_sgx, raw=raw).claims
    assert claims.measurements["mr_enclave"] == b"e" * 32
    assert claims.fields["sgx.header.version"] == version


def test_a_processors_claims(simulated_sgx: SimulatedSgx) -> None:
    """A platform of one package says nothing of threads."""
    sgx = replace(simulated_sgx, machine=replace(simulated_sgx.machine, ca="processor"))
    claims = verify(sgx).claims
    assert claims.smt is None
    assert "sgx.smt" not in claims.fields


def test_debug_is_a_claim(simulated_sgx: SimulatedSgx) -> None:
    """Trap: the quote of an enclave that can be debugged is authentic, and says so."""
    claims = verify(simulated_sgx, enclave=replace(ENCLAVE, flags=EnclaveFlags(7))).claims
    assert claims.debug
    assert claims.fields["sgx.attributes.debug"] is True


def test_no_matching_level(simulated_sgx: SimulatedSgx) -> None:
    """Trap: authentic, with a status of its own and no date."""
    info = simulated_sgx.tcb_info()
    level = replace(info.levels[0], pce_svn=99)
    claims = verify(simulated_sgx, info=replace(info, levels=(level,))).claims
    assert (claims.tcb.status, claims.tcb.date) == ("TcbNotSupported", None)
    assert "sgx.tcb_date" not in claims.fields
    assert len(dict(claims.fields)) == len(claims.fields)


def test_an_old_quoting_enclave(simulated_sgx: SimulatedSgx) -> None:
    """Its status makes the whole out of date."""
    identity = replace(
        simulated_sgx.qe_identity(),
        levels=(SvnLevel(isv_svn=9), SvnLevel(isv_svn=1, status="OutOfDate")),
    )
    endorsements = simulated_sgx.endorsements(qe_identity=identity)
    evidence = parse(simulated_sgx.quote(ENCLAVE, report_data=DATA))
    anchors, now = simulated_sgx.machine.root.anchors(), simulated_sgx.machine.issued
    claims = SGX.authenticate(evidence, endorsements, anchors, now).claims
    assert claims.tcb.status == claims.fields["sgx.qe_tcb_status"] == "OutOfDate"
    assert claims.fields["sgx.platform_tcb_status"] == "UpToDate"


def test_collateral_can_be_reused(simulated_sgx: SimulatedSgx) -> None:
    """Verified once, it serves other quotes; and it is of SGX."""
    evidence = parse(simulated_sgx.quote(ENCLAVE, report_data=DATA))
    anchors, now = simulated_sgx.machine.root.anchors(), simulated_sgx.machine.issued
    trusted = trust(evidence, simulated_sgx.endorsements(), anchors, now)
    assert trusted.tee == "sgx"
    assert authenticate_with(evidence, trusted, now) == verify(simulated_sgx)
    with pytest.raises(UnauthenticError, match="tee"):
        authenticate_with(evidence, replace(trusted, tee="tdx"), now)


def test_what_is_needed(simulated_sgx: SimulatedSgx) -> None:
    """The collateral of SGX, which is not that of TDX."""
    evidence = parse(simulated_sgx.quote(ENCLAVE, report_data=DATA))
    given, now = simulated_sgx.endorsements(), simulated_sgx.machine.issued
    assert SGX.needs(evidence, given, now) == ()
    without = replace(given, tcb_infos=(), qe_identities=())
    assert SGX.needs(evidence, without, now) == (
        TcbInfoNeed(tee="sgx", fmspc=simulated_sgx.machine.fmspc),
        QeIdentityNeed(tee="sgx"),
    )
