"""Certificates of keeps: good for what they say, for independent software, and for nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtensionOID
from tests.pki.conftest import Site

from enarx.pki import issue
from enarx.pki.crl import Entry, revocation_list
from enarx.pki.issue import SIMULATED, Leaf
from enarx.pki.signing import HeldKey

Verify = Callable[..., str]

KEYS = {
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
}


def issued(site: Site, leaf: Leaf) -> bytes:
    """The certificate of *leaf* by the intermediate of *site*."""
    return issue.leaf(leaf, site.issuer, HeldKey(site.key))


def spki(key: x509.base.CertificatePublicKeyTypes) -> bytes:
    """SubjectPublicKeyInfo in DER."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize("below", KEYS)
@pytest.mark.parametrize("root", KEYS)
def test_openssl_accepts_each_kind_of_authority(
    *, root: str, below: str, make_site: Callable[..., Site], leaf: Leaf, openssl: Verify
) -> None:
    """With any mix of keys of root and intermediate, a path is verified strictly (RFC 5280)."""
    site = make_site(KEYS[root](), KEYS[below]())
    assert openssl(issued(site, leaf), (site.root,), (site.below,)) == "leaf: OK"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("-purpose", "sslserver"), "OK"),
        (("-purpose", "sslclient"), "OK"),
        (("-purpose", "smimesign"), "unsuitable certificate purpose"),
        (("-verify_hostname", "shop.example.org"), "OK"),
        (("-verify_hostname", "a.shop.example.org"), "OK"),
        (("-verify_hostname", "a.b.shop.example.org"), "hostname mismatch"),
        (("-verify_hostname", "example.org"), "hostname mismatch"),
        (("-verify_ip", "192.0.2.1"), "OK"),
        (("-verify_ip", "2001:db8::1"), "OK"),
        (("-verify_ip", "192.0.2.2"), "IP address mismatch"),
    ],
)
def test_it_is_good_for_its_names_and_purposes_only(
    *, options: tuple[str, ...], says: str, site: Site, leaf: Leaf, openssl: Verify
) -> None:
    """A server and a client in TLS, under the names in it."""
    assert says in openssl(issued(site, leaf), (site.root,), (site.below,), *options)


def test_it_certifies_nobody(site: Site, leaf: Leaf, openssl: Verify) -> None:
    """A keep that signs a certificate with its own key is no authority to anybody."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = issued(site, replace(leaf, spki=spki(key.public_key())))
    parsed = x509.load_der_x509_certificate(certificate)
    assert isinstance(parsed.public_key(), ec.EllipticCurvePublicKey)
    forged = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(parsed.subject)
        .public_key(ec.generate_private_key(ec.SECP256R1()).public_key())
        .serial_number(1)
        .not_valid_before(leaf.not_before)
        .not_valid_after(leaf.not_after)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("bank.example")]), critical=True)
    )
    der = HeldKey(key).certificate(forged)
    assert "OK" not in openssl(der, (site.root,), (site.below, certificate))


def test_without_its_list_a_check_of_revocation_fails(
    site: Site, leaf: Leaf, now: datetime, openssl: Verify
) -> None:
    """With a list it is good or revoked; with a stale one, or none, neither."""
    certificate, path = issued(site, leaf), ((site.root,), (site.below,), "-crl_check")

    def listing(*entries: Entry, begins: datetime = now) -> bytes:
        times = (begins, begins + timedelta(hours=24))
        return revocation_list(entries, site.issuer, HeldKey(site.key), number=7, times=times)

    other, own = Entry(99, now), Entry(leaf.serial, now)
    assert openssl(certificate, *path, crls=(listing(other),)) == "leaf: OK"
    assert "certificate revoked" in openssl(certificate, *path, crls=(listing(other, own),))
    stale = listing(begins=now - timedelta(days=2))
    assert "CRL has expired" in openssl(certificate, *path, crls=(stale,))
    assert "unable to get certificate CRL" in openssl(certificate, *path)
    parsed = x509.load_der_x509_crl(listing(own))
    assert parsed.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == 7


def test_what_is_said_beside_the_names_comes_out_again(site: Site, leaf: Leaf) -> None:
    """Workload digest and proof, each under its label; nothing where there is nothing."""
    found = issue.credential(issued(site, leaf))
    assert found == {"workload": leaf.workload_digest.encode(), "log": leaf.proof}
    bare = replace(leaf, workload_digest="", proof=b"")
    assert issue.credential(issued(site, bare)) == {}
    assert issue.credential(issued(site, replace(bare, proof=b"p"))) == {"log": b"p"}
    assert issue.credential(site.root) == {}


def test_the_identity_is_the_one_uri(site: Site, leaf: Leaf) -> None:
    """X509-SVID, section 2: exactly one URI; critical, as the subject is empty (RFC 5280)."""
    parsed = x509.load_der_x509_certificate(issued(site, leaf))
    found = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert found.critical
    uris = found.value.get_values_for_type(x509.UniformResourceIdentifier)
    assert uris == [leaf.spiffe_id]
    assert not list(parsed.subject)
    usage = parsed.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.digital_signature
    assert not usage.value.key_cert_sign
    assert not usage.value.crl_sign


def test_a_simulated_keep_says_so(site: Site, leaf: Leaf, openssl: Verify) -> None:
    """In its subject, where every tool shows it."""
    certificate = issued(site, replace(leaf, simulated=True))
    parsed = x509.load_der_x509_certificate(certificate)
    assert SIMULATED in parsed.subject.rfc4514_string().replace("\\", "")
    assert openssl(certificate, (site.root,), (site.below,)) == "leaf: OK"


def test_a_certificate_without_a_list_names_none(site: Site, leaf: Leaf) -> None:
    """The extension is left out and not empty."""
    parsed = x509.load_der_x509_certificate(issued(site, replace(leaf, crl_url="")))
    with pytest.raises(x509.ExtensionNotFound):
        parsed.extensions.get_extension_for_oid(ExtensionOID.CRL_DISTRIBUTION_POINTS)


def test_keys_that_cannot_sign_get_no_certificate(site: Site, leaf: Leaf) -> None:
    """X25519 and what is no key at all are refused; RSA is a key of older clients."""
    rsa_key = rsa.generate_private_key(65537, 2048).public_key()
    assert issued(site, replace(leaf, spki=spki(rsa_key)))
    for wrong in (spki(x25519.X25519PrivateKey.generate().public_key()), b"", b"\x30\x00"):
        with pytest.raises(ValueError, match=r"."):
            issued(site, replace(leaf, spki=wrong))


def test_times_in_no_order_are_refused(site: Site, leaf: Leaf) -> None:
    """A certificate that ends before it begins is a bug of the caller."""
    with pytest.raises(ValueError, match="after"):
        issued(site, replace(leaf, not_after=leaf.not_before - timedelta(seconds=1)))
