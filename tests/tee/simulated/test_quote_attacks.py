"""Attacks on TDX and SGX evidence, in its real formats, each by whoever owns the host."""

from __future__ import annotations

from dataclasses import replace

import pytest

from enarx.errors import UnauthenticError
from enarx.tee.anchors import TrustAnchor
from enarx.tee.claims import Authentic
from enarx.tee.dcap.enclave import EnclaveFlags
from enarx.tee.dcap.quote import parse_quote
from enarx.tee.dcap.roots import ANCHORS, INTEL_SGX_ROOT
from enarx.tee.endorsements import Endorsements
from enarx.tee.sgx.technology import SGX
from enarx.tee.simulated.collateral import SvnLevel
from enarx.tee.simulated.machine import IntelMachine
from enarx.tee.simulated.quote import QuotingEnclave
from enarx.tee.simulated.root import SimulatedRoot
from enarx.tee.simulated.sgx import Enclave, SimulatedSgx
from enarx.tee.simulated.tdx import ATTRIBUTES, SimulatedTdx, TdGuest
from enarx.tee.tdx.report import TdAttributes
from enarx.tee.tdx.technology import TDX

DATA = b"d" * 64
GUEST = TdGuest(mr_td=b"m" * 48)
ENCLAVE = Enclave(mr_enclave=b"e" * 32)
BODY = 48
"""Where the body begins, in versions 3 and 4."""


@pytest.fixture
def quote(simulated_tdx: SimulatedTdx) -> bytes:
    """An honest TDX quote, which some attacks start from."""
    return simulated_tdx.quote(GUEST, report_data=DATA)


@pytest.fixture(scope="session")
def other_machine(simulated_intel: IntelMachine) -> IntelMachine:
    """Another machine of the same model, honest too."""
    return replace(simulated_intel, name="another machine")


@pytest.fixture(scope="session")
def forger(simulated_intel: IntelMachine, simulated_root: SimulatedRoot) -> IntelMachine:
    """A machine under a root that nobody trusts, though all its names are right."""
    root = SimulatedRoot(bytes(32), simulated_root.ark_key, simulated_root.ask_key)
    return replace(simulated_intel, root=root)


def verify(
    raw: bytes,
    machine: SimulatedTdx | SimulatedSgx,
    *,
    endorsements: Endorsements | None = None,
    anchors: tuple[TrustAnchor, ...] | None = None,
) -> Authentic:
    """What the verifier makes of it, by default with the machine's own root and collateral."""
    technology = TDX if isinstance(machine, SimulatedTdx) else SGX
    return technology.authenticate(
        technology.parse(raw),
        machine.endorsements() if endorsements is None else endorsements,
        machine.machine.root.anchors() if anchors is None else anchors,
        machine.machine.issued,
    )


def changed(raw: bytes, offset: int, value: bytes) -> bytes:
    """*raw* with other bytes at *offset*."""
    forged = raw[:offset] + value + raw[offset + len(value) :]
    assert forged != raw
    return forged


def graft(raw: bytes, ours: bytes, theirs: bytes) -> bytes:
    """*raw* with the one part that is *ours* replaced by *theirs*, of the same size."""
    assert raw.count(ours) == 1
    assert len(ours) == len(theirs)
    return raw.replace(ours, theirs)


def rechained(raw: bytes, donor: bytes) -> bytes:
    """The TDX quote *raw*, of version 4, with the certificates of *donor*."""
    begin = raw.index(b"-----BEGIN")
    chain = donor[donor.index(b"-----BEGIN") :]
    made = raw[:begin] + chain
    for offset in SIZES_OF_V4:
        size = len(made) - offset - 4
        made = made[:offset] + size.to_bytes(4, "little") + made[offset + 4 :]
    return made


SIZES_OF_V4 = (632, 766, 1254)
"""Where a TDX quote of version 4 holds the sizes of all that follows: the signature section, the
certification data of type 6, and those of type 5 inside, behind 32 bytes of authentication data."""

TD_FORGERIES = {
    "forged report data": (520, b"e" * 64),
    "forged mr_td": (136, b"n" * 48),
    "forged rtmr 3": (472, b"r" * 48),
    "forged config id": (184, b"c" * 48),
    "rolled back module SVN": (0, b"\x09"),
    "relabelled debug": (120, b"\x01"),
    "dropped SEPT_VE_DISABLE": (123, b"\x00"),
    "forged mr_seam": (16, bytes(48)),
}


