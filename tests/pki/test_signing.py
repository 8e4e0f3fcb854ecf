"""A key elsewhere signs what a key at hand would: the same bytes, another signature."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from tests.pki.conftest import Site

from enarx.pki import issue
from enarx.pki.crl import Entry, revocation_list
from enarx.pki.issue import Leaf
from enarx.pki.signing import DistantKey, HeldKey, PrivateKey, hash_for

Verify = Callable[..., str]

MAKE: dict[str, Callable[[], PrivateKey]] = {
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
}


def distant(key: PrivateKey, stand_in: PrivateKey) -> DistantKey:
    """*key* as if it were in a module."""

    def sign(data: bytes) -> bytes:
        if isinstance(key, ed25519.Ed25519PrivateKey):
            return key.sign(data)
        algorithm = hash_for(key.public_key())
        assert algorithm is not None
        return key.sign(data, ec.ECDSA(algorithm))

    return DistantKey(key.public_key(), stand_in, sign)


@pytest.mark.parametrize("kind", MAKE)
def test_a_distant_key_signs_the_same_certificate(
    *, kind: str, make_site: Callable[..., Site], leaf: Leaf, openssl: Verify
) -> None:
    """What is signed is equal to the octet, and OpenSSL accepts the signature."""
    site = make_site(MAKE[kind](), MAKE[kind]())
    far = issue.leaf(leaf, site.issuer, distant(site.key, MAKE[kind]()))
    near = issue.leaf(leaf, site.issuer, HeldKey(site.key))
    parsed, other = (x509.load_der_x509_certificate(der) for der in (far, near))
    assert parsed.tbs_certificate_bytes == other.tbs_certificate_bytes
    assert parsed.signature_algorithm_oid == other.signature_algorithm_oid
    assert openssl(far, (site.root,), (site.below,)) == "leaf: OK"


@pytest.mark.parametrize("kind", MAKE)
def test_a_distant_key_signs_the_same_list(
    *, kind: str, make_site: Callable[..., Site], leaf: Leaf, now: datetime, openssl: Verify
) -> None:
    """Lists of revoked certificates likewise."""
    site = make_site(MAKE[kind](), MAKE[kind]())
    times = (now - timedelta(hours=1), now + timedelta(hours=24))
    entries = [Entry(leaf.serial, now)]
    signer = distant(site.key, MAKE[kind]())
    far = revocation_list(entries, site.issuer, signer, number=1, times=times)
    near = revocation_list(entries, site.issuer, HeldKey(site.key), number=1, times=times)
    parsed, other = (x509.load_der_x509_crl(der) for der in (far, near))
    assert parsed.tbs_certlist_bytes == other.tbs_certlist_bytes
    certificate = issue.leaf(leaf, site.issuer, signer)
    said = openssl(certificate, (site.root,), (site.below,), "-crl_check", crls=(far,))
    assert "certificate revoked" in said


def test_what_the_stand_in_signed_goes_nowhere(site: Site, leaf: Leaf) -> None:
    """The certificate is not signed by the stand-in, whose key nobody has to keep."""
    stand_in = ec.generate_private_key(ec.SECP256R1())
    der = issue.leaf(leaf, site.issuer, distant(site.key, stand_in))
    parsed = x509.load_der_x509_certificate(der)
    with pytest.raises(InvalidSignature):
        stand_in.public_key().verify(
            parsed.signature,
            parsed.tbs_certificate_bytes,
            ec.ECDSA(hash_for(site.key.public_key())),
        )


def test_a_stand_in_of_another_kind_is_refused() -> None:
    """It would put the wrong algorithm into what is signed."""
    with pytest.raises(TypeError, match="another kind"):
        distant(MAKE["p256"](), MAKE["p384"]())
    with pytest.raises(TypeError, match="another kind"):
        distant(MAKE["p256"](), MAKE["ed25519"]())


def test_curves_that_browsers_refuse_sign_nothing() -> None:
    """P-521 is in no browser's list of curves for certificates."""
    with pytest.raises(ValueError, match="secp521r1"):
        HeldKey(ec.generate_private_key(ec.SECP521R1()))


def test_a_key_is_not_shown(site: Site) -> None:
    """What a log prints of a signer has nothing of its key."""
    assert repr(HeldKey(site.key)) == "HeldKey(hidden)"
