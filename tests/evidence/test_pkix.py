"""Certificates and requests as carriers: both shapes, and what a request must prove."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives import hashes

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


def test_a_strict_loaders_dislike_is_no_reason_to_refuse(
    certificate_with: Build, key: object
) -> None:
    """ecdsa-with-SHA256 with NULL for parameters, as mbed TLS writes it, is opened."""
    right = der.sequence(bytes.fromhex("06082a8648ce3d040302"))
    wrong = der.sequence(bytes.fromhex("06082a8648ce3d040302"), b"\5\0")
    made = certificate_with(key, [(ONE, b"one")])
    begin, middle, signature = made.split(right)
    inside = begin[begin.index(b"\xa0\x03\x02\x01\x02") :] + wrong + middle
    data = der.sequence(der.sequence(inside), wrong, signature)
    with pytest.raises(MalformedError, match="not a certificate"):
        load_certificate(data, "x")
    assert pkix.read(data, "x").items == {ONE: b"one"}


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
