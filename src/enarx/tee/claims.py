"""What evidence says, in words that hold on every platform, and the proof that it may be believed.

``Authentic`` is made only by a technology's ``verify`` module (``tests/test_architecture.py``).  It
says who signed the evidence and with which endorsements; whether that is good enough is decided by
``appraisal`` and by nobody else.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ClaimValue = bool | int | str | bytes | datetime | tuple[str, ...]
"""Values of claims; bytes are shown as hexadecimal, instants in RFC 3339."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tcb:
    """How current the trusted computing base is, in the vendor's words where it has some.

    Args:
        status: one of Intel's words ("UpToDate", "OutOfDate", …), "TcbNotSupported" where no level
            of the TCB info matches; empty for vendors without such words (AMD, AWS, Arm).
        date: the earliest date of the parts' TCB levels; None without status.
        evaluation_number: the smaller ``tcbEvaluationDataNumber`` of the collateral used; None
            without status.
        advisories: identifiers, in the order of finding, each once.
        components: named security version numbers, such as ``{"bootloader": 3, "snp": 23}``.
    """

    status: str = ""
    date: datetime | None = None
    evaluation_number: int | None = None
    advisories: tuple[str, ...] = ()
    components: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """Whether the chain's certificates were looked up in current revocation lists.

    A certificate that *is* in a list makes evidence unauthentic; this says what was looked up.

    Args:
        unchecked: the issuers whose list was missing, or not of the time of verification, each
            with the reason ("ARK-Milan: no CRL given").  Empty: everything was looked up.
        lists: the issuers whose lists were used.
    """

    unchecked: tuple[str, ...]
    lists: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """Claims of authentic evidence.

    Args:
        platform: the technology's name ("snp", "tdx", "sgx", "nitro", "cca", "azure-snp", …).
        simulated: a development root signed; the evidence proves no hardware.
        measurements: what identifies the image, under the specification's names
            (``measurement``; ``mr_td``, ``rtmr_0``…; ``mr_enclave``, ``mr_signer``).
        report_data: what the attester bound the evidence to, 64 bytes on SNP, TDX and SGX.
        debug: whether the host may read or change the TEE's memory.
        migratable: whether a migration agent may move it; None where the platform cannot say.
        smt: whether sibling threads may run beside it; None where the platform cannot say.
        instance: identity of the machine (chip id, PPID, instance id); empty where it is masked.
        fields: every field of the evidence and of what was derived from it, by its dotted name
            ("snp.policy.debug", "tdx.quote.body.mr_td"), in the order in which it is shown.
    """

    platform: str
    simulated: bool
    measurements: Mapping[str, bytes]
    report_data: bytes
    debug: bool
    migratable: bool | None
    smt: bool | None
    instance: bytes
    tcb: Tcb
    revocation: Revocation
    fields: Mapping[str, ClaimValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainLink:
    """One certificate of the chain that was verified, or the pinned key at its end.

    What the anchor's own certificate says beside its name and key is not proven, so not shown.

    Args:
        subject: RFC 4514 name.
        sha256: fingerprint of the certificate's DER; of the SubjectPublicKeyInfo for a pinned key.
        not_before, not_after: its validity; None for a pinned key.
    """

    subject: str
    sha256: bytes
    not_before: datetime | None
    not_after: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Authentic:
    """Evidence whose origin is proven: genuine claims of the hardware that its chain names.

    Whether they are acceptable is not decided; the caller must appraise them.

    Args:
        claims: what it says.
        evidence: the bytes that arrived.
        chain: leaf first, the trust anchor last.
        anchor: the name of the trust anchor.
        collateral_issued: the oldest issue date among the dated endorsements that were relied on
            (TCB info, QE identity, revocation lists); None without any.
        not_after: when the first endorsement that was relied on ends.
        verified_at: the instant of verification.
    """

    claims: Claims
    evidence: bytes
    chain: tuple[ChainLink, ...]
    anchor: str
    collateral_issued: datetime | None
    not_after: datetime | None
    verified_at: datetime
