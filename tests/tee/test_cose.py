"""COSE_Sign1 and COSE_Key: what is read, and whose signature counts."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from enarx.errors import MalformedError
from enarx.tee import cose
from enarx.tee.ecdsa import is_signed
from enarx.wire import cbor

KEYS = {
    -7: ec.derive_private_key(7, ec.SECP256R1()),
    -35: ec.derive_private_key(7, ec.SECP384R1()),
    -36: ec.derive_private_key(7, ec.SECP521R1()),
}
HASHES = {-7: hashes.SHA256(), -35: hashes.SHA384(), -36: hashes.SHA512()}
SIZES = {-7: 64, -35: 96, -36: 132}


def signed(number: int, payload: bytes = b"payload", **parts: object) -> bytes:
    """A message by the key of *number*; *parts* replace what was signed."""
    protected = cbor.encode({1: number})
    body = cbor.encode(("Signature1", protected, b"", payload))
    r, s = decode_dss_signature(KEYS[number].sign(body, ec.ECDSA(HASHES[number])))
    half = SIZES[number] // 2
    whole = {
        "protected": protected,
        "unprotected": {},
        "payload": payload,
        "signature": r.to_bytes(half, "big") + s.to_bytes(half, "big"),
        **parts,
    }
    return cbor.encode(tuple(whole.values()))


def coordinates(number: int) -> tuple[bytes, bytes]:
    """X and Y of the key of *number*."""
    numbers = KEYS[number].public_key().public_numbers()
    half = SIZES[number] // 2
    return numbers.x.to_bytes(half, "big"), numbers.y.to_bytes(half, "big")


@pytest.mark.parametrize("number", KEYS)
def test_a_message_is_signed_by_its_key(number: int) -> None:
    """Each algorithm verifies, tagged or not, and under no other key and curve."""
    plain = signed(number)
    for data in (plain, bytes((0xC0 | cose.TAG,)) + plain):
        message = cose.sign1(data, "it")
        assert message.payload == b"payload"
        for other, key in KEYS.items():
            assert message.is_signed_by(key.public_key()) is (other == number)
        stranger = ec.derive_private_key(8, KEYS[number].curve).public_key()
        assert not message.is_signed_by(stranger)
        assert not message.is_signed_by(ed25519.Ed25519PrivateKey.generate().public_key())


def test_a_key_of_another_curve_of_that_size_is_not_the_algorithms() -> None:
    """Attack: a message of ES256, signed by a key whose curve is not P-256."""
    koblitz = ec.derive_private_key(7, ec.SECP256K1())
    message = cose.sign1(signed(-7), "it")
    body = cbor.encode(("Signature1", message.protected, b"", message.payload))
    r, s = decode_dss_signature(koblitz.sign(body, ec.ECDSA(hashes.SHA256())))
    forged = replace(message, signature=r.to_bytes(32, "big") + s.to_bytes(32, "big"))
    assert not forged.is_signed_by(koblitz.public_key())


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"protected": b""}, "got the algorithm None"),
        ({"protected": cbor.encode(())}, "not a map"),
        ({"protected": cbor.encode({1: -8})}, "got the algorithm -8"),
        ({"protected": cbor.encode({1: -7.0})}, "got the algorithm -7.0"),
        ({"protected": cbor.encode({1: {}})}, "got the algorithm"),
        ({"protected": cbor.encode({1: -7, 2: (9,)})}, "unknown signed header 2"),
        ({"protected": cbor.encode({1: -7, 4: b""}), "unprotected": {4: b""}}, "header 4 is"),
        ({"unprotected": {33: b""}}, "unknown unsigned header 33"),
        ({"unprotected": b""}, "headers are not"),
        ({"protected": {1: -7}}, "headers are not"),
        ({"payload": None}, "are not byte strings"),
        ({"signature": b"1" * 63}, "got 63 bytes, want 64"),
    ],
)
def test_another_shape_is_refused(change: dict[str, object], problem: str) -> None:
    """A missing or unknown algorithm, an unknown header, a detached payload: none is a message."""
    with pytest.raises(MalformedError) as caught:
        cose.sign1(signed(-7, **change), "it")
    assert problem in str(caught.value)


@pytest.mark.parametrize("data", [cbor.encode(()), b"\x00", b"\xd1\x80", b""])
def test_what_is_no_array_of_four_is_refused(data: bytes) -> None:
    """Another tag, another type, another number of items."""
    with pytest.raises(MalformedError, match=r"^it"):
        cose.sign1(data, "it")


@pytest.mark.parametrize("number", KEYS)
def test_a_key_is_read_from_its_coordinates(number: int) -> None:
    """A COSE_Key with both coordinates is the key that it was made of."""
    x, y = coordinates(number)
    curve = {-7: 1, -35: 2, -36: 3}[number]
    assert cose.ec2_key({1: 2, -1: curve, -2: x, -3: y}, "it") == KEYS[number].public_key()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({1: 1}, "got the key type 1"),
        ({1: 2.0}, "got the key type 2.0"),
        ({-1: 4}, "unknown curve 4"),
        ({-1: True}, "unknown curve True"),
        ({-1: {}}, "unknown curve"),
        ({-3: True}, "coordinates"),
        ({-2: "x"}, "coordinates"),
        ({-2: b"1"}, "got 34 bytes, want an uncompressed point of 65"),
        ({-2: bytes(32)}, "not a point of secp256r1"),
        ({9: 1}, "unknown label 9"),
    ],
)
def test_another_key_is_refused(change: dict[int, object], problem: str) -> None:
    """Another type, curve or form, or a point that is not on the curve, is no key."""
    x, y = coordinates(-7)
    with pytest.raises(MalformedError) as caught:
        cose.ec2_key({1: 2, -1: 1, -2: x, -3: y, **change}, "it")
    assert problem in str(caught.value)


def test_a_key_is_a_map() -> None:
    """Anything else is no COSE_Key."""
    with pytest.raises(MalformedError, match="COSE_Key"):
        cose.ec2_key((), "it")


def test_a_compressed_point_is_refused() -> None:
    """Only the uncompressed form is read, so that one key has one spelling."""
    x, y = coordinates(-7)
    with pytest.raises(MalformedError, match="uncompressed"):
        cose.point(b"\x02" + x + y, ec.SECP256R1(), "it")


def test_a_signature_of_another_length_is_none() -> None:
    """Two numbers of another curve's size are no signature, and neither are zeros."""
    key = KEYS[-7].public_key()
    assert not is_signed(b"", bytes(96), key, hashes.SHA256())
    assert not is_signed(b"", bytes(64), key, hashes.SHA256())


@given(st.binary())
def test_junk_raises_only_our_error(data: bytes) -> None:
    """Whatever arrives is a message or MalformedError."""
    with suppress(MalformedError):
        cose.sign1(data, "it")
