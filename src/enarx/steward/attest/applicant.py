"""Who asks: evidence, the key that it is bound to, and what the asker wants to be called.

A request is a PKCS#10 certification request whose evidence is in one of the extensions that
``evidence.extensions`` reads: a wrapper with identity claims (ours), a bare wrapper, DICE, an
attestation bundle (id-aa-attestation), or those of Enarx 0.7.  Whatever the way, the evidence is
bound to the request's key: the first stage refuses a container without a rule for that.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from enarx import attestation
from enarx.errors import MalformedError
from enarx.evidence import identity, pkix
from enarx.evidence.dice import is_tagged_evidence
from enarx.evidence.extensions import EVIDENCE
from enarx.evidence.opened import KeyBinding
from enarx.pki import request
from enarx.pki.request import Names
from enarx.protocol import claims
from enarx.wire.text import pem_blocks

if TYPE_CHECKING:
    from enarx.attestation import Parsed

MIN_RSA_BITS = 2048
_PEM = b"-----BEGIN"
_LABELS = ("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST")


class NoEvidenceError(MalformedError):
    """A request that asks for a certificate, and proves nothing."""

    def __init__(self, where: str) -> None:
        hint = f"put evidence into one of the extensions {', '.join(sorted(EVIDENCE))}"
        super().__init__(where, "no evidence in it", hints=(hint,))


@dataclass(frozen=True, slots=True, kw_only=True)
class Applicant:
    """What a request shows; nothing of it is proven.

    Args:
        parsed: the evidence.
        request: what arrived; its digest stands in the decision.
        spki: the key, DER; empty where no key is certified.
        nonce: the Steward's, as the claims have it; empty if they name none.
        workload_digest: as the claims have it, or empty.
        names: that it wants.
    """

    parsed: Parsed
    request: bytes
    spki: bytes
    nonce: bytes
    workload_digest: str
    names: Names

    @property
    def key_sha256(self) -> str:
        """Of the key, hexadecimal; empty without one."""
        return hashlib.sha256(self.spki).hexdigest() if self.spki else ""


def of_request(data: bytes, where: str = "request") -> Applicant:
    """The applicant of a certification request, DER or PEM.

    Raises:
        MalformedError: it is none, has no evidence that is understood, or a key that is not used.
        UnauthenticError: its own key did not sign it.
    """
    der = _der(data, where)
    names = request.names_of(der, where)
    if not pkix.read(der, where).items.keys() & EVIDENCE:
        raise NoEvidenceError(where)
    parsed = attestation.parse(der, where)
    binding = parsed.opened.binding
    if binding is None or not binding.spki:
        raise MalformedError(where, "its evidence is not bound to a key")
    _check_key(binding.spki, where)
    nonce, workload = _named(parsed, where)
    return Applicant(
        parsed=parsed,
        request=der,
        spki=binding.spki,
        nonce=nonce,
        workload_digest=workload,
        names=names,
    )


def of_evidence(data: bytes, where: str = "evidence") -> Applicant:
    """The applicant for a result without a certificate: evidence with its identity claims.

    Raises:
        MalformedError: it is none, or comes without such claims.
    """
    parsed = attestation.parse(data, where)
    if not parsed.opened.claims:
        hint = "put the identity claims, with the nonce of POST /v1/challenge, beside the evidence"
        raise MalformedError(where, "no claims beside the evidence", hints=(hint,))
    found = claims.parse_identity(parsed.opened.claims, where)
    return Applicant(
        parsed=parsed,
        request=data,
        spki=b"",
        nonce=found.nonce,
        workload_digest=found.workload_digest,
        names=Names(),
    )


def of_claims(evidence: bytes, data: bytes) -> Applicant:
    """The applicant for secrets: evidence, and the claims *data* that it must be bound to.

    Its nonce is left to whoever releases.

    Raises:
        MalformedError: they are none.
    """
    found = claims.parse_secrets(data)
    parsed = attestation.parse(evidence)
    bound = replace(parsed.opened, binding=identity.claims_only(data), claims=data)
    return Applicant(
        parsed=parsed._replace(opened=bound),
        request=evidence,
        spki=b"",
        nonce=b"",
        workload_digest=found.workload_digest,
        names=Names(),
    )


def of_guest(evidence: bytes, report_data: bytes) -> Applicant:
    """The applicant that a guest is, whose evidence must be bound to *report_data*.

    Raises:
        MalformedError: it is no evidence.
    """
    parsed = attestation.parse(evidence)
    binding = KeyBinding(
        rule="report_data = digest of the session's runtime data", spki=b"", accepted=(report_data,)
    )
    return Applicant(
        parsed=parsed._replace(opened=replace(parsed.opened, binding=binding)),
        request=evidence,
        spki=b"",
        nonce=b"",
        workload_digest="",
        names=Names(),
    )


def _der(data: bytes, where: str) -> bytes:
    if not data.lstrip().startswith(_PEM):
        if is_tagged_evidence(data) or data[:1] != b"\x30":
            raise MalformedError(where, "want a certification request (PKCS#10), DER or PEM")
        return data
    blocks = pem_blocks(data, where)
    if len(blocks) != 1 or blocks[0][0] not in _LABELS:
        raise MalformedError(where, "want one PEM block, a CERTIFICATE REQUEST")
    return blocks[0][1]


def _named(parsed: Parsed, where: str) -> tuple[bytes, str]:
    """The nonce and the workload of identity claims; nothing where there are none.

    DICE's claims name a key only, and the binding has compared it.
    """
    binding = parsed.opened.binding
    if binding is None or binding.rule != identity.RULE:
        return b"", ""
    found = claims.parse_identity(parsed.opened.claims, where)
    return found.nonce, found.workload_digest


def _check_key(spki: bytes, where: str) -> None:
    try:
        key = load_der_public_key(spki)
    except (ValueError, UnsupportedAlgorithm) as e:
        raise MalformedError(where, "its key is of a kind that is not known") from e
    match key:
        case ec.EllipticCurvePublicKey():
            known = isinstance(key.curve, ec.SECP256R1 | ec.SECP384R1 | ec.SECP521R1)
        case rsa.RSAPublicKey():
            known = key.key_size >= MIN_RSA_BITS
        case _:
            known = isinstance(key, ed25519.Ed25519PublicKey)
    if not known:
        want = f"P-256, P-384, P-521, Ed25519, or RSA of {MIN_RSA_BITS} bits or more"
        raise MalformedError(where, f"want a key of {want}")
