"""Keys of the simulated TEE, each derived from the root's seed and a label.

Every chip, enclave and authority of one development root has its own key, and has it again
tomorrow: nothing but the root is kept.  These keys guard nothing: whoever holds the seed makes any
evidence of this root.

Sources: FIPS 202 (SHAKE256); FIPS 186-5, A.2.1 (keys by extra random bits) and A.1.3 (probable
primes), with an incremental search.
"""

from __future__ import annotations

import hashlib
from math import factorial, gcd
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from enarx.wire.reader import Reader

if TYPE_CHECKING:
    from cryptography.hazmat.primitives import hashes

SEED_BYTES = 32
RSA_BITS = 4096
"""As AMD's ARK and ASK."""

_EXPONENT = 0x1_0001
_PRIME_BYTES = RSA_BITS // 16
_TOP_TWO_BITS = 0b11 << (RSA_BITS // 2 - 2)  # the product of two such primes has RSA_BITS
_SMALL_FACTORS = factorial(1 << 14)  # coprime to it: no prime factor below 2**14
_EXTRA_BITS = 64


def octets(seed: bytes, label: str, size: int) -> bytes:
    """*size* bytes that only *seed* and *label* determine.

    Raises:
        ValueError: the seed has not 32 bytes.
    """
    if len(seed) != SEED_BYTES:
        raise ValueError(f"a seed has {SEED_BYTES} bytes, not {len(seed)}")
    return hashlib.shake_256(seed + label.encode()).digest(size)


def ec_key(seed: bytes, label: str, curve: ec.EllipticCurve) -> ec.EllipticCurvePrivateKey:
    """The key of *label* on *curve*."""
    size = (curve.key_size + _EXTRA_BITS) // 8
    number = _number(octets(seed, f"ec {curve.name} {label}", size))
    return ec.derive_private_key(number % (curve.group_order - 1) + 1, curve)


def rsa_key(seed: bytes, label: str) -> rsa.RSAPrivateKey:
    """The RSA-4096 key of *label*; takes seconds.

    Candidates pass Fermat's test here; whether both are prime is proven by OpenSSL's
    Miller-Rabin rounds, without which it gives no key.
    """
    p, q = (_candidate(octets(seed, f"rsa {label} {name}", _PRIME_BYTES)) for name in "pq")
    d = pow(_EXPONENT, -1, (p - 1) * (q - 1))
    return rsa.RSAPrivateNumbers(
        p=p,
        q=q,
        d=d,
        dmp1=rsa.rsa_crt_dmp1(d, p),
        dmq1=rsa.rsa_crt_dmq1(d, q),
        iqmp=rsa.rsa_crt_iqmp(p, q),
        public_numbers=rsa.RSAPublicNumbers(_EXPONENT, p * q),
    ).private_key()


def sign(key: ec.EllipticCurvePrivateKey, data: bytes, algorithm: hashes.HashAlgorithm) -> bytes:
    """The ECDSA signature of *data*, DER; the same every time (RFC 6979)."""
    return key.sign(data, ec.ECDSA(algorithm, deterministic_signing=True))


def _candidate(start: bytes) -> int:
    """The first number from *start* that looks prime and suits the exponent."""
    number = _number(start) | _TOP_TWO_BITS | 1
    while not (
        gcd(number, _SMALL_FACTORS) == 1
        and gcd(number - 1, _EXPONENT) == 1
        and pow(2, number - 1, number) == 1
    ):
        number += 2
    return number


def _number(data: bytes) -> int:
    return Reader(data, "key", "big").uint(len(data), "number")
