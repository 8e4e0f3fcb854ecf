"""One file with many endorsements: a conceptual message collection in JSON.

    {"__cmwc_t": "tag:enarx.dev,2026:endorsements",
     "crl-3a…": ["application/pkix-crl", "<base64url>", 2],
     "certificate-9f…": ["application/pkix-cert", "<base64url>", 2], …}

The same endorsements always give the same bytes: labels are the kind and the SHA-256 of the
content, in their order.  The type says the version: a later form would have another one.  Nothing
in a bundle is believed; it is a way to carry endorsements to where there is no network.

Source: draft-ietf-rats-msg-wrap-23, section 3 (collections; indicator 2, endorsements).
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from enarx.errors import MalformedError
from enarx.tee import x509
from enarx.tee.endorsements import Endorsements
from enarx.wire import document, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TYPE_KEY = "__cmwc_t"
TYPE = "tag:enarx.dev,2026:endorsements"

MEDIA_TYPE = "application/cmw+json"
MAX_ITEMS = 4096
MAX_BYTES = 64 * 1024 * 1024

_INDICATOR = 1 << 1
_FORM = "want [media type, base64url, 2]"
_MEMBERS = 3
_CERTIFICATE = "application/pkix-cert"
_CRL = "application/pkix-crl"
_TCB_INFO = "application/vnd.enarx.tcb-info+json"
_QE_IDENTITY = "application/vnd.enarx.qe-identity+json"
_FIELDS: Mapping[str, tuple[str, str]] = {  # media type: (label, field of Endorsements)
    _CERTIFICATE: ("certificate", "certificates"),
    _CRL: ("crl", "crls"),
    _TCB_INFO: ("tcb-info", "tcb_infos"),
    _QE_IDENTITY: ("qe-identity", "qe_identities"),
}


def write(endorsements: Endorsements) -> bytes:
    """The bundle of *endorsements*, one line of ASCII and a line break."""
    records = dict(sorted(_records(endorsements)))
    return document.dump({TYPE_KEY: TYPE, **records}) + b"\n"


def read(data: bytes, where: str) -> Endorsements:
    """The endorsements of a bundle; each still only bytes of the kind that its type names.

    Raises:
        MalformedError: it is not a bundle of this version, or an item is not what its type says.
    """
    if len(data) > MAX_BYTES:
        raise MalformedError(where, f"got {len(data)} bytes, want at most {MAX_BYTES}")
    return of_value(document.load_any(data, where), where)


def is_bundle(value: object) -> bool:
    """Whether a decoded JSON value is a collection of some type; ``of_value`` decides."""
    return isinstance(value, dict) and TYPE_KEY in value


def of_value(value: object, where: str) -> Endorsements:
    """``read``, after the JSON was decoded."""
    if not isinstance(value, dict):
        raise MalformedError(where, "want a collection of endorsements, a JSON object")
    _check_type(value.get(TYPE_KEY), where)
    records = {name: record for name, record in value.items() if name != TYPE_KEY}
    if len(records) > MAX_ITEMS:
        raise MalformedError(where, f"got {len(records)} items, want at most {MAX_ITEMS}")
    values: dict[str, list[bytes]] = {field: [] for _, field in _FIELDS.values()}
    for name, record in records.items():
        media, content = _record(record, f"{where}: {name[:80]!r}")
        values[_FIELDS[media][1]].append(content)
    return Endorsements(**{field: tuple(items) for field, items in values.items()})


def _check_type(found: object, where: str) -> None:
    if found != TYPE:
        hint = "a newer release may read it; or fetch again: enarx endorsements fetch"
        problem = f"got a collection of type {str(found)[:80]!r}, want {TYPE!r}"
        raise MalformedError(where, problem, hints=(hint,))


def _records(endorsements: Endorsements) -> Iterator[tuple[str, tuple[str, str, int]]]:
    for media, (label, field) in _FIELDS.items():
        for content in getattr(endorsements, field):
            name = f"{label}-{sha256(content).hexdigest()}"
            yield name, (media, text.to_base64url(content), _INDICATOR)


def _record(value: object, where: str) -> tuple[str, bytes]:
    if not isinstance(value, list) or len(value) != _MEMBERS:
        raise MalformedError(where, _FORM)
    media, content, indicator = value
    if not isinstance(media, str) or media not in _FIELDS:
        raise MalformedError(where, f"got media type {str(media)[:80]!r}, want one of {_known()}")
    if not isinstance(content, str) or indicator is True or indicator != _INDICATOR:
        raise MalformedError(where, _FORM)
    data = text.base64url(content, where)
    if media == _CERTIFICATE:
        x509.load_certificate(data, where)
    elif media == _CRL:
        x509.load_crl(data, where)
    return media, data


def _known() -> str:
    return ", ".join(_FIELDS)
