"""How Enarx 0.7 packs requests and certificates: PkiPath, and its own bundles.

    PkiPath          SEQUENCE OF Certificate, the authority first
    bundle, asked    SEQUENCE OF CertificationRequest
    bundle, answered SEQUENCE { SEQUENCE OF Certificate (chain), SEQUENCE OF Certificate (issued) }

Sources: ITU-T X.509, section 9.7 (PkiPath); Enarx 0.7's Steward, ``POST /``
(``application/vnd.steward.pkcs10-bundle.v1``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat import asn1

from enarx.errors import MalformedError
from enarx.wire import der

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_REQUESTS = 16
MAX_CERTIFICATES = 64


@asn1.sequence
class _Items:
    items: list[asn1.TLV]


@asn1.sequence
class _Answer:
    chain: list[asn1.TLV]
    issued: list[asn1.TLV]


def encode_path(certificates: Iterable[bytes]) -> bytes:
    """A PkiPath of *certificates*, each certifying the next."""
    return der.sequence(*certificates)


def decode_path(data: bytes, where: str = "PkiPath") -> tuple[bytes, ...]:
    """The certificates of a PkiPath.

    Raises:
        MalformedError: it is none, or too long.
    """
    return _items(data, where, MAX_CERTIFICATES)


def decode_requests(data: bytes, where: str = "bundle of requests") -> tuple[bytes, ...]:
    """The requests of a bundle, at least one.

    Raises:
        MalformedError: it is none, empty, or too long.
    """
    found = _items(data, where, MAX_REQUESTS)
    if not found:
        raise MalformedError(where, "no request in it")
    return found


def encode_requests(requests: Iterable[bytes]) -> bytes:
    """A bundle of *requests*."""
    return der.sequence(*requests)


def encode_answer(chain: Iterable[bytes], issued: Iterable[bytes]) -> bytes:
    """The answer to a bundle: what all have in common, then a certificate for each request."""
    return der.sequence(der.sequence(*chain), der.sequence(*issued))


def decode_answer(data: bytes, where: str = "answer") -> tuple[tuple[bytes, ...], ...]:
    """Chain and issued certificates.

    Raises:
        MalformedError: it is no such answer.
    """
    found = der.decode(_Answer, data, where)
    return (
        tuple(der.element(item) for item in found.chain),
        tuple(der.element(item) for item in found.issued),
    )


def _items(data: bytes, where: str, most: int) -> tuple[bytes, ...]:
    # A sequence of anything is the one field of a sequence around it.
    found = der.decode(_Items, der.sequence(data), where).items
    if len(found) > most:
        raise MalformedError(where, f"got {len(found)} elements, want at most {most}")
    return tuple(der.element(item) for item in found)