@pytest.mark.parametrize(("offset", "value"), TD_FORGERIES.values(), ids=TD_FORGERIES.keys())
def test_forged_trust_domains(
    simulated_tdx: SimulatedTdx, quote: bytes, offset: int, value: bytes
) -> None:
    """Whatever is changed in the body breaks the quote's signature."""
    with pytest.raises(UnauthenticError, match="quote signature"):
        verify(changed(quote, BODY + offset, value), simulated_tdx)


ENCLAVE_FORGERIES = {
    "forged report data": (320, b"e" * 64),
    "forged mr_enclave": (64, b"n" * 32),
    "forged mr_signer": (128, b"s" * 32),
    "relabelled debug": (48, b"\x07"),
    "relabelled isv svn": (258, b"\xff"),
    "relabelled CPU SVN": (0, b"\xff" * 16),
}


@pytest.mark.parametrize(
    ("offset", "value"), ENCLAVE_FORGERIES.values(), ids=ENCLAVE_FORGERIES.keys()
)
def test_forged_enclaves(simulated_sgx: SimulatedSgx, offset: int, value: bytes) -> None:
    """Whatever is changed in the body breaks the quote's signature."""
    raw = simulated_sgx.quote(ENCLAVE, report_data=DATA)
    with pytest.raises(UnauthenticError, match="quote signature"):
        verify(changed(raw, BODY + offset, value), simulated_sgx)


def test_hidden_debug(simulated_tdx: SimulatedTdx, simulated_sgx: SimulatedSgx) -> None:
    """What can be debugged says so, and the bit cannot be taken out of its quote."""
    debuggable = replace(GUEST, attributes=TdAttributes(int(ATTRIBUTES) | 1))
    raw = simulated_tdx.quote(debuggable, report_data=DATA)
    assert verify(raw, simulated_tdx).claims.debug
    with pytest.raises(UnauthenticError, match="quote signature"):
        verify(changed(raw, BODY + 120, b"\x00"), simulated_tdx)
    raw = simulated_sgx.quote(replace(ENCLAVE, flags=EnclaveFlags(7)), report_data=DATA)
    assert verify(raw, simulated_sgx).claims.debug
    with pytest.raises(UnauthenticError, match="quote signature"):
        verify(changed(raw, BODY + 48, b"\x05"), simulated_sgx)


def test_another_machines_attestation_key(
    simulated_tdx: SimulatedTdx, other_machine: IntelMachine, quote: bytes
) -> None:
    """A key that another quoting enclave holds is not bound by this one's report."""
    theirs = replace(simulated_tdx, machine=other_machine).quote(GUEST, report_data=DATA)
    mine, other = parse_quote(quote), parse_quote(theirs)
    raw = graft(quote, mine.attestation_key, other.attestation_key)
    raw = graft(raw, mine.signature, other.signature)
    with pytest.raises(UnauthenticError, match="attestation key binding"):
        verify(raw, simulated_tdx)


def test_swapped_quoting_enclave_report(
    simulated_tdx: SimulatedTdx, other_machine: IntelMachine, quote: bytes
) -> None:
    """The report of another machine's quoting enclave is not signed by this machine's PCK."""
    theirs = replace(simulated_tdx, machine=other_machine).quote(GUEST, report_data=DATA)
    mine, other = parse_quote(quote), parse_quote(theirs)
    raw = graft(quote, mine.qe_signed, other.qe_signed)
    raw = graft(raw, mine.qe_signature, other.qe_signature)
    with pytest.raises(UnauthenticError, match="QE report signature"):
        verify(raw, simulated_tdx)


def test_replayed_pck_of_another_machine(
    simulated_tdx: SimulatedTdx, other_machine: IntelMachine, quote: bytes
) -> None:
    """A good machine's PCK certificate does not vouch for what another machine signed."""
    theirs = replace(simulated_tdx, machine=other_machine).quote(GUEST, report_data=DATA)
    with pytest.raises(UnauthenticError, match="QE report signature"):
        verify(rechained(quote, theirs), simulated_tdx)


def test_swapped_authentication_data(simulated_tdx: SimulatedTdx, quote: bytes) -> None:
    """The data that the quoting enclave hashed with its key are bound too."""
    mine = parse_quote(quote)
    with pytest.raises(UnauthenticError, match="attestation key binding"):
        verify(graft(quote, mine.qe_auth, bytes(len(mine.qe_auth))), simulated_tdx)


