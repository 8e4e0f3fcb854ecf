"""Evidence and its endorsements in one conceptual message wrapper, as everywhere in Enarx.

The bytes are those that ``evidence.cmw.wrap`` makes, which a keep cannot import; a test compares.

Source: draft-ietf-rats-msg-wrap-23, section 3; docs/design/adr/0019-containers.md.
"""

from __future__ import annotations

from enarx.wire import cbor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_EVIDENCE_TYPE = "application/vnd.enarx.evidence."  # and the technology
_COLLECTION_TYPE = "tag:enarx.dev,2026:evidence"
_EVIDENCE, _ENDORSEMENTS = 1 << 2, 1 << 1  # indicators


def wrap(
    evidence: bytes, technology: str, certificates: Sequence[bytes], crls: Sequence[bytes]
) -> bytes:
    """*evidence* of *technology* in CBOR: a record alone, a collection with endorsements.

    Args:
        certificates: X.509, DER.
        crls: certificate revocation lists, DER.
    """
    record = (_EVIDENCE_TYPE + technology, evidence, _EVIDENCE)
    if not certificates and not crls:
        return cbor.encode(record)
    items: dict[str, object] = {"__cmwc_t": _COLLECTION_TYPE, "evidence": record}
    for label, media, values in (
        ("certificate", "application/pkix-cert", certificates),
        ("crl", "application/pkix-crl", crls),
    ):
        for number, value in enumerate(values):
            items[f"{label}-{number}"] = (media, value, _ENDORSEMENTS)
    return cbor.encode(items)
