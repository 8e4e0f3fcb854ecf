"""The signatures of a request for a certificate, made and checked with nothing of ours around."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

CHECKED = {
    "snp": {"rsa": 3, "p384": 1, "p256": 1},
    "tdx": {"rsa": 0, "p384": 0, "p256": 11},
}
"""Of SNP: ASK and VCEK (RSASSA-PSS), the list of revoked ones, the report; the request's own.

Of TDX: PCK, its CA and the root, both lists of revoked ones, TCB info and QE identity with their
certificate, QE report and quote; the request's own.
"""

SECONDS = 2.0
_DATA = bytes(1184)


@dataclass(frozen=True)
class Alone:
    """What all processes did together.

    Attributes:
        rate: requests' worth per second.
        cpu_ms: of a processor for one.
    """

    rate: float
    cpu_ms: float


def alone(processes: int, platforms: tuple[str, ...]) -> Alone:
    """The cryptography of requests from *platforms*, by turns."""
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        done = list(pool.map(_work, [platforms] * processes))
    return Alone(
        rate=sum(count / wall for count, wall, _ in done),
        cpu_ms=sum(cpu for _, _, cpu in done) / sum(count for count, _, _ in done) * 1e3,
    )


def _work(platforms: tuple[str, ...]) -> tuple[int, float, float]:
    """Requests' worth, seconds, and seconds of a processor."""
    checks, signs = _checks(), _signs()
    count, begin, used = 0, time.perf_counter(), time.process_time()
    while (taken := time.perf_counter() - begin) < SECONDS or count % len(platforms):
        for kind, times in CHECKED[platforms[count % len(platforms)]].items():
            for _ in range(times):
                checks[kind]()
        for sign in signs:
            sign()
        count += 1
    return count, taken, time.process_time() - used


def _checks() -> dict[str, Callable[[], object]]:
    pss = padding.PSS(padding.MGF1(hashes.SHA384()), hashes.SHA384().digest_size)
    key = rsa.generate_private_key(65537, 4096)
    signature, public = key.sign(_DATA, pss, hashes.SHA384()), key.public_key()
    found: dict[str, Callable[[], object]] = {
        "rsa": lambda: public.verify(signature, _DATA, pss, hashes.SHA384())
    }
    for name, curve, made in (
        ("p256", ec.SECP256R1(), hashes.SHA256()),
        ("p384", ec.SECP384R1(), hashes.SHA384()),
    ):
        found[name] = _checks_of(ec.generate_private_key(curve), ec.ECDSA(made))
    return found


def _checks_of(key: ec.EllipticCurvePrivateKey, algorithm: ec.ECDSA) -> Callable[[], object]:
    signature, public = key.sign(_DATA, algorithm), key.public_key()
    return lambda: public.verify(signature, _DATA, algorithm)


def _signs() -> tuple[Callable[[], object], ...]:
    """Certificate, attestation result, checkpoint."""
    issuer, result = (
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP384R1()),
    )
    log = ed25519.Ed25519PrivateKey.generate()
    return (
        lambda: issuer.sign(_DATA, ec.ECDSA(hashes.SHA256())),
        lambda: result.sign(_DATA, ec.ECDSA(hashes.SHA384())),
        lambda: log.sign(_DATA),
    )
