"""Intel quotes of versions 3, 4 and 5: bytes to parts, shape only.

What was signed is kept as the slice that arrived.  What the body says is left to the technology
(``sgx``, ``tdx``); nothing here says that a quote is genuine.

Sources: as ``layout``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from enarx.errors import MalformedError
from enarx.tee.dcap.certification import QE_REPORT, Certification, PckGiven, parse_certification
from enarx.tee.dcap.enclave import EnclaveReport
from enarx.tee.dcap.layout import (
    ECDSA_P256,
    INTEL_QE_VENDOR_ID,
    TEE_SGX,
    TEE_TDX,
    BodyDescriptor,
    CertificationHead,
    HeaderV3,
    HeaderV4,
    QeReport,
    QuoteSignature,
)
from enarx.tee.endorsements import Endorsements
from enarx.wire.reader import Reader
from enarx.wire.record import offset_of, size_of, unpack

Tee = Literal["sgx", "tdx"]

V3, V4, V5 = 3, 4, 5

BODY_SGX = 1
BODY_TD10 = 2
BODY_TD15 = 3
BODY_TD15_EX = 4
BODY_BYTES = {BODY_SGX: 384, BODY_TD10: 584, BODY_TD15: 648, BODY_TD15_EX: 885}
"""Size of each body; the last one is in Intel's library (commit d12717e), not yet in A.4."""

MAX_SIGNATURE_BYTES = 256 * 1024
"""Of the signature section; 5 KiB with a chain, more only with a platform manifest."""

_TEES: dict[int, Tee] = {TEE_SGX: "sgx", TEE_TDX: "tdx"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """A quote whose shape is right; nothing of it is proven.

    Args:
        raw: the bytes that arrived.
        signed: those that the attestation key signed, header to body.
        tee: whose body it is.
        body_type: 1 to 4, as version 5 numbers them.
        qe: the quoting enclave's report, decoded.
        qe_signed: the bytes of that report.
        qe_auth: data that the quoting enclave hashed with the attestation key.
    """

    raw: bytes
    header: HeaderV3 | HeaderV4
    tee: Tee
    body_type: int
    body: bytes
    signed: bytes
    signature: bytes
    attestation_key: bytes
    qe: EnclaveReport
    qe_signed: bytes
    qe_signature: bytes
    qe_auth: bytes
    certification: Certification

    @property
    def carried(self) -> Endorsements:
        """The certificates that came inside."""
        given = self.certification
        return Endorsements(certificates=given.certificates if isinstance(given, PckGiven) else ())

    @property
    def qe_id(self) -> bytes:
        """Which quoting enclave on which machine: the first 16 bytes of the user data."""
        return self.header.user_data[:16]


def recognise(data: bytes) -> Tee | None:
    """Whose quote *data* begins like, of whatever version; None if it is no Intel quote."""
    reader = Reader(data, "quote")
    if reader.left < size_of(HeaderV4):
        return None
    version, key_type, tee_type = (reader.uint(size, "header") for size in (2, 2, 4))
    vendor = data[offset_of(HeaderV4, "vendor_id") :][: len(INTEL_QE_VENDOR_ID)]
    if vendor != INTEL_QE_VENDOR_ID and (version, key_type) not in _BEGINNINGS:
        return None
    return "tdx" if tee_type == TEE_TDX else "sgx"


_BEGINNINGS = {(version, ECDSA_P256) for version in (V3, V4, V5)}


def parse_quote(data: bytes) -> Quote:
    """Take a quote apart.

    Raises:
        MalformedError: unknown version, type or size, reserved bytes that are not zero, a length
            that does not fit, or something after the end.
    """
    reader = Reader(data, "quote")
    header = _header(reader, data)
    tee = _tee(header)
    body_type = _body_type(reader, header, tee)
    body = reader.take(BODY_BYTES[body_type], "body")
    signed = data[: reader.offset]
    section = reader.sized(4, "signature", most=MAX_SIGNATURE_BYTES)
    _must_end(reader)
    inner = Reader(section, "quote.signature")
    signature = unpack(QuoteSignature, inner.take(size_of(QuoteSignature), "ecdsa"))
    if header.version != V3:
        inner = _unwrapped(inner)
    report = unpack(QeReport, inner.take(size_of(QeReport), "qe_report"))
    auth = inner.sized(2, "qe_auth", most=len(section))
    kind, content = _certification(inner)
    inner.end()
    return Quote(
        raw=data,
        header=header,
        tee=tee,
        body_type=body_type,
        body=body,
        signed=signed,
        signature=signature.signature,
        attestation_key=signature.attestation_key,
        qe=unpack(EnclaveReport, report.report, "quote.qe_report"),
        qe_signed=report.report,
        qe_signature=report.signature,
        qe_auth=auth,
        certification=parse_certification(kind, content, "quote.certification"),
    )


def _header(reader: Reader, data: bytes) -> HeaderV3 | HeaderV4:
    version = Reader(data, "quote").uint(2, "version")
    if version not in {V3, V4, V5}:
        raise MalformedError("quote.version", f"got {version}, want 3, 4 or 5", offset=0)
    if version == V3:
        return unpack(HeaderV3, reader.take(size_of(HeaderV3), "header"), "quote.header")
    return unpack(HeaderV4, reader.take(size_of(HeaderV4), "header"), "quote.header")


def _tee(header: HeaderV3 | HeaderV4) -> Tee:
    if isinstance(header, HeaderV3):
        return "sgx"
    tee = _TEES.get(header.tee_type)
    if tee is None:
        problem = f"got 0x{header.tee_type:x}, want 0x0 (SGX) or 0x81 (TDX)"
        raise MalformedError("quote.header.tee_type", problem, offset=4)
    return tee


def _body_type(reader: Reader, header: HeaderV3 | HeaderV4, tee: Tee) -> int:
    if header.version != V5:
        return BODY_SGX if tee == "sgx" else BODY_TD10
    begin = reader.offset
    said = unpack(BodyDescriptor, reader.take(size_of(BodyDescriptor), "body_descriptor"))
    known = tuple(kind for kind in BODY_BYTES if (kind == BODY_SGX) == (tee == "sgx"))
    if said.body_type not in known:
        wanted = " or ".join(map(str, known))
        problem = f"got {said.body_type}, want {wanted} for {tee.upper()}"
        raise MalformedError("quote.body_type", problem, offset=begin)
    if said.size != BODY_BYTES[said.body_type]:
        problem = f"got {said.size} bytes, want {BODY_BYTES[said.body_type]}"
        raise MalformedError("quote.body_size", problem, offset=begin)
    return said.body_type


def _must_end(reader: Reader) -> None:
    if reader.left:
        problem = f"{reader.left} trailing bytes"
        hint = (
            f"a quote says its own length, here {reader.offset} bytes: cut off what follows "
            "(buffers of configfs-tsm and drivers are longer)"
        )
        raise MalformedError("quote", problem, offset=reader.offset, hints=(hint,))


def _unwrapped(reader: Reader) -> Reader:
    """A reader over the QE report block of versions 4 and 5."""
    kind, content = _certification(reader)
    reader.end()
    if kind != QE_REPORT:
        raise MalformedError("quote.certification.type", f"got {kind}, want {QE_REPORT}")
    return Reader(content, "quote.qe_certification")


def _certification(reader: Reader) -> tuple[int, bytes]:
    head = unpack(
        CertificationHead, reader.take(size_of(CertificationHead), "certification"), reader.where
    )
    return head.type, reader.take(head.size, "certification")
