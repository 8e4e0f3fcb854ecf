"""Prove that a quote was made by Intel's quoting enclave on a platform that Intel certified.

The steps, of which each technology adds the last:

1. The PCK certificate leads over a PCK authority to a pinned root (``trust``, ``chain``).
2. Neither it nor the authority is in a revocation list.
3. The PCK signed the quoting enclave's report.
4. That report is bound to the attestation key: SHA256(key || authentication data) || 0.
5. The quoting enclave is the one of Intel's QE identity.
6. The attestation key signed header and body, the bytes that arrived.
7. How current all of it is, follows from the TCB info (``status``): a claim, not a proof.

Source: Intel's quote verification library, commit d12717e: QuoteVerifier.cpp (4.1.2.5),
EnclaveReportVerifier.cpp (4.1.2.9).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from enarx.errors import Failure, MalformedError, UnauthenticError
from enarx.tee.chain import STEP as CHAIN
from enarx.tee.chain import extend, link, must_not_be_revoked
from enarx.tee.dcap.certification import PckGiven, PckNamed
from enarx.tee.dcap.p256 import has_signed, key_at
from enarx.tee.dcap.pck import is_pck, pck_identity
from enarx.tee.dcap.trust import SECOND, STEP, must_be_pck_path
from enarx.tee.x509 import key_of, load_certificate

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from enarx.tee.claims import ChainLink
    from enarx.tee.dcap.certification import PlatformManifest
    from enarx.tee.dcap.collateral import QeIdentity
    from enarx.tee.dcap.pck import PckIdentity
    from enarx.tee.dcap.quote import Quote
    from enarx.tee.dcap.trust import TrustedCollateral
    from enarx.tee.x509 import Certificate


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteProof:
    """A quote that steps 1 to 6 proved: the platform of *pck* made it.

    Args:
        pck: what the platform's certificate says.
        chain: that certificate first, the root last.
        not_after: until when the proof holds.
    """

    quote: Quote
    pck: PckIdentity
    trusted: TrustedCollateral
    chain: tuple[ChainLink, ...]
    not_after: datetime


def find_pck(quote: Quote, others: Iterable[Certificate]) -> Certificate:
    """The PCK certificate behind *quote*: in it, or among *others* if it is only named.

    Nothing of the certificate is verified.

    Raises:
        UnauthenticError: the quote gives none or more than one, or it is not among *others*.
        MalformedError: a certificate in the quote is damaged.
    """
    given = quote.certification
    if isinstance(given, PckGiven):
        return _given(given, ())
    for certificate in others:
        if is_pck(certificate) and _is_meant(certificate, given, quote):
            return certificate
    hint = "Intel's service and its caches have it: enarx endorsements fetch, or a bundle"
    want = f"the one with which the platform signed (certification data type {given.type})"
    raise UnauthenticError(STEP, Failure("PCK certificate", want=want, got="none", hint=hint))


def prove(quote: Quote, trusted: TrustedCollateral, now: datetime) -> QuoteProof:
    """Steps 1 to 6, with collateral that was verified before.

    The caller must still derive the status, and check what the body says of its platform.

    Args:
        now: aware; within the validity of *trusted*.

    Raises:
        UnauthenticError: the first step that failed, with all that it found.
        MalformedError: a certificate in the quote is damaged.
    """
    _must_be_current(trusted, now)
    given = quote.certification
    leaf = _given(given, trusted.known) if isinstance(given, PckGiven) else trusted.pck
    path = extend(trusted.authority, leaf, now)
    must_be_pck_path(path)
    pck = pck_identity(leaf, "PCK certificate")
    _must_be_of(quote, pck, trusted)
    for crl in trusted.lists:
        must_not_be_revoked(leaf, crl)
    _must_be_signed_by_pck(quote, leaf)
    _must_be_bound(quote)
    _must_be_identified(quote, trusted.identity)
    _must_be_signed(quote)
    return QuoteProof(
        quote=quote,
        pck=pck,
        trusted=trusted,
        chain=(link(leaf), *trusted.chain),
        not_after=min(trusted.not_after, leaf.not_valid_after_utc),
    )


def _given(given: PckGiven, known: Collection[bytes]) -> Certificate:
    """The one PCK certificate among those of a quote; *known* ones are others for sure."""
    unknown = (der for der in given.certificates if der not in known)
    certificates = (load_certificate(der, "quote.certification") for der in unknown)
    found = tuple(certificate for certificate in certificates if is_pck(certificate))
    if len(found) != 1:
        failure = Failure("PCK certificate", want="one in the quote", got=str(len(found)))
        raise UnauthenticError(CHAIN, failure)
    return found[0]


def _is_meant(certificate: Certificate, named: PckNamed | PlatformManifest, quote: Quote) -> bool:
    """Whether the quote's platform has this certificate: its key made the quote's signature.

    A platform has one for each TCB, and the service answers with the one for the highest TCB that
    the platform reaches, so that the SVNs in the quote need not be the certificate's.
    """
    try:
        identity = pck_identity(certificate, "PCK certificate")
        key = key_of(certificate, "PCK certificate")
    except MalformedError:
        return False
    if isinstance(named, PckNamed) and not (
        named.ppid in {b"", identity.ppid} and named.pce_id in {b"", identity.pce_id}
    ):
        return False
    return has_signed(key, quote.qe_signed, quote.qe_signature)


def _must_be_current(trusted: TrustedCollateral, now: datetime) -> None:
    if not trusted.not_before <= now <= trusted.not_after:
        want = f"a time from {trusted.not_before:{SECOND}} to {trusted.not_after:{SECOND}}"
        hint = "fetch and verify the collateral anew"
        failure = Failure("trusted collateral", want=want, got=f"{now:{SECOND}}", hint=hint)
        raise UnauthenticError(STEP, failure)


def _must_be_of(quote: Quote, pck: PckIdentity, trusted: TrustedCollateral) -> None:
    """Insist that the collateral is about this platform."""
    info = trusted.info
    pairs = (
        ("tee", trusted.tee, quote.tee),
        ("fmspc", info.fmspc.hex(), pck.fmspc.hex()),
        ("pce_id", info.pce_id.hex(), pck.pce_id.hex()),
    )
    failures = [
        Failure(claim, want=f"{want}, which the collateral is about", got=got)
        for claim, want, got in pairs
        if want != got
    ]
    if failures:
        raise UnauthenticError(STEP, *failures)


def _must_be_signed_by_pck(quote: Quote, leaf: Certificate) -> None:
    """Step 3."""
    if not has_signed(key_of(leaf, "PCK certificate"), quote.qe_signed, quote.qe_signature):
        want = "a signature by the key of the PCK certificate"
        raise UnauthenticError("QE report signature", _changed("quote.qe_report", want))


def _must_be_bound(quote: Quote) -> None:
    """Step 4."""
    digest = hashlib.sha256(quote.attestation_key + quote.qe_auth).digest()
    want, got = digest + bytes(len(quote.qe.report_data) - len(digest)), quote.qe.report_data
    if want != got:
        failure = Failure("quote.qe_report.report_data", want=want.hex(), got=got.hex())
        hint = "the attestation key or its authentication data is not the quoting enclave's"
        raise UnauthenticError("attestation key binding", failure, hints=(hint,))


def _must_be_identified(quote: Quote, identity: QeIdentity) -> None:
    """Step 5."""
    report = quote.qe
    misc_select = _masked(_octets(report.misc_select, 4), identity.misc_select_mask)
    flags_and_xfrm = _octets(int(report.flags), 8) + _octets(report.xfrm, 8)
    attributes = _masked(flags_and_xfrm, identity.attributes_mask)
    pairs = (
        ("misc_select", identity.misc_select.hex(), misc_select.hex()),
        ("attributes", identity.attributes.hex(), attributes.hex()),
        ("mr_signer", identity.mr_signer.hex(), report.mr_signer.hex()),
        ("isv_prod_id", str(identity.isv_prod_id), str(report.isv_prod_id)),
    )
    failures = [
        Failure(f"quote.qe_report.{claim}", want=want, got=got)
        for claim, want, got in pairs
        if want != got
    ]
    if failures:
        raise UnauthenticError("QE identity", *failures)


def _must_be_signed(quote: Quote) -> None:
    """Step 6."""
    key = key_at(quote.attestation_key)
    if key is None:
        got = quote.attestation_key.hex()
        failure = Failure("quote.attestation_key", want="a point of P-256", got=got)
        raise UnauthenticError("quote signature", failure)
    if not has_signed(key, quote.signed, quote.signature):
        want = "a signature by the attestation key"
        raise UnauthenticError("quote signature", _changed("quote.signature", want))


def _octets(value: int, size: int) -> bytes:
    """As the report has it, and QE identities too."""
    return value.to_bytes(size, "little")


def _masked(value: bytes, mask: bytes) -> bytes:
    return bytes(a & b for a, b in zip(value, mask, strict=True))


def _changed(claim: str, want: str) -> Failure:
    hint = "the quote was changed after it was signed, or another key signed it"
    return Failure(claim, want=want, got="another", hint=hint)
