"""The certificate table with which a host can accompany a report.

Decides where each entry lies and what kind it is by its GUID; what the certificates are worth is
decided by whoever verifies with them.  Entries of unknown GUIDs are kept apart, since hosts have
their own.

Source: AMD 56421 "SEV-ES Guest-Hypervisor Communication Block Standardization" rev. 2.03, section
4.1.8.1 (MSG_REPORT_REQ, ``struct cert_table``).  The specification says nothing of the encoding of
certificates; hosts store DER, and some PEM.  ASK's GUID also serves for the ASVK, which has none of
its own; the one for revocation lists is virtee/sev's.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from enarx.errors import MalformedError
from enarx.tee.endorsements import Endorsements
from enarx.wire.reader import Reader
from enarx.wire.record import pack, raw, record, size_of, u32, unpack
from enarx.wire.text import is_pem, pem_blocks

ARK = UUID("c0b406a4-a803-4952-9743-3fb6014cd0ae")
ASK = UUID("4ab7b379-bbac-4fe4-a02f-05aef327c782")
VCEK = UUID("63da758d-e664-4564-adc5-f4b93be8accd")
VLEK = UUID("a8074bc2-a25a-483e-aae6-39c045a0b8a1")
CRL = UUID("92f81bc3-5811-4d3d-97ff-d19f88dc67ea")

CERTIFICATES = (ARK, ASK, VCEK, VLEK)

MAX_BYTES = 256 * 1024
"""Of a whole table; Linux passes at most 16 KiB on (SEV_FW_BLOB_MAX_SIZE)."""

MAX_ENTRIES = 64

_CERTIFICATE_LABEL = "CERTIFICATE"
_CRL_LABEL = "X509 CRL"


@record(size=24)
class _Header:
    guid: bytes = raw(0, 16)  # in the order in which it is written, RFC 4122's
    offset: int = u32(16)
    length: int = u32(20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry: its kind, and what was stored."""

    guid: UUID
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateTable:
    """The entries of a table, in its order."""

    entries: tuple[Entry, ...] = ()

    @property
    def unknown(self) -> tuple[Entry, ...]:
        """What other GUIDs stand for, such as go-sev-guest's extra platform information."""
        return tuple(e for e in self.entries if e.guid not in (*CERTIFICATES, CRL))


def parse_table(data: bytes, where: str = "certificate table") -> CertificateTable:
    """The table in *data*; bytes that no entry claims must be zero, as in a padded page.

    Raises:
        MalformedError: no end of the table, an entry outside of the data, over the table or over
            another entry, one without content, a GUID that occurs twice, or more than the bounds.
    """
    if len(data) > MAX_BYTES:
        raise MalformedError(where, f"got {len(data)} bytes, want at most {MAX_BYTES}")
    reader = Reader(data, where)
    headers = _headers(reader)
    _must_not_overlap(reader, headers, data)
    entries = tuple(
        Entry(guid=UUID(bytes=h.guid), data=data[h.offset : h.offset + h.length]) for h in headers
    )
    if len({entry.guid for entry in entries}) != len(entries):
        raise MalformedError(where, "a GUID occurs twice")
    return CertificateTable(entries=entries)


def pack_table(table: CertificateTable) -> bytes:
    """The bytes of *table*, entries one after the other; for making evidence and for tests."""
    offset = size_of(_Header) * (len(table.entries) + 1)
    headers = []
    for entry in table.entries:
        header = _Header(guid=entry.guid.bytes, offset=offset, length=len(entry.data))
        headers.append(pack(header))
        offset += len(entry.data)
    end = pack(_Header(guid=bytes(16), offset=0, length=0))
    return b"".join((*headers, end, *(entry.data for entry in table.entries)))


def endorsements_in(table: CertificateTable, where: str = "certificate table") -> Endorsements:
    """The certificates and revocation lists of *table*, each as DER; still unverified.

    Raises:
        MalformedError: an entry that begins like PEM is damaged, or holds something else.
    """
    certificates: list[bytes] = []
    crls: list[bytes] = []
    for entry in table.entries:
        if entry.guid in CERTIFICATES:
            certificates += _der(entry, _CERTIFICATE_LABEL, where)
        elif entry.guid == CRL:
            crls += _der(entry, _CRL_LABEL, where)
    return Endorsements(certificates=tuple(certificates), crls=tuple(crls))


def _headers(reader: Reader) -> list[_Header]:
    """The entries before the one that is all zero."""
    found: list[_Header] = []
    while True:
        begin = reader.offset
        header = unpack(_Header, reader.take(size_of(_Header), "entry"), reader.where)
        if not header.guid.strip(b"\0"):
            if header.offset or header.length:
                problem = "got an entry without GUID, want zeros that end the table"
                raise MalformedError(reader.where, problem, offset=begin)
            return found
        if len(found) == MAX_ENTRIES:
            raise MalformedError(reader.where, f"more than {MAX_ENTRIES} entries", offset=begin)
        found.append(header)


def _must_not_overlap(reader: Reader, headers: list[_Header], data: bytes) -> None:
    """Insist that the entries are disjoint, lie behind the headers, and leave only zeros."""
    end = reader.offset
    for header in sorted(headers, key=lambda h: h.offset):
        name = f"{reader.where}: entry {UUID(bytes=header.guid)}"
        if not header.length:
            raise MalformedError(name, "got no bytes, want a certificate or list")
        if header.offset < end:
            problem = f"begins at 0x{header.offset:x}, inside of what ends at 0x{end:x}"
            raise MalformedError(name, problem)
        if header.offset + header.length > len(data):
            problem = f"ends at 0x{header.offset + header.length:x}, of {len(data)} bytes"
            raise MalformedError(name, problem)
        _must_be_zero(data, end, header.offset, reader.where)
        end = header.offset + header.length
    _must_be_zero(data, end, len(data), reader.where)


def _must_be_zero(data: bytes, begin: int, end: int, where: str) -> None:
    if data[begin:end].strip(b"\0"):
        raise MalformedError(where, "bytes that belong to no entry are not zero", offset=begin)


def _der(entry: Entry, label: str, where: str) -> list[bytes]:
    if not is_pem(entry.data):
        return [entry.data]
    name = f"{where}: entry {entry.guid}"
    blocks = pem_blocks(entry.data, name)
    for found, _ in blocks:
        if found != label:
            raise MalformedError(name, f"got PEM of {found!r}, want {label!r}")
    return [der for _, der in blocks]
