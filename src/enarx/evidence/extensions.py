"""Evidence in the extensions of certificates and requests: one table of what is understood.

Several extensions in one certificate mean the same evidence in more than one dress (Gramine writes
two); the first of the table is taken.

Sources: draft-ietf-rats-msg-wrap-23, section 4.4 (CMW); TCG DICE Attestation Architecture 1.1,
section 6.1.8; draft-ietf-lamps-csr-attestation (AttestationBundle).
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from cryptography.hazmat import asn1
from cryptography.x509 import ObjectIdentifier  # noqa: TC002 - @sequence reads annotations

from enarx.errors import MalformedError
from enarx.evidence import dice, enarx_extension, identity, messages, vendor_extension
from enarx.evidence.opened import NITRO_FIELDS, Content, KeyBinding
from enarx.tee.endorsements import Endorsements
from enarx.wire import der

if TYPE_CHECKING:
    from collections.abc import Callable

    from enarx.evidence.pkix import Carrier

ATTESTATION = "1.2.840.113549.1.9.16.2.59"
CMW = "1.3.6.1.5.5.7.1.35"
DICE = "2.23.133.5.4.9"

MAX_STATEMENTS = 16
"""In one attestation bundle."""

_SEQUENCE = b"\x30"
_OCTET_STRING = b"\x04"
_UTF8_STRING = b"\x0c"


@asn1.sequence
class _Octets:
    cmw: bytes


@asn1.sequence
class _Statement:
    type: ObjectIdentifier
    stmt: asn1.TLV
    hint: str | None


@asn1.sequence
class _Bundle:
    attestations: list[_Statement]
    certs: list[asn1.TLV] | None


def open_carrier(carrier: Carrier, where: str) -> Content:
    """The evidence in *carrier*, with the binding to its key.

    Raises:
        MalformedError: it has none of the extensions that are understood, or a damaged one.
    """
    for oid, reader in _READERS:
        if oid in carrier.items:
            content = reader(carrier.items[oid], carrier.spki, f"{where}: {oid}")
            if content is not None:
                return replace(content, containers=(carrier.kind, *content.containers))
    if enarx_extension.KVM in carrier.items:
        hint = "a KVM keep proves nothing; run the keep on SNP, TDX or SGX"
        raise MalformedError(
            where, "Enarx's extension for KVM, which holds no evidence", hints=(hint,)
        )
    named = ", ".join(sorted(carrier.items)) or "none"
    hint = f"understood are {', '.join(oid for oid, _ in _READERS)}"
    problem = f"{carrier.kind} without evidence (extensions: {named})"
    raise MalformedError(where, problem, hints=(hint,))


def _attestation(value: bytes, spki: bytes, where: str) -> Content:
    """AttestationBundle of the LAMPS draft, its statements CMWs of PKIX or of TCG."""
    bundle = der.decode(_Bundle, value, where)
    if not 1 <= len(bundle.attestations) <= MAX_STATEMENTS:
        problem = f"got {len(bundle.attestations)} statements, want 1 to {MAX_STATEMENTS}"
        raise MalformedError(where, problem)
    certificates = tuple(der.element(item) for item in bundle.certs or [])
    found = Content(evidence=(), endorsements=Endorsements(certificates=certificates))
    for number, statement in enumerate(bundle.attestations):
        inner = _statement(statement, spki, f"{where}: attestations[{number}]")
        found = Content(
            evidence=found.evidence + inner.evidence,
            endorsements=found.endorsements + inner.endorsements,
            containers=found.containers + inner.containers,
            binding=inner.binding if inner.evidence else found.binding,
            claims=inner.claims or found.claims,
        )
    return replace(found, containers=("attestation bundle", *found.containers))


def _statement(statement: _Statement, spki: bytes, where: str) -> Content:
    kind = statement.type.dotted_string
    if kind not in _STATEMENTS:
        want = " or ".join(_STATEMENTS)
        raise MalformedError(where, f"got a statement of type {kind}, want {want}")
    return _STATEMENTS[kind](der.element(statement.stmt), spki, where)


def _cmw(value: bytes, spki: bytes, where: str) -> Content:
    if value[:1] == _UTF8_STRING:
        return _wrapped(der.decode(str, value, where).encode("utf-8"), spki, where)
    return _wrapped(der.decode(bytes, value, where), spki, where)


def _dice(value: bytes, spki: bytes, where: str) -> Content:
    """Bare CBOR, as RA-TLS libraries write it, or in a string, alone or in a SEQUENCE (TCG)."""
    if value[:1] == _SEQUENCE:
        value = der.decode(_Octets, value, where).cmw
    elif value[:1] == _OCTET_STRING:
        value = der.decode(bytes, value, where)
    return _wrapped(value, spki, where)


def _wrapped(data: bytes, spki: bytes, where: str) -> Content:
    """Tagged evidence, or a wrapper.

    A wrapper without claims says nothing of the key, so every plain digest of the key binds, or
    the key itself.
    """
    if dice.is_tagged_evidence(data):
        return dice.bound_evidence(data, spki, where)
    found = messages.unwrap(data, where)
    if found.claims:
        return replace(found, binding=identity.binding(found.claims, spki, where))
    binding = KeyBinding(
        rule="report_data = SHA-256, SHA-384 or SHA-512(SubjectPublicKeyInfo)",
        spki=spki,
        accepted=tuple(hashlib.new(name, spki).digest() for name in ("sha256", "sha384", "sha512")),
        fields=NITRO_FIELDS,
    )
    return replace(found, binding=binding)


_STATEMENTS: dict[str, Callable[[bytes, bytes, str], Content]] = {CMW: _cmw, DICE: _dice}
_READERS: tuple[tuple[str, Callable[[bytes, bytes, str], Content | None]], ...] = (
    (ATTESTATION, _attestation),
    (CMW, _cmw),
    (DICE, _dice),
    (enarx_extension.SNP, enarx_extension.snp),
    (enarx_extension.SGX, enarx_extension.sgx),
    (vendor_extension.DSTACK_QUOTE, vendor_extension.dstack),
    (vendor_extension.OPEN_ENCLAVE, vendor_extension.open_enclave),
    (vendor_extension.INTEL_LEGACY, vendor_extension.legacy),
    (vendor_extension.GRAMINE_LEGACY, vendor_extension.legacy),
    (vendor_extension.ALTERNATIVE_NAME, vendor_extension.alternative_name),
)
EVIDENCE = frozenset((*(oid for oid, _ in _READERS), enarx_extension.KVM))
"""The extensions, and attributes of requests, in which evidence is looked for."""
