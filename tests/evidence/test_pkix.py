"""Certificates and requests as carriers: both shapes, and what a request must prove."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from enarx.errors import MalformedError, UnauthenticError
from enarx.evidence import pkix
from enarx.tee.x509 import load_certificate
from enarx.wire import der

ONE, TWO = "1.3.6.1.4.1.99999.1", "1.3.6.1.4.1.99999.2"
ONE_DER, TWO_DER = bytes.fromhex("2b06010401868d1f01"), bytes.fromhex("2b06010401868d1f02")

Build = Callable[..., bytes]


def test_a_request_names_its_key_and_what_it_asks_for(
    request_with: Build, key: object, spki: Callable[[object], bytes]
) -> None:
    """Requested extensions and attributes are found by identifier."""
    data = request_with(key, [(ONE, b"one")], [(TWO, der.encode("two"))])
    found = pkix.read(data, "x")
    assert found.kind == "PKCS#10 request"
    assert found.spki == spki(key)
    assert found.items == {ONE: b"one", TWO: der.encode("two")}


def test_a_certificate_names_its_key_and_extensions(
    certificate_with: Build, key: object, spki: Callable[[object], bytes]
) -> None:
    """Extensions are found by identifier, with their content."""
    found = pkix.read(certificate_with(key, [(ONE, b"one"), (TWO, b"")]), "x")
    assert (found.kind, found.spki) == ("X.509 certificate", spki(key))
    assert found.items == {ONE: b"one", TWO: b""}


def test_a_certificate_without_extensions_has_none(certificate_with: Build, key: object) -> None:
    """They are optional."""
    assert pkix.read(certificate_with(key), "x").items == {}


def test_a_request_without_attributes_has_none(request_with: Build, key: object) -> None:
    """They are optional."""
    assert pkix.read(request_with(key), "x").items == {}


Sign = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
RSA_KEY = rsa.generate_private_key(65537, 2048)
ED25519_KEY = ed25519.Ed25519PrivateKey.generate()


def algorithm(dotted: str, parameters: bytes = b"") -> bytes:
    """An AlgorithmIdentifier."""
    return der.sequence(der.encode(x509.ObjectIdentifier(dotted)), parameters)


def self_signed(
    key: Sign, used: bytes, make: Callable[[bytes], bytes], *, inner: bytes = b""
) -> bytes:
    """A certificate whose names, dates and serial number are as short as can be."""
    spki = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    dates = der.sequence(b"\x17\x0d260101000000Z", b"\x17\x0d270101000000Z")
    extension = der.sequence(der.encode(x509.ObjectIdentifier(ONE)), der.encode(b"one"))
    extensions = b"\xa3" + der.sequence(der.sequence(extension))[1:]
    body = der.sequence(
        *(b"\xa0\x03\x02\x01\x02", der.encode(1), inner or used, der.sequence(), dates),
        *(der.sequence(), spki, extensions),
    )
    return der.sequence(body, used, b"\x03" + der.sequence(b"\0" + make(body))[1:])


def ecdsa(key: ec.EllipticCurvePrivateKey) -> Callable[[bytes], bytes]:
    """ECDSA with SHA-256."""
    return lambda body: key.sign(body, ec.ECDSA(hashes.SHA256()))


def rsa_pkcs1(body: bytes) -> bytes:
    """RSA with SHA-384."""
    return RSA_KEY.sign(body, padding.PKCS1v15(), hashes.SHA384())


ECDSA_SHA256 = "1.2.840.10045.4.3.2"
RSA_SHA384 = "1.2.840.113549.1.1.12"
NULL = b"\5\0"


def test_a_strict_loaders_dislike_is_no_reason_to_refuse(key: ec.EllipticCurvePrivateKey) -> None:
    """ecdsa-with-SHA256 with NULL for parameters, as mbed TLS writes it, is opened."""
    data = self_signed(key, algorithm(ECDSA_SHA256, NULL), ecdsa(key))
    with pytest.raises(MalformedError, match="not a certificate"):
        load_certificate(data, "x")
    assert pkix.read(data, "x").items == {ONE: b"one"}


def test_every_usual_algorithm_signs(key: ec.EllipticCurvePrivateKey) -> None:
    """ECDSA, RSA and Ed25519, each with the parameters that its standard asks for."""
    for data in (
        self_signed(key, algorithm(ECDSA_SHA256), ecdsa(key)),
        self_signed(RSA_KEY, algorithm(RSA_SHA384, NULL), rsa_pkcs1),
        self_signed(ED25519_KEY, algorithm("1.3.101.112"), ED25519_KEY.sign),
    ):
        assert pkix.read(data, "x").items == {ONE: b"one"}


def test_a_certificate_that_names_itself_must_have_signed_itself(
    key: ec.EllipticCurvePrivateKey, other_key: ec.EllipticCurvePrivateKey
) -> None:
    """Another key, another algorithm than the key's, and bytes that are no signature."""
    for data in (
        self_signed(key, algorithm(ECDSA_SHA256), ecdsa(other_key)),
        self_signed(key, algorithm(RSA_SHA384, NULL), rsa_pkcs1),
        self_signed(key, algorithm("1.3.101.112"), ED25519_KEY.sign),
        self_signed(RSA_KEY, algorithm(ECDSA_SHA256), ecdsa(key)),
        self_signed(ED25519_KEY, algorithm(ECDSA_SHA256), ecdsa(key)),
        self_signed(key, algorithm(ECDSA_SHA256), lambda _: b"no signature"),
        self_signed(key, algorithm(ECDSA_SHA256), lambda _: b""),
    ):
        with pytest.raises(UnauthenticError) as refused:
            pkix.read(data, "x")
        assert refused.value.step == "certificate signature"


