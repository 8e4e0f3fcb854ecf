"""Simulated SNP reports are what the verifier of real ones accepts, and say what they were told."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from enarx.errors import UnauthenticError
from enarx.tee.anchors import TrustAnchor
from enarx.tee.claims import Authentic
from enarx.tee.endorsements import Endorsements
from enarx.tee.simulated.certificates import Validity, valid_for
from enarx.tee.simulated.root import SimulatedRoot
from enarx.tee.simulated.snp import POLICY, TCB, SimulatedSnp, SnpGuest
from enarx.tee.snp.products import PRODUCTS, Product
from enarx.tee.snp.report import GuestPolicy, PlatformInfo
from enarx.tee.snp.roots import AMD_ROOTS
from enarx.tee.snp.technology import SNP
from enarx.tee.snp.vek import Signer
from enarx.tee.x509 import load_certificate

GUEST = SnpGuest(measurement=b"m" * 48, host_data=b"h" * 32)
DATA = b"d" * 64
DEBUG = GuestPolicy(int(POLICY) | 1 << 19)


def verify(
    raw: bytes,
    endorsements: Endorsements,
    machine: SimulatedSnp,
    now: datetime | None = None,
    anchors: tuple[TrustAnchor, ...] | None = None,
) -> Authentic:
    """What the verifier makes of it, by default with the machine's own root at its own time."""
    trusted = machine.root.anchors() if anchors is None else anchors
    return SNP.authenticate(SNP.parse(raw), endorsements, trusted, now or machine.issued)


def report(machine: SimulatedSnp, guest: SnpGuest = GUEST) -> bytes:
    """A report of the machine."""
    return machine.report(guest, report_data=DATA)


@pytest.mark.parametrize("signer", ["vcek", "vlek"])
@pytest.mark.parametrize("product", PRODUCTS)
def test_every_kind_is_authentic_and_simulated(
    simulated_snp: SimulatedSnp, product: Product, signer: Signer
) -> None:
    """Reports of all products, of VCEK and VLEK, pass the verifier and are marked in its claims."""
    machine = replace(simulated_snp, product=product, signer=signer)
    authentic = verify(report(machine), machine.endorsements(), machine)
    claims = authentic.claims
    assert claims.simulated
    assert authentic.anchor == f"SIMULATED ARK-{product}"
    assert all("SIMULATED" in link.subject for link in authentic.chain)
    assert len(authentic.chain) == 3
    assert claims.measurements == {"measurement": b"m" * 48}
    assert claims.report_data == DATA
    assert claims.tcb.components == TCB[product]
    assert claims.revocation.unchecked == ()
    assert claims.instance == (machine.hwid.ljust(64, b"\0") if signer == "vcek" else b"")
    assert not claims.debug


@pytest.mark.parametrize("version", [2, 3, 4, 5])
def test_every_version_is_authentic(simulated_snp: SimulatedSnp, version: int) -> None:
    """All versions that the verifier knows can be made; version 2 does not tell the CPU."""
    machine = replace(simulated_snp, version=version)
    claims = verify(report(machine), machine.endorsements(), machine).claims
    assert claims.fields["snp.version"] == version
    assert ("snp.cpuid_fam_id" in claims.fields) == (version > 2)


def test_the_table_is_enough_but_for_the_list(simulated_snp: SimulatedSnp) -> None:
    """A report with its certificate table needs nothing else; only revocation is unchecked."""
    raw = report(simulated_snp) + simulated_snp.certificate_table()
    authentic = verify(raw, Endorsements(), simulated_snp)
    assert authentic.claims.revocation.unchecked == ("SIMULATED ARK-Genoa: no CRL given",)
    assert SNP.needs(SNP.parse(raw), Endorsements(), simulated_snp.issued)


def test_nothing_is_needed_beside_the_endorsements(simulated_snp: SimulatedSnp) -> None:
    """What the machine endorses is complete; without it, everything is missing."""
    evidence = SNP.parse(report(simulated_snp))
    everything = simulated_snp.endorsements()
    assert SNP.needs(evidence, everything, simulated_snp.issued) == ()
    assert len(SNP.needs(evidence, Endorsements(), simulated_snp.issued)) == 3


def test_what_a_launcher_says_is_claimed(simulated_snp: SimulatedSnp) -> None:
    """Every property of a guest is in the claims of its evidence."""
    guest = SnpGuest(
        measurement=bytes(range(48)),
        host_data=bytes(range(32)),
        policy=DEBUG,
        guest_svn=7,
        family_id=b"f" * 16,
        image_id=b"i" * 16,
        id_key_digest=b"k" * 48,
        author_key_digest=b"a" * 48,
        report_id=b"r" * 32,
    )
    raw = simulated_snp.report(guest, report_data=DATA, vmpl=2)
    claims = verify(raw, simulated_snp.endorsements(), simulated_snp).claims
    told = {
        "snp.host_data": guest.host_data,
        "snp.guest_svn": 7,
        "snp.family_id": guest.family_id,
        "snp.image_id": guest.image_id,
        "snp.id_key_digest": guest.id_key_digest,
        "snp.author_key_digest": guest.author_key_digest,
        "snp.author_key_en": True,
        "snp.report_id": guest.report_id,
        "snp.vmpl": 2,
        "snp.policy.debug": True,
    }
    assert {name: claims.fields[name] for name in told} == told
    assert claims.debug


