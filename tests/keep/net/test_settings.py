"""``[tls]``: what the operator got wrong is said at the start, with the key and the way out."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509 import load_pem_x509_certificates

from enarx.errors import MisconfiguredError
from enarx.keep.identity import make_identity
from enarx.keep.net.anchors import check_anchors
from enarx.keep.net.settings import TlsSettings
from enarx.keep.net.tls_context import client_context, server_context

if TYPE_CHECKING:
    from typing import Any

    from tests.keep.net.conftest import Authority, World

DAY_S = 86_400


def anchors_error(
    *values: bytes | str, now_s: float | None = None, path: str = "tls"
) -> MisconfiguredError:
    """What is said about these trust anchors."""
    settings = TlsSettings(trust_anchors=values, path=path)
    with pytest.raises(MisconfiguredError) as caught:
        check_anchors(settings, "trust_anchors", values, now_s or time.time())
    return caught.value


def test_an_expired_anchor_is_named(authority: Authority) -> None:
    """Key, subject, date of expiry, now, and advice, on one line and a hint."""
    now = authority.certificate.not_valid_after_utc + timedelta(seconds=1)
    error = anchors_error("mozilla", authority.pem, now_s=now.timestamp())
    end = f"{authority.certificate.not_valid_after_utc:%Y-%m-%d %H:%M:%S} UTC"
    assert str(error) == (
        "Enarx.toml: tls.trust_anchors[1]: the certificate of CN=Test CA "
        f"expired on {end}, and now is {now:%Y-%m-%d %H:%M:%S} UTC"
    )
    assert error.path == "tls.trust_anchors[1]"
    assert "current certificate" in error.hints[0]


def test_an_anchor_is_valid_to_its_last_second(authority: Authority) -> None:
    """Both ends of the validity belong to it (RFC 5280, section 4.1.2.5)."""
    for instant in (
        authority.certificate.not_valid_before_utc,
        authority.certificate.not_valid_after_utc,
    ):
        found = check_anchors(TlsSettings(), "trust_anchors", (authority.pem,), instant.timestamp())
        assert found.certificates == (authority.certificate,)
        assert not found.mozilla


def test_an_anchor_that_is_not_valid_yet_is_named(authority: Authority) -> None:
    """A clock that is behind shows itself here."""
    start = authority.certificate.not_valid_before_utc
    error = anchors_error(authority.pem, now_s=start.timestamp() - 1)
    assert "is not valid before" in error.problem
    assert "clock" in error.hints[0]


def test_a_leaf_is_no_anchor(authority: Authority) -> None:
    """Its issuer is what can be trusted, and is named."""
    error = anchors_error(authority.issue("db.example").cert)
    assert "CN=db.example is not a certificate authority's" in error.problem
    assert "CN=Test CA" in error.hints[0]


def test_an_anchor_without_or_with_unreadable_constraints_is_named(authority: Authority) -> None:
    """What does not say that it is an authority is none; nor what says it badly."""
    key = ec.generate_private_key(ec.SECP256R1())
    bare = authority._builder(
        x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "old")]),
        key,
        -timedelta(days=1),
        timedelta(days=1),
    )
    bad = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.19"), b"junk")
    for builder, problem in (
        (bare, "CN=old is not a certificate authority's"),
        (bare.add_extension(bad, critical=True), "malformed certificate"),
    ):
        made = builder.sign(authority.key, hashes.SHA256()).public_bytes(Encoding.PEM)
        assert problem in anchors_error(made).problem


def test_a_self_signed_leaf_is_an_anchor_for_itself(world: World) -> None:
    """A keep's own certificate can be trusted by another keep."""
    pem = world.identity.pem().encode()
    found = check_anchors(TlsSettings(), "trust_anchors", (pem,), time.time())
    assert found.certificates == world.identity.chain


