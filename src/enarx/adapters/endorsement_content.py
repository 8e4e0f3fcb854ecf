"""Which endorsements some bytes hold, by their content and never by a name.

Certificates and revocation lists in PEM or DER (or DER in hexadecimal, as PCCS sends it), Intel's
TCB infos and QE identities as its service sends them, bundles, and dcap-qvl's collateral.  What is
recognised is not believed: whether it is genuine, current and fitting is decided where evidence is
authenticated.
"""

from __future__ import annotations

import re

from enarx.adapters import endorsement_bundle, endorsement_collateral
from enarx.errors import MalformedError
from enarx.tee import x509
from enarx.tee.dcap import signed_json
from enarx.tee.endorsements import Endorsements
from enarx.wire import document, text

MAX_BLOCKS = 1024
"""PEM blocks in one file."""

TCB_INFO_KEYS = frozenset({"tcbInfo", "signature"})
QE_IDENTITY_KEYS = frozenset({"enclaveIdentity", "signature"})

_CERTIFICATES = ("CERTIFICATE", "X509 CERTIFICATE")
_CRL = "X509 CRL"
_SEQUENCE = b"\x30"
_HEX = re.compile(rb"\s*(?:[0-9a-fA-F]{2}){16,}\s*")
_MAX_HEX_DIGITS = 2 * x509.MAX_CRL_BYTES


def recognise(data: bytes, where: str) -> tuple[Endorsements, tuple[str, ...]]:
    """The endorsements in *data*, and a note for each part of it that is something else.

    Raises:
        MalformedError: nothing in it is an endorsement.
    """
    if text.is_pem(data):
        return _pem(data, where)
    if data[:1] == _SEQUENCE:
        return der(data, where), ()
    if data.lstrip()[:1] == b"{":
        return _json(data, where), ()
    if len(data) <= _MAX_HEX_DIGITS and _HEX.fullmatch(data):
        return der(bytes.fromhex(data.decode("ascii")), where), ()
    raise MalformedError(where, "not an endorsement (no certificate, CRL or collateral)")


def der(data: bytes, where: str) -> Endorsements:
    """A certificate or a revocation list.

    Raises:
        MalformedError: it is neither.
    """
    try:
        x509.load_certificate(data, where)
    except MalformedError:
        return revocation_list(data, where)
    return Endorsements(certificates=(data,))


def revocation_list(data: bytes, where: str) -> Endorsements:
    """A revocation list in DER.

    Raises:
        MalformedError: it is something else.
    """
    try:
        x509.load_crl(data, where)
    except MalformedError as e:
        raise MalformedError(where, "neither a certificate nor a CRL") from e
    return Endorsements(crls=(data,))


def _pem(data: bytes, where: str) -> tuple[Endorsements, tuple[str, ...]]:
    found, notes = Endorsements(), []
    for label, content in text.pem_blocks(data, where, most=MAX_BLOCKS):
        try:
            found += _block(label, content, where)
        except MalformedError as e:
            notes.append(str(e))
    if not found:
        raise MalformedError(where, notes[0].removeprefix(f"{where}: ") if notes else "is empty")
    return found, tuple(notes)


def _block(label: str, content: bytes, where: str) -> Endorsements:
    if label in _CERTIFICATES:
        x509.load_certificate(content, where)
        return Endorsements(certificates=(content,))
    if label == _CRL:
        return revocation_list(content, where)
    raise MalformedError(where, f"PEM block {label!r} is not an endorsement")


def _json(data: bytes, where: str) -> Endorsements:
    if len(data) > endorsement_bundle.MAX_BYTES:
        raise MalformedError(where, f"got {len(data)} bytes of JSON, too many for an endorsement")
    value = document.load_any(data, where)
    if endorsement_bundle.is_bundle(value):
        return endorsement_bundle.of_value(value, where)
    if endorsement_collateral.is_collateral(value):
        return endorsement_collateral.of_value(value, where)
    if len(data) > signed_json.MAX_BYTES:
        raise MalformedError(where, f"got {len(data)} bytes, want at most {signed_json.MAX_BYTES}")
    if isinstance(value, dict) and value.keys() == TCB_INFO_KEYS:
        return Endorsements(tcb_infos=(data,))
    if isinstance(value, dict) and value.keys() == QE_IDENTITY_KEYS:
        return Endorsements(qe_identities=(data,))
    raise MalformedError(where, "JSON, but no TCB info, QE identity or bundle of endorsements")
