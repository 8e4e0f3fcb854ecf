"""One question, a quote with collateral at an instant, and what we and dcap-qvl answer to it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from enarx.errors import RejectedError
from enarx.tee.anchors import TrustAnchor
from enarx.tee.claims import Claims
from enarx.tee.dcap.signed_json import split
from enarx.tee.endorsements import Endorsements
from enarx.tee.sgx.technology import SGX
from enarx.tee.tdx.technology import TDX
from enarx.wire.text import to_pem


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A TCB info or a QE identity: JSON, and ``r || s`` over it."""

    body: bytes
    signature: bytes

    def answer(self, key: str) -> bytes:
        """As Intel's service would send it."""
        signature = self.signature.hex().encode()
        return b'{"%s":%s,"signature":"%s"}' % (key.encode(), self.body, signature)


@dataclass(frozen=True, slots=True, kw_only=True)
class Collateral:
    """Everything beside a quote, each at its place, because dcap-qvl wants to know which is which.

    Args:
        signers: the certificate that signs TCB info and QE identity, then those above it.
        issuers: the PCK authority's certificate, then those above it.
    """

    signers: tuple[bytes, ...]
    issuers: tuple[bytes, ...]
    pck_crl: bytes
    root_crl: bytes
    tcb_info: Signed
    qe_identity: Signed

    def endorsements(self) -> Endorsements:
        """As a bag."""
        return Endorsements(
            certificates=tuple(dict.fromkeys(self.signers + self.issuers)),
            crls=(self.pck_crl, self.root_crl),
            tcb_infos=(self.tcb_info.answer("tcbInfo"),),
            qe_identities=(self.qe_identity.answer("enclaveIdentity"),),
        )


def signed(answer: bytes, key: str) -> Signed:
    """What the service sent, as its two parts."""
    found = split(answer, key, key)
    return Signed(body=found.body, signature=found.signature)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What both are asked.

    Args:
        what: how it was changed, for messages.
        root: the certificate of the root, DER, that dcap-qvl is told to believe.
        sign: makes a genuine TCB info or QE identity of JSON, where the root is one of ours.
    """

    what: str
    quote: bytes
    collateral: Collateral
    anchors: tuple[TrustAnchor, ...]
    root: bytes
    now: datetime
    sign: Callable[[bytes], Signed] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """An answer.

    Args:
        refusal: why the quote proves nothing; empty if it is accepted.
        facts: status, platform and report data, comparable with the other's; empty if refused.
        claims: ours, if we accept.
    """

    refusal: str = ""
    facts: tuple[object, ...] = ()
    advisories: frozenset[str] = frozenset()
    claims: Claims | None = None

    @property
    def accepted(self) -> bool:
        """Whether it is no refusal."""
        return not self.refusal

    @property
    def status(self) -> object:
        """The TCB status; None if refused."""
        return self.facts[0] if self.facts else None


def ours(case: Case) -> Opinion:
    """Our answer: a refusal, or what an authentic quote claims before any policy."""
    technology = next((one for one in (TDX, SGX) if one.recognises(case.quote)), None)
    if technology is None:
        return Opinion(refusal="no quote")
    try:
        evidence = technology.parse(case.quote)
        given = case.collateral.endorsements()
        claims = technology.authenticate(evidence, given, case.anchors, case.now).claims
    except RejectedError as e:
        return Opinion(refusal=f"{type(e).__name__}: {e}")
    return Opinion(
        facts=(claims.tcb.status, claims.instance, claims.report_data),
        advisories=frozenset(claims.tcb.advisories),
        claims=claims,
    )


def theirs(case: Case) -> Opinion:
    """dcap-qvl's answer; it checks dates, lists and attributes that are policy's with us."""
    import dcap_qvl

    try:
        report = dcap_qvl.verify_with_root_ca(
            case.quote, _as_theirs(case.collateral), case.root, int(case.now.timestamp())
        )
    except ValueError as e:
        return Opinion(refusal=str(e) or "refused")
    return Opinion(
        facts=(report.status, report.ppid, _report_data(json.loads(report.to_json()))),
        advisories=frozenset(report.advisory_ids),
    )


def _as_theirs(collateral: Collateral) -> Any:  # noqa: ANN401 - theirs
    import dcap_qvl

    tcb_info, identity = collateral.tcb_info, collateral.qe_identity
    return dcap_qvl.QuoteCollateralV3(
        pck_crl_issuer_chain=pem(collateral.issuers),
        root_ca_crl=collateral.root_crl,
        pck_crl=collateral.pck_crl,
        tcb_info_issuer_chain=pem(collateral.signers),
        tcb_info=tcb_info.body.decode(),  # UnicodeDecodeError is a ValueError
        tcb_info_signature=tcb_info.signature,
        qe_identity_issuer_chain=pem(collateral.signers),
        qe_identity=identity.body.decode(),
        qe_identity_signature=identity.signature,
    )


def pem(certificates: Iterable[bytes]) -> str:
    """Certificates as text."""
    return b"".join(to_pem("CERTIFICATE", der) for der in certificates).decode()


def _report_data(report: Any) -> bytes:  # noqa: ANN401 - theirs
    """The 64 bytes in any of their reports."""
    (body,) = report["report"].values()
    while "report_data" not in body:
        body = body["base"]
    found = body["report_data"]
    return bytes.fromhex(found) if isinstance(found, str) else bytes(found)
