"""A root and an intermediate with keys at hand, and what a keep wants from them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.pki.openssl import verify

from enarx.pki import issue
from enarx.pki.signing import HeldKey, PrivateKey

NOW = datetime.now(UTC).replace(microsecond=0)


class Site(NamedTuple):
    """A root, an intermediate below it, and the latter's key."""

    root: bytes
    below: bytes
    key: PrivateKey

    @property
    def issuer(self) -> x509.Certificate:
        """The intermediate, taken apart."""
        return x509.load_der_x509_certificate(self.below)


@pytest.fixture
def now() -> datetime:
    """Today: OpenSSL compares with the clock."""
    return NOW


@pytest.fixture
def make_site() -> Callable[..., Site]:
    """Make one with two keys of the test's choice."""

    def make(root_key: PrivateKey, key: PrivateKey) -> Site:
        def wanted(name: str, length: int) -> issue.Authority:
            return issue.Authority(
                name=name,
                serial=x509.random_serial_number(),
                not_before=NOW - timedelta(hours=1),
                not_after=NOW + timedelta(days=30),
                trust_domain="example.org",
                path_length=length,
            )

        signer = HeldKey(root_key)
        root = issue.root(wanted("root", 1), signer)
        parsed = x509.load_der_x509_certificate(root)
        below = issue.intermediate(wanted("below", 0), HeldKey(key).public_key, parsed, signer)
        return Site(root, below, key)

    return make


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    """One with keys of P-256."""
    keys = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    return make_site(*keys)


@pytest.fixture
def leaf() -> issue.Leaf:
    """What a keep wants."""
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    return issue.Leaf(
        spki=key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        serial=0x0123456789ABCDEF,
        not_before=NOW - timedelta(minutes=5),
        not_after=NOW + timedelta(hours=12),
        spiffe_id="spiffe://example.org/workload/shop",
        dns_names=("shop.example.org", "*.shop.example.org"),
        addresses=("192.0.2.1", "2001:db8::1"),
        workload_digest="sha256:" + "ab" * 32,
        proof=b"c2sp.org/tlog-proof@v1\n",
        crl_url="https://steward.example.org/v1/crl",
    )


@pytest.fixture
def openssl(tmp_path: Path) -> Callable[..., str]:
    """``tests.pki.openssl.verify`` in a folder of the test."""
    return partial(verify, tmp_path)
