"""The one kind of signature in quotes and collateral: ECDSA with P-256 and SHA-256.

Sources: as ``layout``; Intel, Provisioning Certification Service API version 4 (collateral).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from enarx.tee.ecdsa import is_signed

if TYPE_CHECKING:
    from enarx.tee.x509 import PublicKey

_CURVE = ec.SECP256R1()
_SHA256 = hashes.SHA256()
_UNCOMPRESSED = b"\x04"


def key_at(point: bytes) -> ec.EllipticCurvePublicKey | None:
    """The key ``x || y``, 64 bytes, big-endian; None if it is no point of the curve."""
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, _UNCOMPRESSED + point)
    except ValueError:
        return None


def has_signed(key: PublicKey, body: bytes, signature: bytes) -> bool:
    """Whether *key*, which must be of P-256, made *signature*, ``r || s``, over *body*."""
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != _CURVE.name:
        return False
    return is_signed(body, signature, key, _SHA256)
