"""Another implementation, Phala's ``dcap-qvl``, accepts simulated quotes under the simulated root.

It is given the development root in place of Intel's; so formats, signatures, chains, lists and
collateral are right by somebody else's reading too, and not only by ours.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from enarx.tee.dcap.signed_json import split
from enarx.tee.endorsements import Endorsements
from enarx.tee.simulated.certificates import pem
from enarx.tee.simulated.collateral import SvnLevel, TcbLevel
from enarx.tee.simulated.machine import CA, PCK, IntelMachine
from enarx.tee.simulated.sgx import Enclave, SimulatedSgx
from enarx.tee.simulated.tdx import SimulatedTdx, TdGuest

pytestmark = pytest.mark.needs("dcap_qvl")

GUEST = TdGuest(mr_td=b"m" * 48)
ENCLAVE = Enclave(mr_enclave=b"e" * 32)
DATA = b"d" * 64


def opinion(quote: bytes, endorsements: Endorsements, now: datetime) -> Any:  # noqa: ANN401
    """What dcap-qvl says of *quote*."""
    import dcap_qvl

    tcb_signing, ca, root = endorsements.certificates
    pck_crl, root_crl = endorsements.crls
    tcb_info = split(endorsements.tcb_infos[0], "tcbInfo", "TCB info")
    qe_identity = split(endorsements.qe_identities[0], "enclaveIdentity", "QE identity")
    collateral = dcap_qvl.QuoteCollateralV3(
        pck_crl_issuer_chain=chain(ca, root),
        root_ca_crl=root_crl,
        pck_crl=pck_crl,
        tcb_info_issuer_chain=chain(tcb_signing, root),
        tcb_info=tcb_info.body.decode(),
        tcb_info_signature=tcb_info.signature,
        qe_identity_issuer_chain=chain(tcb_signing, root),
        qe_identity=qe_identity.body.decode(),
        qe_identity_signature=qe_identity.signature,
    )
    return dcap_qvl.verify_with_root_ca(quote, collateral, root, int(now.timestamp()))


def chain(*certificates: bytes) -> str:
    """Certificates as text."""
    return b"".join(pem("CERTIFICATE", der) for der in certificates).decode()


@pytest.mark.parametrize("version", [4, 5])
def test_tdx_quotes_are_accepted(simulated_tdx: SimulatedTdx, version: int) -> None:
    """TDX quotes of both versions are up to date."""
    machine = replace(simulated_tdx, version=version)
    quote = machine.quote(GUEST, report_data=DATA)
    found = opinion(quote, machine.endorsements(), machine.machine.issued)
    assert found.status == "UpToDate"


def test_sgx_quotes_are_accepted(simulated_sgx: SimulatedSgx) -> None:
    """An SGX quote is up to date."""
    quote = simulated_sgx.quote(ENCLAVE, report_data=DATA)
    found = opinion(quote, simulated_sgx.endorsements(), simulated_sgx.machine.issued)
    assert found.status == "UpToDate"


def test_levels_mean_the_same_to_it(simulated_tdx: SimulatedTdx) -> None:
    """An old platform under a new level is out of date, with the advisories of its level."""
    tcb_info = simulated_tdx.tcb_info()
    (old,) = tcb_info.levels
    better = TcbLevel(sgx=old.sgx, pce_svn=old.pce_svn + 1, tdx=old.tdx)
    outdated = replace(old, status="OutOfDate", advisories=("INTEL-SA-00001",))
    endorsements = simulated_tdx.endorsements(tcb_info=replace(tcb_info, levels=(better, outdated)))
    quote = simulated_tdx.quote(GUEST, report_data=DATA)
    found = opinion(quote, endorsements, simulated_tdx.machine.issued)
    assert (found.status, found.advisory_ids) == ("OutOfDate", ["INTEL-SA-00001"])


def test_an_old_quoting_enclave_is_out_of_date_to_it(simulated_sgx: SimulatedSgx) -> None:
    """The quoting enclave's level counts too."""
    identity = simulated_sgx.qe_identity()
    (now,) = identity.levels
    levels = (
        SvnLevel(isv_svn=now.isv_svn + 1),
        replace(now, status="OutOfDate"),
    )
    endorsements = simulated_sgx.endorsements(qe_identity=replace(identity, levels=levels))
    quote = simulated_sgx.quote(ENCLAVE, report_data=DATA)
    assert opinion(quote, endorsements, simulated_sgx.machine.issued).status == "OutOfDate"


@pytest.mark.parametrize("revoked", [PCK, CA])
def test_a_revoked_certificate_is_refused_by_it(
    simulated_sgx: SimulatedSgx, simulated_intel: IntelMachine, revoked: str
) -> None:
    """The lists revoke what they are told to revoke."""
    machine = SimulatedSgx(machine=replace(simulated_intel, revoked=frozenset({revoked})))
    quote = machine.quote(ENCLAVE, report_data=DATA)
    assert quote == simulated_sgx.quote(ENCLAVE, report_data=DATA)
    with pytest.raises(ValueError, match=r"(?i)revoked"):
        opinion(quote, machine.endorsements(), simulated_intel.issued)