@pytest.mark.parametrize(
    ("used", "inner", "want"),
    [
        (algorithm("1.2.840.10045.4.3.1"), b"", "signed with 1.2.840.10045.4.3.1, want one of"),
        (algorithm("1.2.840.113549.1.1.5", NULL), b"", "signed with 1.2.840.113549.1.1.5, want"),
        (algorithm(ECDSA_SHA256, der.encode(1)), b"", "not the DER of its type"),
        (algorithm(ECDSA_SHA256), algorithm(ECDSA_SHA256, NULL), "names two signature algorithms"),
    ],
)
def test_other_algorithms_sign_no_certificate(
    used: bytes, inner: bytes, want: str, key: ec.EllipticCurvePrivateKey
) -> None:
    """Weak hashes, other parameters, and two algorithms in one certificate."""
    with pytest.raises(MalformedError, match=want):
        pkix.read(self_signed(key, used, ecdsa(key), inner=inner), "x")


def test_the_signature_of_another_issuer_is_not_asked_for(
    certificate_with: Build, key: object
) -> None:
    """Whose it is cannot be told here; a certificate of another issuer is opened as it is."""
    data = certificate_with(key, [(ONE, b"one")])
    name = bytes.fromhex("0c046b656570")
    assert data.count(name) == 2
    other = data.replace(name, bytes.fromhex("0c046f6e6573"), 1)
    assert pkix.read(other, "x").items == {ONE: b"one"}


def test_a_request_must_be_signed_by_its_key(
    request_with: Build, key: object, other_key: object
) -> None:
    """Signed by another key, it proves no possession."""
    with pytest.raises(UnauthenticError) as refused:
        pkix.read(request_with(key, [(ONE, b"one")], signer=other_key), "x")
    assert refused.value.step == "certification request"
    assert str(refused.value.failures[0]).startswith("signature: got a signature of another key")


def test_key_substitution_in_a_request_is_refused(
    request_with: Build, key: object, other_key: object, spki: Callable[[object], bytes]
) -> None:
    """Putting another key into somebody's request breaks its signature."""
    data = request_with(key, [(ONE, b"one")]).replace(spki(key), spki(other_key))
    with pytest.raises(UnauthenticError, match="certification request"):
        pkix.read(data, "x")


