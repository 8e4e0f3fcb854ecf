"""Attacks on SNP evidence, in its real formats, each by whoever owns the host."""

from __future__ import annotations

from dataclasses import replace

import pytest

from enarx.errors import UnauthenticError
from enarx.tee.anchors import TrustAnchor
from enarx.tee.claims import Authentic
from enarx.tee.endorsements import Endorsements
from enarx.tee.simulated.root import SimulatedRoot
from enarx.tee.simulated.snp import SimulatedSnp, SnpGuest
from enarx.tee.snp.report import GuestPolicy
from enarx.tee.snp.roots import AMD_ROOTS
from enarx.tee.snp.technology import SNP
from enarx.tee.snp.vek import Signer

GUEST = SnpGuest(measurement=b"m" * 48)
DATA = b"d" * 64


@pytest.fixture
def report(simulated_snp: SimulatedSnp) -> bytes:
    """Honest evidence, which some attacks start from."""
    return simulated_snp.report(GUEST, report_data=DATA)


@pytest.fixture(scope="session")
def other_root(simulated_root: SimulatedRoot) -> SimulatedRoot:
    """A development root that nobody trusts: another seed, and its RSA keys the other way round."""
    return SimulatedRoot(bytes(32), simulated_root.ask_key, simulated_root.ark_key)


def verify(raw: bytes, endorsements: Endorsements, machine: SimulatedSnp) -> Authentic:
    """What the verifier makes of it with the machine's own root."""
    return SNP.authenticate(SNP.parse(raw), endorsements, machine.root.anchors(), machine.issued)


def changed(raw: bytes, offset: int, value: bytes) -> bytes:
    """*raw* with other bytes at *offset*."""
    return raw[:offset] + value + raw[offset + len(value) :]


FORGERIES = {
    "forged report data": (0x050, b"e" * 64),
    "forged measurement": (0x090, b"n" * 48),
    "forged host data": (0x0C0, b"h" * 32),
    "relabelled debug": (0x008, bytes.fromhex("00000b")),
    "relabelled vmpl": (0x030, b"\x03"),
    "relabelled guest svn": (0x004, b"\xff"),
    "relabelled platform info": (0x040, b"\x00"),
    "relabelled launch TCB": (0x1F0, bytes(8)),
}


@pytest.mark.parametrize(("offset", "value"), FORGERIES.values(), ids=FORGERIES.keys())
def test_forged_fields(
    simulated_snp: SimulatedSnp, report: bytes, offset: int, value: bytes
) -> None:
    """Whatever is changed after signing breaks the signature."""
    forged = changed(report, offset, value)
    assert forged != report
    with pytest.raises(UnauthenticError, match="report signature"):
        verify(forged, simulated_snp.endorsements(), simulated_snp)


def test_hidden_debug(simulated_snp: SimulatedSnp) -> None:
    """A guest with debug cannot have the bit taken out of its report."""
    debuggable = replace(GUEST, policy=GuestPolicy(0xB_0000))
    raw = simulated_snp.report(debuggable, report_data=DATA)
    assert verify(raw, simulated_snp.endorsements(), simulated_snp).claims.debug
    with pytest.raises(UnauthenticError, match="report signature"):
        verify(changed(raw, 0x00A, b"\x03"), simulated_snp.endorsements(), simulated_snp)


def test_replayed_certificate_of_another_chip(simulated_snp: SimulatedSnp, report: bytes) -> None:
    """A good chip's certificate does not vouch for a report of another chip."""
    other = replace(simulated_snp, chip="another chip")
    with pytest.raises(UnauthenticError, match=r"snp\.vek\.hwid"):
        verify(report, other.endorsements(), simulated_snp)


def test_masked_chip_id_with_another_chips_certificate(simulated_snp: SimulatedSnp) -> None:
    """With a masked chip id any certificate of this TCB is tried, and only the right one fits."""
    masked = replace(simulated_snp.describe(GUEST, report_data=DATA), chip_id=bytes(64))
    raw = simulated_snp.sign(masked)
    assert verify(raw, simulated_snp.endorsements(), simulated_snp).claims.instance == b""
    other = replace(simulated_snp, chip="another chip")
    with pytest.raises(UnauthenticError, match="report signature"):
        verify(raw, other.endorsements(), simulated_snp)


def test_rolled_back_firmware_claims_the_new_tcb(simulated_snp: SimulatedSnp) -> None:
    """Old firmware has an old key: it can claim the new TCB, but not sign for it."""
    old = replace(simulated_snp, tcb={"snp": 1})
    claim = simulated_snp.describe(GUEST, report_data=DATA)
    with pytest.raises(UnauthenticError, match="report signature"):
        verify(old.sign(claim), simulated_snp.endorsements(), simulated_snp)
    with pytest.raises(UnauthenticError, match=r"snp\.vek\.snpSPL: got 1, want 25"):
        verify(old.sign(claim), old.endorsements(), simulated_snp)


