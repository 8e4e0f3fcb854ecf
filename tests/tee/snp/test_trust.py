"""From a VEK up to a pinned ARK: who may issue what, for how long, and what is revoked."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import Encoding

from enarx.errors import UnauthenticError
from enarx.tee.endorsements import Endorsements
from enarx.tee.simulated.certificates import Party, Validity, authority, certify, valid_for
from enarx.tee.simulated.root import ALWAYS
from enarx.tee.snp.roots import AMD_ROOTS
from enarx.tee.snp.technology import SNP
from enarx.tee.snp.trust import MAX_AUTHORITIES, load, trust_ask, trust_vek, trust_vek_in
from enarx.tee.snp.vek import Signer, load_vek
from enarx.tee.x509 import load_certificate

if TYPE_CHECKING:
    from tests.tee.snp.conftest import Workshop

DAY = timedelta(days=1)


def refused(workshop: Workshop, *certificates: bytes, match: str) -> None:
    """Insist that the honest report is not authentic with these certificates."""
    with pytest.raises(UnauthenticError, match=match):
        workshop.authenticate(workshop.report, Endorsements(certificates=certificates))


def test_the_authority_is_missing(genoa: Workshop) -> None:
    """Without ASK the error names it and where it is from."""
    with pytest.raises(UnauthenticError, match="want the certificate of SIMULATED SEV-Genoa") as e:
        genoa.authenticate(genoa.report, Endorsements(certificates=(genoa.vek(),)))
    assert "cert_chain" in e.value.hints[0]


def test_the_root_need_not_come_along(genoa: Workshop) -> None:
    """The ARK's key is pinned, so its certificate is not needed."""
    found = genoa.authenticate(
        genoa.report, Endorsements(certificates=genoa.machine.certificates()[:2])
    )
    assert found.chain[-1].not_before is None


def test_nobody_pinned_that_root(genoa: Workshop) -> None:
    """A chain to a root that is not pinned proves nothing, be it complete."""
    with pytest.raises(UnauthenticError, match="ARK-Genoa"):
        SNP.authenticate(
            SNP.parse(genoa.report), genoa.machine.endorsements(), AMD_ROOTS, genoa.now
        )


def test_anchors_of_other_vendors_do_not_count(genoa: Workshop) -> None:
    """A root that is pinned for Intel's evidence vouches for none of AMD's."""
    anchors = tuple(replace(anchor, vendor="intel") for anchor in genoa.anchors)
    with pytest.raises(UnauthenticError, match="certificate chain"):
        SNP.authenticate(SNP.parse(genoa.report), genoa.machine.endorsements(), anchors, genoa.now)


def test_simulated_names_need_a_simulated_root(genoa: Workshop) -> None:
    """The names of a development root are understood only where the anchor says it is one."""
    anchors = tuple(replace(anchor, simulated=False) for anchor in genoa.anchors)
    with pytest.raises(UnauthenticError, match="got 'SIMULATED SEV-Genoa', want SEV-a product"):
        SNP.authenticate(SNP.parse(genoa.report), genoa.machine.endorsements(), anchors, genoa.now)


@pytest.mark.parametrize(
    ("name", "signer"), [("genoa", "vlek"), ("vlek", "vcek")], ids=["VCEK by ASVK", "VLEK by ASK"]
)
def test_the_role_of_the_authority(
    request: pytest.FixtureRequest, name: str, signer: Signer
) -> None:
    """An ASK issues VCEKs and an ASVK VLEKs, though one key were both."""
    workshop: Workshop = request.getfixturevalue(name)
    product, root = workshop.machine.product, workshop.machine.root
    vek = workshop.vek(issuer=root.ask(product, signer))
    chain = root.amd_certificates(product, signer)
    refused(workshop, vek, *chain, match=rf"snp\.vek\.signer: got {workshop.machine.signer}, want")


