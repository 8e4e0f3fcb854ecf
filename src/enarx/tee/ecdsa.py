"""ECDSA signatures as two numbers of fixed length, the form in which devices and tokens carry them.

Sources: RFC 9053, section 2.1; DMTF DSP0274 1.1, section 4.6 (byte order of signatures).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from enarx.wire.reader import Reader

if TYPE_CHECKING:
    from cryptography.hazmat.primitives import hashes


def signature_size(curve: ec.EllipticCurve) -> int:
    """Bytes of ``r || s`` on *curve*."""
    return 2 * ((curve.key_size + 7) // 8)


def is_signed(
    body: bytes,
    signature: bytes,
    key: ec.EllipticCurvePublicKey,
    hash_algorithm: hashes.HashAlgorithm,
) -> bool:
    """Whether *key* made *signature*, ``r || s`` in big-endian order, over *body*.

    A signature of another length than the curve's is none.
    """
    if len(signature) != signature_size(key.curve):
        return False
    numbers = Reader(signature, "signature", "big")
    r, s = (numbers.uint(len(signature) // 2, name) for name in ("r", "s"))
    try:
        key.verify(encode_dss_signature(r, s), body, ec.ECDSA(hash_algorithm))
    except InvalidSignature:
        return False
    return True