def test_weak_hashes_sign_nothing(request_with: Build, key: object) -> None:
    """SHA-224 and below are refused, as in certificates."""
    data = request_with(key, hash_algorithm=hashes.SHA224())
    with pytest.raises(MalformedError, match="signed with sha224, want one of"):
        pkix.read(data, "x")


def test_an_extension_must_not_occur_twice(certificate_with: Build, key: object) -> None:
    """Two of a kind would let two readers see two things."""
    data = certificate_with(key, [(ONE, b"one"), (TWO, b"two")]).replace(TWO_DER, ONE_DER)
    with pytest.raises(MalformedError, match="an extension occurs twice"):
        pkix.read(data, "x")


def test_a_requested_extension_must_not_occur_twice(request_with: Build, key: object) -> None:
    """The same for what a request asks for."""
    with pytest.raises(MalformedError, match="an extension occurs twice"):
        pkix.read(request_with(key, [(ONE, b"one"), (ONE, b"two")]), "x")


def test_an_attribute_must_not_occur_twice(request_with: Build, key: object) -> None:
    """The same for a request's attributes."""
    data = request_with(key, [], [(ONE, der.encode("one")), (ONE, der.encode("two"))])
    with pytest.raises(MalformedError, match=f"several values of attribute {ONE}"):
        pkix.read(data, "x")


@pytest.mark.parametrize("values", [b"", der.encode("a") + der.encode("b")])
def test_an_attribute_has_one_value(values: bytes, request_with: Build, key: object) -> None:
    """Neither none nor two: which would count?"""
    with pytest.raises(MalformedError, match=f"several values of attribute {ONE}"):
        pkix.read(request_with(key, [], [(ONE, values)]), "x")


def test_one_place_for_one_thing(request_with: Build, key: object) -> None:
    """What is an attribute and a requested extension at once is ambiguous."""
    data = request_with(key, [(ONE, b"one")], [(ONE, der.encode("two"))])
    with pytest.raises(MalformedError, match=f"{ONE} is an attribute and an extension"):
        pkix.read(data, "x")


def test_extensions_are_counted(certificate_with: Build, key: object) -> None:
    """More than any certificate has are refused."""
    many = [(f"1.3.6.1.4.1.99999.{n}", b"") for n in range(pkix.MAX_EXTENSIONS)]
    assert len(pkix.read(certificate_with(key, many), "x").items) == pkix.MAX_EXTENSIONS
    with pytest.raises(MalformedError, match="got 65 extensions, want at most 64"):
        pkix.read(certificate_with(key, [*many, (TWO + ".1", b"")]), "x")


def test_a_request_of_another_version_is_refused(request_with: Build, key: object) -> None:
    """Version 0 is the only one."""
    data = request_with(key).replace(b"\x02\x01\x00\x30\x00", b"\x02\x01\x01\x30\x00", 1)
    with pytest.raises(MalformedError, match="got version 1 of a request, want 0"):
        pkix.read(data, "x")


def test_a_key_of_no_known_kind_signs_no_request(request_with: Build, key: object) -> None:
    """A request whose key cannot be loaded is malformed, not a crash."""
    data = request_with(key).replace(
        bytes.fromhex("06072a8648ce3d0201"), bytes.fromhex("06072a8648ce3d0209")
    )
    with pytest.raises(MalformedError, match="no usable request"):
        pkix.read(data, "x")


@pytest.mark.parametrize("cut", [1, 10, 100])
def test_truncated_carriers_are_malformed(
    cut: int, request_with: Build, certificate_with: Build, key: object
) -> None:
    """A byte less anywhere at the end, and a byte more."""
    for data in (request_with(key, [(ONE, b"one")]), certificate_with(key, [(ONE, b"one")])):
        for changed in (data[:-cut], data + bytes(cut)):
            with pytest.raises(MalformedError):
                pkix.read(changed, "x")