def test_the_product_of_the_authority(genoa: Workshop) -> None:
    """An ASK issues keys of its own product only."""
    root = genoa.machine.root
    vek = genoa.vek(issuer=root.ask("Milan", "vcek"))
    match = r"snp\.vek\.product_name: got Genoa, want Milan as issued by SIMULATED SEV-Milan"
    refused(genoa, vek, *root.amd_certificates("Milan", "vcek"), match=match)


def test_the_name_of_the_key(genoa: Workshop) -> None:
    """A VCEK is called so: a certificate for something else with its extensions is none."""
    vek = genoa.vek(title="SEV-VLEK")
    refused(genoa, vek, *genoa.chain(), match=r"snp\.vek\.subject: got SEV-VLEK, want SEV-VCEK")


def test_the_name_of_the_authority(genoa: Workshop) -> None:
    """What an ARK signed is an ASK or ASVK of its product by its name, or nothing."""
    root = genoa.machine.root
    for title in ("SEV-Turin", "SEV-VCEK-Genoa", "ARK-Genoa", ""):
        odd = Party(title=title, key=root.ask_key)
        ask = certify(odd, root.ark("Genoa"), ALWAYS, roles=authority(0))
        match = "want SEV-Genoa or SEV-VLEK-Genoa|the trust anchor's own"
        refused(genoa, genoa.vek(issuer=odd), ask, match=match)


def test_an_authority_between(genoa: Workshop) -> None:
    """The ARK signs an ASK itself; a longer chain has another meaning."""
    root = genoa.machine.root
    between = Party(title="between", key=root.ark_key)
    ask, upper = root.ask("Genoa", "vcek"), root.ark("Genoa")
    chain = (
        certify(ask, between, ALWAYS, roles=authority(0)),
        certify(between, upper, ALWAYS, roles=authority(1)),
    )
    match = "want signed by an ARK itself"
    refused(genoa, genoa.vek(), *chain, match=f"got signed by SIMULATED between, {match}")


def signed_plainly(workshop: Workshop) -> bytes:
    """The chip's certificate with a PKCS #1 v1.5 signature of the ASK's key."""
    root, machine = workshop.machine.root, workshop.machine
    ask = root.ask("Genoa", "vcek")
    name = Party(title="SEV-VCEK", key=machine._vek_key()).name
    builder = x509.CertificateBuilder(
        ask.name, name, machine._vek_key().public_key(), 1, ALWAYS.not_before, ALWAYS.not_after
    )
    for oid, value in machine._vek_extensions():
        extension = x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), value)
        builder = builder.add_extension(extension, critical=False)
    made = builder.sign(root.ask_key, hashes.SHA384(), rsa_padding=padding.PKCS1v15())
    return made.public_bytes(Encoding.DER)


def test_only_pss(genoa: Workshop) -> None:
    """AMD signs by RSASSA-PSS; a PKCS #1 v1.5 signature of the right key is not AMD's."""
    root = genoa.machine.root
    ask = genoa.chain()[0]
    old = load_certificate(ask, "ASK")
    builder = x509.CertificateBuilder(
        old.issuer, old.subject, old.public_key(), old.serial_number,
        old.not_valid_before_utc, old.not_valid_after_utc, list(old.extensions),
    )  # fmt: skip
    plain = builder.sign(root.ark_key, hashes.SHA384(), rsa_padding=padding.PKCS1v15())
    match = "SEV-Genoa: got .*, want a signature by RSASSA-PSS"
    refused(genoa, genoa.vek(), plain.public_bytes(Encoding.DER), match=match)
    match = "SEV-VCEK: got .*, want a signature by RSASSA-PSS"
    refused(genoa, signed_plainly(genoa), *genoa.chain(), match=match)


def test_not_an_authority(genoa: Workshop) -> None:
    """A certificate without the right to issue is no ASK."""
    root = genoa.machine.root
    ask = certify(root.ask("Genoa", "vcek"), root.ark("Genoa"), ALWAYS)
    refused(genoa, genoa.vek(), ask, match="want a certificate authority")


