"""Evidence in certificates as RA-TLS libraries put it there, each with its own rule for the key.

Sources, beside what each writes: Gramine (tools/sgx/ra-tls), Open Enclave
(include/openenclave/bits/attestation.h, common/cert.c), dstack (ra-tls/src), Evervault
(attestation-doc-validation); docs/design/adr/0019-containers.md.
"""

from __future__ import annotations

import hashlib

from cryptography.hazmat import asn1

from enarx.errors import MalformedError
from enarx.evidence.opened import NITRO_FIELDS, Content, KeyBinding, Piece
from enarx.wire import der, text
from enarx.wire.record import record, size_of, u32, u64, unpack

DSTACK_QUOTE = "1.3.6.1.4.1.62397.1.1"
OPEN_ENCLAVE = "1.2.840.113556.10.1.1"
INTEL_LEGACY = "1.2.840.113741.1337.6"
GRAMINE_LEGACY = "0.6.9.42.840.113741.1337.6"
"""What Gramine writes for the identifier above: its DER, tag and length included, as content."""
ALTERNATIVE_NAME = "2.5.29.17"

_RA_TLS_PREFIX = b"ratls-cert:"
_DNS_NAME = b"\x82"
_NITRO_LABEL = 1024
"""Characters from which a label of a DNS name is no label (they end at 63) but a document."""


@record(size=16)
class _OpenEnclaveHeader:
    version: int = u32(0)
    report_type: int = u32(4)
    report_size: int = u64(8)


_OPEN_ENCLAVE_VERSION = 1
_SGX_REMOTE = 2


@asn1.sequence
class _Names:
    items: list[asn1.TLV]


def legacy(value: bytes, spki: bytes, _where: str) -> Content:
    """A bare quote."""
    binding = KeyBinding(
        rule="report_data = SHA-256(SubjectPublicKeyInfo)",
        spki=spki,
        accepted=(hashlib.sha256(spki).digest(),),
    )
    return Content(
        evidence=(Piece(data=value),), containers=("RA-TLS quote (legacy)",), binding=binding
    )


def dstack(value: bytes, spki: bytes, where: str) -> Content:
    """A TDX quote in a string in a string.

    Raises:
        MalformedError: it is not that.
    """
    binding = KeyBinding(
        rule='report_data = SHA-512("ratls-cert:" || SubjectPublicKeyInfo)',
        spki=spki,
        accepted=(hashlib.sha512(_RA_TLS_PREFIX + spki).digest(),),
    )
    quote = der.decode(bytes, value, where)
    return Content(
        evidence=(Piece(data=quote, technology="tdx"),),
        containers=("dstack RA-TLS quote",),
        binding=binding,
    )


def open_enclave(value: bytes, spki: bytes, where: str) -> Content:
    """An Open Enclave report: a header and a quote, bound to the key's PEM and its final NUL.

    Raises:
        MalformedError: another kind of report, or another length than it says.
    """
    size = size_of(_OpenEnclaveHeader)
    header = unpack(_OpenEnclaveHeader, value[:size], where)
    if header.version != _OPEN_ENCLAVE_VERSION or header.report_type != _SGX_REMOTE:
        got = f"version {header.version}, type {header.report_type}"
        raise MalformedError(where, f"got {got}, want version 1, type 2 (SGX, remote)")
    quote = value[size:]
    if len(quote) != header.report_size:
        raise MalformedError(where, f"got {len(quote)} bytes, the header says {header.report_size}")
    binding = KeyBinding(
        rule="report_data = SHA-256(PEM of the key, with its NUL)",
        spki=spki,
        accepted=(hashlib.sha256(text.to_pem("PUBLIC KEY", spki) + b"\0").digest(),),
    )
    return Content(
        evidence=(Piece(data=quote, technology="sgx"),),
        containers=("Open Enclave report",),
        binding=binding,
    )


def alternative_name(value: bytes, spki: bytes, where: str) -> Content | None:
    """Evervault's way: a Nitro document in hexadecimal as the first label of a DNS name.

    None if no name is one.

    Raises:
        MalformedError: such a label is not hexadecimal, or these are no names.
    """
    names = der.decode(_Names, der.sequence(value), where).items
    for name in names:
        label = bytes(name.data).partition(b".")[0]
        if bytes(name.tag_bytes) == _DNS_NAME and len(label) >= _NITRO_LABEL:
            document = text.hexadecimal(label.decode("latin-1"), where)
            binding = KeyBinding(
                rule="user_data or public_key = SubjectPublicKeyInfo",
                spki=spki,
                fields=NITRO_FIELDS,
            )
            return Content(
                evidence=(Piece(data=document, technology="nitro"),),
                containers=("Nitro document in an alternative name",),
                binding=binding,
            )
    return None