def test_what_a_machine_is_like_is_claimed(simulated_snp: SimulatedSnp) -> None:
    """TCB, set-up and fields that were changed before signing are in the claims."""
    machine = replace(simulated_snp, tcb={"snp": 5}, platform_info=PlatformInfo(0x02))
    described = replace(
        machine.describe(GUEST, report_data=DATA),
        launch_tcb=bytes(8),
        current_mit_vector=0,
        current_build=9,
    )
    claims = verify(machine.sign(described), machine.endorsements(), machine).claims
    assert claims.tcb.components["snp"] == claims.fields["snp.reported_tcb.snp"] == 5
    assert claims.fields["snp.launch_tcb.snp"] == 0
    assert claims.fields["snp.current_build"] == 9
    assert claims.fields["snp.platform_info.tsme_en"]
    assert not claims.fields["snp.platform_info.smt_en"]


def test_the_same_seed_makes_the_same_evidence(simulated_snp: SimulatedSnp) -> None:
    """A report is the same every time; a certificate is, but for the salt of its signature."""
    again = replace(simulated_snp, root=SimulatedRoot.from_bytes(simulated_snp.root.to_bytes()))
    assert report(again) == report(simulated_snp)
    for ours, theirs in zip(again.certificates(), simulated_snp.certificates(), strict=True):
        assert tbs(ours) == tbs(theirs)


def tbs(der: bytes) -> bytes:
    """What the signature of a certificate is over."""
    return load_certificate(der, "certificate").tbs_certificate_bytes


def test_a_vcek_has_amds_serial_number(simulated_snp: SimulatedSnp) -> None:
    """The serial number is 0, which no builder makes; the signature over it is checked above."""
    version_3_serial_0 = bytes.fromhex("a003020102 020100")
    vcek, *authorities = simulated_snp.certificates()
    assert tbs(vcek)[4:].startswith(version_3_serial_0)
    assert not any(version_3_serial_0 in der for der in authorities)


def test_evidence_is_refused_before_and_after_its_time(simulated_snp: SimulatedSnp) -> None:
    """The certificate counts from when it was issued until its end."""
    raw, endorsements = report(simulated_snp), simulated_snp.endorsements()
    for days in (-1, 8 * 365):
        with pytest.raises(UnauthenticError, match="certificate validity"):
            verify(raw, endorsements, simulated_snp, simulated_snp.issued + timedelta(days=days))


def test_a_chosen_validity_counts(simulated_snp: SimulatedSnp) -> None:
    """The ends of the certificate and of the list are the caller's, where given."""
    issued = simulated_snp.issued
    machine = replace(
        simulated_snp,
        vek_validity=Validity(not_before=issued, not_after=issued + timedelta(days=2)),
        crl_validity=valid_for(issued, 1),
    )
    assert verify(report(machine), machine.endorsements(), machine).not_after == (
        issued + timedelta(days=1)
    )
    later = verify(
        report(machine), machine.endorsements(), machine, issued + timedelta(days=1, hours=1)
    )
    assert later.claims.revocation.unchecked == ("SIMULATED ARK-Genoa: CRL ended on 2026-06-02",)
    with pytest.raises(UnauthenticError, match="certificate validity"):
        verify(report(machine), machine.endorsements(), machine, issued + timedelta(days=3))


@pytest.mark.parametrize("signer", ["vcek", "vlek"])
def test_a_revoked_authority_is_refused(simulated_snp: SimulatedSnp, signer: Signer) -> None:
    """A list that names the ASK (or ASVK) makes everything below it unauthentic."""
    machine = replace(simulated_snp, signer=signer, ask_revoked=True)
    with pytest.raises(UnauthenticError, match="revoked by SIMULATED ARK-Genoa"):
        verify(report(machine), machine.endorsements(), machine)


def test_amds_roots_do_not_believe_it(simulated_snp: SimulatedSnp) -> None:
    """The production verifier refuses simulated evidence of every kind."""
    for product in PRODUCTS:
        for signer in ("vcek", "vlek"):
            machine = replace(simulated_snp, product=product, signer=signer)
            with pytest.raises(UnauthenticError, match="issued by ARK-Genoa or ARK-Milan"):
                verify(report(machine), machine.endorsements(), machine, anchors=AMD_ROOTS)