def test_quoting_enclave_of_the_hosts_own(simulated_tdx: SimulatedTdx) -> None:
    """An enclave that anybody can load gets a PCK-signed report, and is not the quoting enclave."""
    genuine = simulated_tdx.qe_identity()
    for own in (
        QuotingEnclave(tee="tdx", isv_prod_id=9),
        QuotingEnclave(tee="tdx", isv_prod_id=2, flags=0x17),
    ):
        raw = replace(simulated_tdx, qe=own).quote(GUEST, report_data=DATA)
        endorsements = simulated_tdx.endorsements(qe_identity=genuine)
        with pytest.raises(UnauthenticError, match="QE identity"):
            verify(raw, simulated_tdx, endorsements=endorsements)


def test_quoting_enclave_of_another_signer(simulated_tdx: SimulatedTdx, quote: bytes) -> None:
    """The signer of the quoting enclave is the one of the identity."""
    identity = replace(simulated_tdx.qe_identity(), mr_signer=b"q" * 32)
    with pytest.raises(UnauthenticError, match="mr_signer"):
        verify(quote, simulated_tdx, endorsements=simulated_tdx.endorsements(qe_identity=identity))


def test_rolled_back_platform_with_the_new_pck(
    simulated_tdx: SimulatedTdx, simulated_intel: IntelMachine
) -> None:
    """Old microcode has an old PCK: the new certificate does not fit what it signs."""
    old = replace(simulated_intel, cpu_svn=(1, *simulated_intel.cpu_svn[1:]))
    raw = replace(simulated_tdx, machine=old).quote(GUEST, report_data=DATA)
    status = verify(raw, simulated_tdx).claims.tcb.status
    assert status == "TcbNotSupported"
    fresh = simulated_tdx.quote(GUEST, report_data=DATA)
    with pytest.raises(UnauthenticError, match="QE report signature"):
        verify(rechained(raw, fresh), simulated_tdx)


@pytest.mark.parametrize("kind", ["tcb_infos", "qe_identities"])
def test_edited_collateral(simulated_tdx: SimulatedTdx, quote: bytes, kind: str) -> None:
    """A status, date or level that somebody edited is no longer Intel's word."""
    info = simulated_tdx.tcb_info()
    (level,) = info.levels
    revoked = replace(info, levels=(replace(level, status="Revoked"),))
    identity = replace(simulated_tdx.qe_identity(), levels=(SvnLevel(isv_svn=1, status="Revoked"),))
    honest = simulated_tdx.endorsements(tcb_info=revoked, qe_identity=identity)
    assert verify(quote, simulated_tdx, endorsements=honest).claims.tcb.status == "Revoked"
    (item,) = getattr(honest, kind)
    edited = item.replace(b'"Revoked"', b'"UpToDate"')
    assert edited != item
    with pytest.raises(UnauthenticError, match="endorsements"):
        verify(quote, simulated_tdx, endorsements=replace(honest, **{kind: (edited,)}))


def test_an_older_evaluation_beside_the_newer(simulated_tdx: SimulatedTdx, quote: bytes) -> None:
    """Of two signed TCB infos that are current, the one with the higher number counts."""
    info = simulated_tdx.tcb_info()
    (level,) = info.levels
    newer = replace(info, levels=(replace(level, status="OutOfDate"),), evaluation_number=21)
    both = simulated_tdx.endorsements() + simulated_tdx.endorsements(tcb_info=newer)
    for order in (both, replace(both, tcb_infos=both.tcb_infos[::-1])):
        tcb = verify(quote, simulated_tdx, endorsements=order).claims.tcb
        assert (tcb.status, tcb.evaluation_number) == ("OutOfDate", 20)
        fields = verify(quote, simulated_tdx, endorsements=order).claims.fields
        assert fields["tdx.tcb_info.eval_num"] == 21


def test_a_pck_signs_no_collateral(simulated_tdx: SimulatedTdx, quote: bytes) -> None:
    """A machine's own key makes no TCB info, though its certificate is genuine."""
    own = simulated_tdx.tcb_info().sign(simulated_tdx.machine.pck_key)
    endorsements = replace(simulated_tdx.endorsements(), tcb_infos=(own,))
    with pytest.raises(UnauthenticError, match="TCB info"):
        verify(quote, simulated_tdx, endorsements=endorsements)