def test_dates(genoa: Workshop) -> None:
    """A certificate that is not valid at the time of verification proves nothing."""
    root, issued = genoa.machine.root, genoa.machine.issued
    old = Validity(not_before=issued - 9 * DAY, not_after=issued)
    match = "certificate validity: SIMULATED SEV-VCEK: got valid from"
    refused(genoa, genoa.vek(validity=old), *genoa.chain(), match=match)
    later = valid_for(genoa.now + DAY, 9)
    refused(genoa, genoa.vek(validity=later), *genoa.chain(), match=match)
    ask = certify(root.ask("Genoa", "vcek"), root.ark("Genoa"), old, roles=authority(0))
    refused(genoa, genoa.vek(), ask, match="certificate validity: SIMULATED SEV-Genoa")


def test_another_key_signed_it(genoa: Workshop) -> None:
    """The issuer's name alone does not make an issuer."""
    stranger = Party(title="SEV-Genoa", key=genoa.machine.root.ark_key)
    vek = genoa.vek(issuer=stranger)
    refused(genoa, vek, *genoa.chain(), match="want a signature of SIMULATED SEV-Genoa")


def test_strangers_with_the_authoritys_name(genoa: Workshop) -> None:
    """Certificates that only have the ASK's name are not in the way, up to a bound."""
    key = genoa.machine._vek_key()
    strangers = [
        certify(Party(title="SEV-Genoa", key=key, serial=n), Party(title="x", key=key), ALWAYS)
        for n in range(1, MAX_AUTHORITIES + 1)
    ]
    vek, ask = genoa.vek(), genoa.chain()[0]
    bag = Endorsements(certificates=(vek, *strangers[1:], ask))
    assert genoa.authenticate(genoa.report, bag)
    refused(genoa, vek, *strangers, ask, match="certificate chain: SIMULATED SEV-Genoa")


def test_a_revoked_authority(genoa: Workshop) -> None:
    """An ASK in the ARK's list vouches for nothing, even if the list is old."""
    revoked = genoa.of(ask_revoked=True)
    for now in (genoa.now, genoa.now + 400 * DAY):
        with pytest.raises(UnauthenticError, match="revocation: SIMULATED SEV-Genoa: got revoked"):
            revoked.authenticate(genoa.report, revoked.machine.endorsements(), now)


def test_no_list(genoa: Workshop) -> None:
    """A list that is missing, of another product or not current is said, for policy to refuse."""
    certificates = genoa.machine.certificates()
    milan = genoa.of(product="Milan").machine.crl()
    for crls in ((), (milan,)):
        found = genoa.authenticate(genoa.report, Endorsements(certificates=certificates, crls=crls))
        assert found.claims.revocation.unchecked == ("SIMULATED ARK-Genoa: no CRL given",)
        assert found.collateral_issued is None
    found = genoa.authenticate(genoa.report, now=genoa.now + 400 * DAY)
    assert "SIMULATED ARK-Genoa: CRL ended on" in found.claims.revocation.unchecked[0]
    assert found.not_after == genoa.machine.issued + 7 * 365 * DAY


def test_an_asks_path_serves_every_chip(genoa: Workshop) -> None:
    """A verified ASK vouches for VEKs of many chips, and not for another product's."""
    pool = load(genoa.machine.endorsements())
    ask = trust_ask(pool.certificates[1], pool, genoa.anchors, genoa.now)
    old = Validity(not_before=genoa.machine.issued - 9 * DAY, not_after=genoa.now + 9 * DAY)
    trusted = trust_vek(genoa.loaded(genoa.vek(validity=old)), ask, genoa.now)
    assert trusted.not_before == genoa.machine.issued  # the list's beginning
    assert trusted.not_after == old.not_after
    for chip in "ab":
        vek = genoa.of(chip=chip).loaded()
        assert trust_vek(vek, ask, genoa.now) == trust_vek_in(vek, pool, genoa.anchors, genoa.now)
    turin = load_vek(genoa.of(product="Turin").vek(), "VEK")
    with pytest.raises(UnauthenticError, match="want issued by SIMULATED SEV-Genoa"):
        trust_vek(turin, ask, genoa.now)
