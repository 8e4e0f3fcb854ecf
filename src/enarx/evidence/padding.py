"""Evidence in buffers of a fixed size: quotes that are followed by zeros.

Quoting services write into buffers of 4,000, 8,000 or more bytes and some programs keep the whole
buffer (Intel's samples, Azure's and GCP's tools).  The length that the evidence's own header states
tells where it ends; behind it, only zeros are dropped.  An SNP report has one size; what else can
follow it (a certificate table) is the SNP parser's matter.

Sources: Intel SGX ECDSA QuoteLibReference, DCAP 1.22, table 2; Intel TDX DCAP Quoting Library API,
1.22, tables 1, 5 and 7 (header, body descriptor, signature data length); AMD 56860 rev. 1.58,
table 23.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from enarx.errors import MalformedError
from enarx.tee.dcap.layout import ENCLAVE_REPORT_BYTES, BodyDescriptor, HeaderV4
from enarx.tee.snp.report import AttestationReport, Signature
from enarx.wire.reader import Reader
from enarx.wire.record import size_of, unpack

if TYPE_CHECKING:
    from collections.abc import Mapping

_VERSION = 2  # bytes, at the start of every header
_TD_REPORT_BYTES = 584
_DESCRIBED = 5
"""The version since which the body's type and size stand before it."""

_BODIES: Mapping[tuple[str, int], int] = {
    ("sgx", 3): ENCLAVE_REPORT_BYTES,
    ("sgx", 4): ENCLAVE_REPORT_BYTES,
    ("tdx", 4): _TD_REPORT_BYTES,
}
_QUOTES = ("sgx", "tdx")


def trim(data: bytes, technology: str, where: str) -> bytes:
    """*data* without the zeros that follow the evidence; unchanged if there are none.

    Raises:
        MalformedError: something else follows a quote.
    """
    size = _size(data, technology)
    tail = data[size:]
    if not tail.strip(b"\0"):
        return data[:size]
    if technology in _QUOTES:
        hint = f"if the rest is not yours, cut it off: head -c {size}"
        problem = f"{len(tail)} trailing bytes that are not zeros"
        raise MalformedError(where, problem, offset=size, hints=(hint,))
    return data


def _size(data: bytes, technology: str) -> int:
    """How long the evidence at the start of *data* says it is; all of *data* if unknown."""
    if technology == "snp":
        return size_of(AttestationReport) + size_of(Signature)
    if technology not in _QUOTES:
        return len(data)
    reader = Reader(data, technology)
    try:
        return _quote_size(reader, technology)
    except MalformedError:  # shorter than a quote: its parser says what is wrong
        return len(data)


def _quote_size(reader: Reader, technology: str) -> int:
    version = reader.uint(_VERSION, "version")
    reader.take(size_of(HeaderV4) - _VERSION, "header")
    if version == _DESCRIBED:
        body = unpack(BodyDescriptor, reader.take(size_of(BodyDescriptor), "body descriptor")).size
    else:
        body = _BODIES.get((technology, version), reader.left)
    reader.take(body, "body")
    return reader.uint(4, "signature data size") + reader.offset