def test_module_that_intel_did_not_sign(simulated_tdx: SimulatedTdx) -> None:
    """A TDX module of another signer, or with attributes, is refused."""
    for module in (
        replace(simulated_tdx, mr_signer_seam=b"x" * 48),
        replace(simulated_tdx, seam_attributes=b"\x01".ljust(8, b"\0")),
    ):
        raw = module.quote(GUEST, report_data=DATA)
        with pytest.raises(UnauthenticError, match="TDX module"):
            verify(raw, simulated_tdx)


def test_module_of_an_unknown_line(simulated_tdx: SimulatedTdx) -> None:
    """A TDX module that the TCB info does not know is refused."""
    unknown = replace(simulated_tdx, tee_tcb_svn=bytes((7, 9, 9)).ljust(16, b"\0"))
    with pytest.raises(UnauthenticError, match="TDX module"):
        verify(unknown.quote(GUEST, report_data=DATA), simulated_tdx)


def test_somebody_elses_root(simulated_tdx: SimulatedTdx, forger: IntelMachine) -> None:
    """Another development root has the same names and no other key: it is not believed."""
    theirs = replace(simulated_tdx, machine=forger)
    raw = theirs.quote(GUEST, report_data=DATA)
    assert verify(raw, theirs).claims.simulated
    both = theirs.endorsements() + simulated_tdx.endorsements()
    for endorsements in (theirs.endorsements(), simulated_tdx.endorsements(), both):
        with pytest.raises(UnauthenticError, match="certificate chain"):
            verify(raw, simulated_tdx, endorsements=endorsements)


def test_forgers_collateral_for_a_genuine_quote(
    simulated_tdx: SimulatedTdx, forger: IntelMachine, quote: bytes
) -> None:
    """Collateral under another root is not taken for a genuine quote, nor beside the genuine."""
    theirs = replace(simulated_tdx, machine=forger)
    with pytest.raises(UnauthenticError, match="endorsements"):
        verify(quote, simulated_tdx, endorsements=theirs.endorsements())
    lying = replace(theirs.tcb_info(), evaluation_number=99)
    both = simulated_tdx.endorsements() + theirs.endorsements(tcb_info=lying)
    assert verify(quote, simulated_tdx, endorsements=both).claims.tcb.evaluation_number == 20


def test_intels_root_does_not_believe_it(
    simulated_tdx: SimulatedTdx, simulated_sgx: SimulatedSgx
) -> None:
    """The production verifier refuses simulated evidence of every kind."""
    for machine in (simulated_tdx, replace(simulated_tdx, version=5)):
        with pytest.raises(UnauthenticError, match="certificate chain"):
            verify(machine.quote(GUEST, report_data=DATA), machine, anchors=ANCHORS)
    raw = simulated_sgx.quote(ENCLAVE, report_data=DATA)
    with pytest.raises(UnauthenticError, match="certificate chain"):
        verify(raw, simulated_sgx, anchors=ANCHORS)


def test_vendors_names_for_simulated_keys(simulated_tdx: SimulatedTdx, quote: bytes) -> None:
    """Anchors with Intel's name and our key, or our name and Intel's key, believe nothing."""
    ours = simulated_tdx.machine.root.anchors()[-1]
    for anchor in (
        replace(INTEL_SGX_ROOT, spki=ours.spki),
        replace(ours, spki=INTEL_SGX_ROOT.spki),
    ):
        with pytest.raises(UnauthenticError, match="certificate chain"):
            verify(quote, simulated_tdx, anchors=(anchor,))


def test_a_forgotten_mark_on_the_anchor(simulated_tdx: SimulatedTdx, quote: bytes) -> None:
    """An anchor that hides that it is simulated fits no name: the verifier refuses its chain."""
    unmarked = tuple(replace(a, simulated=False) for a in simulated_tdx.machine.root.anchors())
    with pytest.raises(UnauthenticError, match="certificate chain"):
        verify(quote, simulated_tdx, anchors=unmarked)


def test_reported_as_real_beside_vendors_anchors(simulated_tdx: SimulatedTdx, quote: bytes) -> None:
    """With both kinds of roots trusted, the claims still say simulated."""
    anchors = (*ANCHORS, *simulated_tdx.machine.root.anchors())
    for order in (anchors, anchors[::-1]):
        assert verify(quote, simulated_tdx, anchors=order).claims.simulated