@pytest.mark.parametrize("value", [b"", b"junk", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_what_is_no_pem_is_named(value: bytes) -> None:
    """No certificate in there."""
    error = anchors_error(value)
    assert error.path == "tls.trust_anchors[0]"
    assert error.problem == "not a PEM certificate"


def test_der_is_recognised(authority: Authority) -> None:
    """The most frequent reason why a certificate is no PEM gets its own advice."""
    der = authority.certificate.public_bytes(Encoding.DER)
    assert "openssl x509 -inform der" in anchors_error(der).hints[0]


def test_every_certificate_of_a_bundle_is_checked(
    authority: Authority, new_authority: type[Authority]
) -> None:
    """One PEM may hold several; one that is bad spoils it."""
    old = new_authority("Old CA", start=-timedelta(days=9), end=-timedelta(days=1))
    error = anchors_error(authority.pem + old.pem, path="tls.socket.db")
    assert error.path == "tls.socket.db.trust_anchors[0]"
    assert "CN=Old CA expired" in error.problem


def test_mozilla_means_certifi(world: World) -> None:
    """The bundle is loaded; there are no other certificates by default."""
    found = check_anchors(TlsSettings(), "trust_anchors", ("mozilla",), time.time())
    assert found.mozilla
    assert found.certificates == ()
    client_context(TlsSettings(), world.identity, time.time())


@pytest.mark.parametrize(
    ("values", "path", "problem"),
    [
        ({"client_auth": "maybe"}, "client_auth", "want one of none, request, require"),
        ({"client_auth": "require"}, "client_trust_anchors", "no client could be accepted"),
        ({"alpn": ["h2", ""]}, "alpn[1]", "got 0 bytes, want 1 to 255"),
        ({"alpn": ["x" * 256]}, "alpn[0]", "got 256 bytes, want 1 to 255"),
        ({"certificate": b"x"}, "private_key", "go together"),
        ({"private_key": b"x"}, "certificate", "go together"),
        ({"handshake_timeout_s": 0}, "handshake_timeout", "want more than 0"),
        ({"server_name": "a..b"}, "server_name", "not a DNS name or an address"),
        ({"server_name": ""}, "server_name", "not a DNS name or an address"),
    ],
)
def test_contradictions(values: dict[str, Any], path: str, problem: str) -> None:
    """Values that cannot work together are refused with their key."""
    with pytest.raises(MisconfiguredError) as caught:
        TlsSettings(**values)
    assert caught.value.path == f"tls.{path}"
    assert problem in caught.value.problem


def test_an_unusable_client_anchor_is_named(world: World) -> None:
    """The listener's list is checked like the connection's."""
    settings = TlsSettings(client_auth="require", client_trust_anchors=[b"junk"])
    with pytest.raises(MisconfiguredError) as caught:
        server_context(settings, world.identity, time.time())
    assert caught.value.path == "tls.client_trust_anchors[0]"


class TestCertificateAndKey:
    """``certificate`` and ``private_key``."""

    def error(self, world: World, certificate: bytes, private_key: bytes) -> MisconfiguredError:
        """What is said about the pair."""
        settings = TlsSettings(certificate=certificate, private_key=private_key)
        with pytest.raises(MisconfiguredError) as caught:
            server_context(settings, world.identity, time.time())
        assert b"PRIVATE KEY" not in str(caught.value).encode(), "keys are not shown"
        return caught.value

    def test_a_key_of_another_certificate(self, world: World, authority: Authority) -> None:
        """The pair must fit."""
        one, other = authority.issue("a.example"), authority.issue("b.example")
        error = self.error(world, one.cert, other.key)
        assert error.path == "tls.private_key"
        assert "does not belong to the certificate of CN=a.example" in error.problem

    def test_no_certificate(self, world: World, authority: Authority) -> None:
        """Something else in the place of the certificate."""
        issued = authority.issue("a.example")
        assert self.error(world, issued.key, issued.key).path == "tls.certificate"

    def test_no_key(self, world: World, authority: Authority) -> None:
        """Something else in the place of the key."""
        issued = authority.issue("a.example")
        assert self.error(world, issued.cert, issued.cert).path == "tls.private_key"

    def test_an_encrypted_key(self, world: World, authority: Authority) -> None:
        """There is nobody to ask for a pass phrase in a keep."""
        issued = authority.issue("a.example")
        locked = load_pem_private_key(issued.key, None).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
        )
        error = self.error(world, issued.cert, locked)
        assert error.problem == "not an unencrypted PEM private key"

    def test_a_key_of_an_unsupported_kind(self, world: World, authority: Authority) -> None:
        """TLS clients would not know it."""
        odd = ed448.Ed448PrivateKey.generate().private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
        error = self.error(world, authority.issue("a.example").cert, odd)
        assert error.problem == "want an EC, RSA or Ed25519 key"


def test_identity_is_fresh_and_hides_its_key(world: World) -> None:
    """Two keeps share nothing, and no representation shows a key."""
    other = make_identity(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
    assert other.chain[0].public_key() != world.identity.chain[0].public_key()
    assert other.chain[0].serial_number != world.identity.chain[0].serial_number
    assert "key hidden" in repr(other)
    assert "PRIVATE" not in other.pem()
    assert other.pem().count("BEGIN CERTIFICATE") == 1


def test_keeps_forked_from_one_parent_have_their_own_keys() -> None:
    """Siblings share the parent's random state, and must not share what is made from it."""
    make_identity(0.0)  # the parent's generator has been used
    made = {forked_identity() for _ in range(3)}
    assert len(made) == 3


def forked_identity() -> bytes:
    """The certificate that a forked child makes."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, make_identity(0.0).pem().encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        pem = file.read()
    os.waitpid(child, 0)
    assert b"BEGIN CERTIFICATE" in pem
    (certificate,) = load_pem_x509_certificates(pem)
    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
