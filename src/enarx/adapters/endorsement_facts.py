"""What an endorsement says about itself: name, issuer, validity; unproven, for lists and caches.

Nothing here decides about evidence.  Dates tell a cache when asking again makes sense, and people
which of two files is the newer one.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Literal

from enarx.errors import MalformedError
from enarx.tee import x509
from enarx.tee.dcap.collateral import parse_qe_identity, parse_tcb_info
from enarx.tee.dcap.pck import is_pck, pck_identity
from enarx.tee.snp.vek import is_vek, read_vek

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from enarx.tee.dcap.collateral import QeIdentity, TcbInfo
    from enarx.tee.endorsements import Endorsements
    from enarx.tee.x509 import Certificate

Kind = Literal["certificate", "crl", "tcb-info", "qe-identity"]

_MAX_NAME = 60
_SHOWN_BYTES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One endorsement.

    Args:
        subject: what it is about: a certificate's common name, with product and chip or FMSPC
            where it is a machine's; "SGX 00906ed50000"; "TD_QE".
        issuer: the common name of who signed it; empty for collateral, whose signer is a
            certificate beside it.
        evaluation_number: Intel's ``tcbEvaluationDataNumber``; None for what has none.
        not_before, not_after: its own dates; None if it states none.
        data: its bytes.
        problem: why the rest could not be read; empty if it could.
    """

    kind: Kind
    subject: str
    issuer: str
    evaluation_number: int | None
    not_before: datetime | None
    not_after: datetime | None
    data: bytes
    problem: str = ""

    @property
    def sha256(self) -> str:
        """Fingerprint of its bytes, in hexadecimal."""
        return sha256(self.data).hexdigest()

    @property
    def is_dated(self) -> bool:
        """Whether its issuer replaces it regularly, so that an old one is a question."""
        return self.kind != "certificate"

    def is_current(self, now: datetime) -> bool:
        """Whether *now* is inside its own dates; what states no end has none."""
        if self.problem:
            return False
        begun = self.not_before is None or self.not_before <= now
        return begun and (self.not_after is None or now <= self.not_after)

    def file_name(self) -> str:
        """A name that tells what it is, and is another one for other bytes."""
        words = [self.kind, self.subject or self.issuer]
        if self.evaluation_number is not None:
            words.append(str(self.evaluation_number))
        if self.is_dated and self.not_before is not None:
            words.append(f"{self.not_before:%Y%m%d}")
        words.append(self.sha256[:8])
        return "-".join(_plain(word) for word in words if word) + _ENDINGS[self.kind]


def facts_of(endorsements: Endorsements) -> tuple[Facts, ...]:
    """Each item of a bag, in its order; also those that are damaged, with the reason."""
    items: tuple[tuple[Kind, tuple[bytes, ...]], ...] = (
        ("certificate", endorsements.certificates),
        ("crl", endorsements.crls),
        ("tcb-info", endorsements.tcb_infos),
        ("qe-identity", endorsements.qe_identities),
    )
    return tuple(_facts(kind, data) for kind, values in items for data in values)


_ENDINGS: Mapping[Kind, str] = {
    "certificate": ".der",
    "crl": ".crl",
    "tcb-info": ".json",
    "qe-identity": ".json",
}


def _facts(kind: Kind, data: bytes) -> Facts:
    try:
        return _READERS[kind](data)
    except MalformedError as e:
        return Facts(
            kind=kind,
            subject="",
            issuer="",
            evaluation_number=None,
            not_before=None,
            not_after=None,
            data=data,
            problem=str(e),
        )


def _certificate(data: bytes) -> Facts:
    found = x509.load_certificate(data, "certificate")
    return Facts(
        kind="certificate",
        subject=" ".join(filter(None, (x509.common_name(found.subject), _machine(found)))),
        issuer=x509.common_name(found.issuer),
        evaluation_number=None,
        not_before=found.not_valid_before_utc,
        not_after=found.not_valid_after_utc,
        data=data,
    )


def _machine(certificate: Certificate) -> str:
    """Which machine's: all leaf certificates of a vendor have one common name."""
    try:
        if is_vek(certificate):
            vek = read_vek(certificate, b"", "certificate")
            return f"{vek.product_name} {vek.hwid[:_SHOWN_BYTES].hex() or vek.csp_id}"
        if is_pck(certificate):
            return pck_identity(certificate, "certificate").fmspc.hex()
    except MalformedError:
        return ""
    return ""


def _crl(data: bytes) -> Facts:
    found = x509.load_crl(data, "CRL")
    return Facts(
        kind="crl",
        subject="",
        issuer=x509.common_name(found.issuer),
        evaluation_number=None,
        not_before=found.last_update_utc,
        not_after=found.next_update_utc,
        data=data,
    )


def _tcb_info(data: bytes) -> Facts:
    found = parse_tcb_info(data)
    return _collateral("tcb-info", f"{found.tee.upper()} {found.fmspc.hex()}", found, data)


def _qe_identity(data: bytes) -> Facts:
    found = parse_qe_identity(data)
    return _collateral("qe-identity", found.name, found, data)


def _collateral(kind: Kind, subject: str, found: TcbInfo | QeIdentity, data: bytes) -> Facts:
    return Facts(
        kind=kind,
        subject=subject,
        issuer="",
        evaluation_number=found.evaluation_number,
        not_before=found.issued,
        not_after=found.next_update,
        data=data,
    )


_READERS: Mapping[Kind, Callable[[bytes], Facts]] = {
    "certificate": _certificate,
    "crl": _crl,
    "tcb-info": _tcb_info,
    "qe-identity": _qe_identity,
}


def _plain(word: str) -> str:
    """*word* for a file name: letters, digits and single dashes."""
    kept = "".join(c if c.isascii() and c.isalnum() else " " for c in word.lower())
    return "-".join(kept.split())[:_MAX_NAME].strip("-")
