"""Intel's collateral in the one JSON document that dcap-qvl and its users keep it in.

It has the signed values as strings beside their signatures.  The service's answers are put together
from them again: the signed bytes are the same, and only they matter.

Source: dcap-qvl 0.7, ``QuoteCollateralV3``; Intel, ``sgx_ql_qve_collateral_t``, which it spells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from enarx.errors import MalformedError
from enarx.tee import x509
from enarx.tee.dcap.signed_json import MAX_BYTES, SIGNATURE_BYTES
from enarx.tee.endorsements import Endorsements
from enarx.wire import text
from enarx.wire.document import Fields

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHAINS = ("pck_crl_issuer_chain", "tcb_info_issuer_chain", "qe_identity_issuer_chain")
_OPTIONAL_CHAIN = "pck_certificate_chain"
_CRLS = ("root_ca_crl", "pck_crl")
_TCB_INFO, _QE_IDENTITY = "tcb_info", "qe_identity"


def is_collateral(value: object) -> bool:
    """Whether a decoded JSON value looks like such a document; ``of_value`` decides."""
    return isinstance(value, dict) and _TCB_INFO in value and _QE_IDENTITY in value


def of_value(value: object, where: str) -> Endorsements:
    """The endorsements in a decoded document; each still only bytes of its kind.

    Raises:
        MalformedError: a key is missing, unknown, or not what its name says.
    """
    fields = Fields(value, where)
    chains = [name for name in (*_CHAINS, _OPTIONAL_CHAIN) if name in fields or name in _CHAINS]
    certificates = [der for name in chains for der in _certificates(fields, name)]
    found = Endorsements(
        certificates=tuple(dict.fromkeys(certificates)),
        crls=tuple(_crl(fields, name) for name in _CRLS),
        tcb_infos=(_answer(fields, _TCB_INFO, "tcbInfo"),),
        qe_identities=(_answer(fields, _QE_IDENTITY, "enclaveIdentity"),),
    )
    fields.done()
    return found


def _certificates(fields: Fields, name: str) -> Iterator[bytes]:
    where = f"{fields.where}: {name}"
    for label, der in text.pem_blocks(fields.text(name).encode("utf-8"), where):
        if label != "CERTIFICATE":
            raise MalformedError(where, f"got PEM of {label!r}, want certificates")
        x509.load_certificate(der, where)
        yield der


def _crl(fields: Fields, name: str) -> bytes:
    where = f"{fields.where}: {name}"
    found = text.hexadecimal(fields.text(name, most=2 * x509.MAX_CRL_BYTES), where)
    x509.load_crl(found, where)
    return found


def _answer(fields: Fields, name: str, key: str) -> bytes:
    body = fields.text(name, most=MAX_BYTES)
    digits = fields.text(f"{name}_signature", most=2 * SIGNATURE_BYTES)
    text.hexadecimal(digits, f"{fields.where}: {name}_signature", size=SIGNATURE_BYTES)
    return f'{{"{key}":{body},"signature":"{digits}"}}'.encode()
