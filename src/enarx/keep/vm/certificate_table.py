"""The certificates in the table with which an SNP host accompanies a report.

The host wrote it, so that everything in it is a hint: the verifier believes nothing of it before
it has checked it.  Here it is only taken apart, strictly; what GUIDs stand for that are not
certificates or revocation lists is left out.

Source: AMD 56421 rev. 2.03, section 4.1.8.1 (MSG_REPORT_REQ, ``struct cert_table``).
"""

from __future__ import annotations

from enarx.errors import MalformedError
from enarx.wire.reader import Reader
from enarx.wire.text import is_pem, pem_blocks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_ENTRIES = 64

_GUID_BYTES = 16
_NUMBER_BYTES = 4
_END = bytes(_GUID_BYTES + 2 * _NUMBER_BYTES)

_LABELS = {
    bytes.fromhex("c0b406a4a80349529743 3fb6014cd0ae"): "CERTIFICATE",  # ARK
    bytes.fromhex("4ab7b379bbac4fe4a02f 05aef327c782"): "CERTIFICATE",  # ASK, ASVK
    bytes.fromhex("63da758de6644564adc5 f4b93be8accd"): "CERTIFICATE",  # VCEK
    bytes.fromhex("a8074bc2a25a483eaae6 39c045a0b8a1"): "CERTIFICATE",  # VLEK
    bytes.fromhex("92f81bc358114d3d97ff d19f88dc67ea"): "X509 CRL",
}
"""The PEM label of each known kind, by its GUID in the order of RFC 4122."""


def endorsements_in(auxblob: bytes) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """``(certificates, revocation lists)`` of a table, each DER, in its order; nothing of zeros.

    Raises:
        MalformedError: the table has no end, or an entry lies outside of it or is damaged.
    """
    found: dict[str, list[bytes]] = {"CERTIFICATE": [], "X509 CRL": []}
    if auxblob.strip(b"\0"):
        for guid, data in _entries(auxblob):
            if guid in _LABELS:
                found[_LABELS[guid]] += _der(data, _LABELS[guid])
    return tuple(found["CERTIFICATE"]), tuple(found["X509 CRL"])


def _entries(auxblob: bytes) -> Iterator[tuple[bytes, bytes]]:
    headers = Reader(auxblob, "configfs-tsm: auxblob")
    for _ in range(MAX_ENTRIES + 1):
        entry = Reader(headers.take(len(_END), "entry"), headers.where)
        guid = entry.take(_GUID_BYTES, "guid")
        offset = entry.uint(_NUMBER_BYTES, "offset")
        length = entry.uint(_NUMBER_BYTES, "length")
        if not guid.strip(b"\0"):
            return
        whole = Reader(auxblob, headers.where)
        whole.take(offset, "bytes before an entry")
        yield guid, whole.take(length, "entry's content")
    raise MalformedError(headers.where, f"more than {MAX_ENTRIES} entries")


def _der(data: bytes, label: str) -> list[bytes]:
    if not is_pem(data):
        return [data]
    where = "configfs-tsm: auxblob: entry"
    blocks = pem_blocks(data, where)
    for found, _ in blocks:
        if found != label:
            raise MalformedError(where, f"got PEM of {found!r}, want {label!r}")
    return [der for _, der in blocks]
