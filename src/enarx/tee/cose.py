"""COSE: messages with one signature, and the public keys inside tokens.

Reads the shape of a COSE_Sign1 and answers whether a key made its signature; what the payload means
and whose key it must be is the caller's business.  Only ECDSA, each hash with its curve, as the
profiles of this field demand (ES384 of AWS; ES256, ES384 and ES512 of Arm).

Sources: RFC 9052, sections 3 (headers), 4.2 and 4.4 (COSE_Sign1, Sig_structure), 7 (keys);
RFC 9053, sections 2.1 (ECDSA) and 7.1 (elliptic curve keys).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from enarx.errors import MalformedError
from enarx.tee.ecdsa import is_signed, signature_size
from enarx.wire import cbor
from enarx.wire.reader import Reader

TAG = 18
"""COSE_Sign1 (RFC 9052, section 2); devices leave it out as often as not."""

_ALGORITHM, _CONTENT_TYPE, _KEY_ID = 1, 3, 4
_PARTS = 4


@dataclass(frozen=True, slots=True)
class _Algorithm:
    name: str
    hash_algorithm: hashes.HashAlgorithm
    curve: ec.EllipticCurve


_ALGORITHMS = {
    -7: _Algorithm("ES256", hashes.SHA256(), ec.SECP256R1()),
    -35: _Algorithm("ES384", hashes.SHA384(), ec.SECP384R1()),
    -36: _Algorithm("ES512", hashes.SHA512(), ec.SECP521R1()),
}
_KEY_TYPE, _KEY_KID, _KEY_ALGORITHM, _KEY_OPERATIONS = 1, 2, 3, 4
_CURVE, _X, _Y = -1, -2, -3
_EC2 = 2
_CURVES: dict[int, ec.EllipticCurve] = {1: ec.SECP256R1(), 2: ec.SECP384R1(), 3: ec.SECP521R1()}
_UNCOMPRESSED = b"\x04"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign1:
    """A message whose signature is not checked yet.

    Args:
        protected: the signed header, as it arrived.
        algorithm: "ES256", "ES384" or "ES512", as the signed header says.
        payload: what is signed.
        signature: two numbers of the algorithm's size.
    """

    protected: bytes
    algorithm: str
    payload: bytes
    signature: bytes

    def is_signed_by(self, key: object) -> bool:
        """Whether *key*, which must be one of the algorithm's curve, made the signature."""
        algorithm = next(a for a in _ALGORITHMS.values() if a.name == self.algorithm)
        if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != algorithm.curve.name:
            return False
        body = cbor.encode(("Signature1", self.protected, b"", self.payload))
        return is_signed(body, self.signature, key, algorithm.hash_algorithm)


def sign1(data: bytes, where: str) -> Sign1:
    """*data* as one COSE_Sign1, with or without its tag.

    Raises:
        MalformedError: it is not one, its algorithm is unknown, or a header is.
    """
    value = cbor.decode(data, where)
    if isinstance(value, cbor.Tag):
        if value.number != TAG:
            raise MalformedError(where, f"got the tag {value.number}, want {TAG} (COSE_Sign1)")
        value = value.value
    if not isinstance(value, tuple) or len(value) != _PARTS:
        raise MalformedError(where, f"not an array of {_PARTS} items (COSE_Sign1)")
    protected, unprotected, payload, signature = value
    if not (isinstance(protected, bytes) and isinstance(unprotected, Mapping)):
        raise MalformedError(where, "headers are not a byte string and a map")
    if not (isinstance(payload, bytes) and isinstance(signature, bytes)):
        raise MalformedError(where, "payload and signature are not byte strings")
    algorithm = _headers(protected, unprotected, where)
    if len(signature) != signature_size(algorithm.curve):
        want = signature_size(algorithm.curve)
        raise MalformedError(f"{where}: signature", f"got {len(signature)} bytes, want {want}")
    return Sign1(
        protected=protected, algorithm=algorithm.name, payload=payload, signature=signature
    )


def ec2_key(value: object, where: str) -> ec.EllipticCurvePublicKey:
    """A COSE_Key of an elliptic curve with both coordinates.

    Raises:
        MalformedError: another kind of key, another curve, or no point of it.
    """
    if not isinstance(value, Mapping):
        raise MalformedError(where, "not a map (COSE_Key)")
    known = {_KEY_TYPE, _KEY_KID, _KEY_ALGORITHM, _KEY_OPERATIONS, _CURVE, _X, _Y}
    if unknown := set(value) - known:
        raise MalformedError(where, f"unknown label {min(unknown, key=str)!r}")
    if _number(value.get(_KEY_TYPE)) != _EC2:
        raise MalformedError(where, f"got the key type {value.get(_KEY_TYPE)!r:.40}, want {_EC2}")
    curve = _CURVES.get(_number(value.get(_CURVE)))
    if curve is None:
        raise MalformedError(where, f"unknown curve {value.get(_CURVE)!r:.40}")
    x, y = value.get(_X), value.get(_Y)
    if not (isinstance(x, bytes) and isinstance(y, bytes)):
        raise MalformedError(where, "coordinates are not byte strings")
    return point(_UNCOMPRESSED + x + y, curve, where)


def point(data: bytes, curve: ec.EllipticCurve, where: str) -> ec.EllipticCurvePublicKey:
    """An uncompressed point (SEC 1, section 2.3.3) of *curve* as a key.

    Raises:
        MalformedError: another form or length, or no point of the curve.
    """
    size = 1 + signature_size(curve)
    if len(data) != size or Reader(data, where).take(1, "form") != _UNCOMPRESSED:
        problem = f"got {len(data)} bytes, want an uncompressed point of {size}"
        raise MalformedError(where, problem)
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(curve, data)
    except ValueError as e:
        raise MalformedError(where, f"not a point of {curve.name}") from e


def _headers(
    protected: bytes, unprotected: Mapping[cbor.Key, cbor.Value], where: str
) -> _Algorithm:
    """The algorithm; no header may say something that is not understood."""
    signed = cbor.decode(protected, f"{where}: protected header") if protected else {}
    if not isinstance(signed, Mapping):
        raise MalformedError(f"{where}: protected header", "not a map")
    if both := set(signed) & set(unprotected):
        raise MalformedError(where, f"header {min(both, key=str)!r} is signed and unsigned")
    if unknown := set(signed) - {_ALGORITHM, _CONTENT_TYPE, _KEY_ID}:
        raise MalformedError(where, f"unknown signed header {min(unknown, key=str)!r:.40}")
    if unknown := set(unprotected) - {_CONTENT_TYPE, _KEY_ID}:
        raise MalformedError(where, f"unknown unsigned header {min(unknown, key=str)!r:.40}")
    found = _ALGORITHMS.get(_number(signed.get(_ALGORITHM)))
    if found is None:
        known = ", ".join(f"{number} ({a.name})" for number, a in _ALGORITHMS.items())
        problem = f"got the algorithm {signed.get(_ALGORITHM)!r:.40}, want one of {known}"
        raise MalformedError(f"{where}: protected header", problem)
    return found


def _number(value: object) -> int:
    """*value* if it is an integer, else 0, which no registry assigns."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