def test_new_certificate_for_an_old_report(simulated_snp: SimulatedSnp) -> None:
    """An old report stays old beside the certificate of the updated chip."""
    old = replace(simulated_snp, tcb={"microcode": 1})
    with pytest.raises(UnauthenticError, match=r"snp\.vek\.ucodeSPL: got 84, want 1"):
        verify(old.report(GUEST, report_data=DATA), simulated_snp.endorsements(), old)


@pytest.mark.parametrize("field", ["committed_tcb", "reported_tcb"])
def test_tcb_above_the_current_one(simulated_snp: SimulatedSnp, field: str) -> None:
    """No firmware commits to, or reports, what it does not run."""
    described = simulated_snp.describe(GUEST, report_data=DATA)
    old = replace(simulated_snp, tcb={"snp": 1}).tcb_version
    assert getattr(described, field) != old
    with pytest.raises(UnauthenticError, match=rf"snp\.{field}\.snp: got 25"):
        verify(
            simulated_snp.sign(replace(described, current_tcb=old)),
            simulated_snp.endorsements(),
            simulated_snp,
        )


def test_vlek_in_the_place_of_a_vcek(simulated_snp: SimulatedSnp, report: bytes) -> None:
    """The provider's key does not vouch where the report names the chip's, nor the other way."""
    provider = replace(simulated_snp, signer="vlek")
    with pytest.raises(UnauthenticError, match=r"snp\.vek\.signer: got vlek, want vcek"):
        verify(report, provider.endorsements(), simulated_snp)
    with pytest.raises(UnauthenticError, match=r"snp\.vek\.signer: got vcek, want vlek"):
        verify(
            provider.report(GUEST, report_data=DATA), simulated_snp.endorsements(), simulated_snp
        )


def test_another_products_chain(simulated_snp: SimulatedSnp, report: bytes) -> None:
    """A Milan's certificates do not vouch for a Genoa, though one key signs both here."""
    milan = replace(simulated_snp, product="Milan")
    with pytest.raises(UnauthenticError, match="certificate of the signing key"):
        verify(report, milan.endorsements(), simulated_snp)
    mixed = Endorsements(
        certificates=(simulated_snp.certificates()[0], *milan.certificates()[1:]),
    )
    with pytest.raises(UnauthenticError, match="certificate of SIMULATED SEV-Genoa"):
        verify(report, mixed, simulated_snp)


@pytest.mark.parametrize("signer", ["vcek", "vlek"])
def test_somebody_elses_root(
    simulated_snp: SimulatedSnp, other_root: SimulatedRoot, signer: Signer
) -> None:
    """Another development root has the same names and no other key: it is not believed."""
    forger = replace(simulated_snp, root=other_root, signer=signer)
    raw = forger.report(GUEST, report_data=DATA)
    assert verify(raw, forger.endorsements(), forger).claims.simulated
    with pytest.raises(UnauthenticError, match="certificate chain"):
        verify(raw, forger.endorsements(), simulated_snp)


def test_somebody_elses_root_beside_the_right_one(
    simulated_snp: SimulatedSnp, other_root: SimulatedRoot
) -> None:
    """The right authorities in the same bag do not lift the forger's key into their chain."""
    forger = replace(simulated_snp, root=other_root)
    raw = forger.report(GUEST, report_data=DATA)
    both = forger.endorsements() + simulated_snp.endorsements()
    with pytest.raises(UnauthenticError):
        verify(raw, both, simulated_snp)


def test_vendors_names_for_simulated_keys(simulated_snp: SimulatedSnp, report: bytes) -> None:
    """Anchors with AMD's names and our keys, or our names and AMD's keys, believe nothing."""
    ours = simulated_snp.root.anchors()[: len(AMD_ROOTS)]
    for real, simulated in zip(AMD_ROOTS, ours, strict=True):
        for anchor in (replace(real, spki=simulated.spki), replace(simulated, spki=real.spki)):
            with pytest.raises(UnauthenticError, match="certificate chain"):
                SNP.authenticate(
                    SNP.parse(report),
                    simulated_snp.endorsements(),
                    (anchor,),
                    simulated_snp.issued,
                )


def test_a_forgotten_mark_on_the_anchor(simulated_snp: SimulatedSnp, report: bytes) -> None:
    """An anchor that hides that it is simulated fits no name: the verifier refuses its chain."""
    anchors: tuple[TrustAnchor, ...] = tuple(
        replace(anchor, simulated=False) for anchor in simulated_snp.root.anchors()
    )
    with pytest.raises(UnauthenticError, match="certificate chain"):
        SNP.authenticate(
            SNP.parse(report), simulated_snp.endorsements(), anchors, simulated_snp.issued
        )


def test_reported_as_real_beside_vendors_anchors(
    simulated_snp: SimulatedSnp, report: bytes
) -> None:
    """With both kinds of roots trusted, the claims still say simulated."""
    anchors = (*AMD_ROOTS, *simulated_snp.root.anchors())
    for order in (anchors, anchors[::-1]):
        authentic = SNP.authenticate(
            SNP.parse(report), simulated_snp.endorsements(), order, simulated_snp.issued
        )
        assert authentic.claims.simulated
