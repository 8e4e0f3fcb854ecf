"""The path from a leaf certificate to a pinned key: links, dates, roles, revocation.

The chains of this field have few certificates, no cross-signing and pinned ends.  A path is found
by name, never by the order in which certificates arrive, and then every link is checked:
signature, issuer's name, validity, the right to issue, path length, unknown critical extensions,
revocation.

Source: RFC 5280, section 6.1 (the parts that apply to such paths) and section 6.3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from enarx.errors import Failure, UnauthenticError
from enarx.tee.claims import ChainLink, Revocation
from enarx.tee.x509 import Certificate, Crl, common_name, is_signed_by, key_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime

    from enarx.tee.anchors import TrustAnchor

E = TypeVar("E", bound=x509.ExtensionType)

STEP = "certificate chain"
MAX_DEPTH = 8
"""Certificates between a leaf and its anchor; NVIDIA's chains, the longest, have five in all."""

_UNDERSTOOD = frozenset(
    {
        x509.oid.ExtensionOID.BASIC_CONSTRAINTS,
        x509.oid.ExtensionOID.KEY_USAGE,
        x509.oid.ExtensionOID.EXTENDED_KEY_USAGE,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """A verified path: its certificates are genuine and were valid at the time of verification.

    Args:
        certificates: leaf first, the one that the anchor's key signed last.
        anchor: whose key ends it.
        not_before: the latest beginning of validity among the certificates.
        not_after: the earliest end.
        root: the anchor's own certificate, if it came along.
    """

    certificates: tuple[Certificate, ...]
    anchor: TrustAnchor
    not_before: datetime
    not_after: datetime
    root: Certificate | None

    @property
    def leaf(self) -> Certificate:
        """The certificate that was asked about."""
        return self.certificates[0]

    def links(self) -> tuple[ChainLink, ...]:
        """What to tell people about it."""
        certificates = (*self.certificates, *((self.root,) if self.root else ()))
        shown = tuple(link(certificate) for certificate in certificates)
        return shown if self.root else (*shown, _pinned(self.anchor))


def find_path(
    leaf: Certificate,
    others: Iterable[Certificate],
    anchors: Sequence[TrustAnchor],
    now: datetime,
) -> Path:
    """The verified path from *leaf* to one of *anchors*; *leaf* must be a certificate below it.

    Revocation is a step of its own: ``check_revocation``.

    Args:
        others: certificates that may be on the path, in any order.
        now: aware; every certificate must be valid then.

    Raises:
        UnauthenticError: there is no such path; it names the certificate where it ends.
    """
    pool = tuple(others)
    path: list[Certificate] = [leaf]
    while True:
        lower = path[-1]
        anchor = _anchor_of(lower, anchors)
        if anchor is not None:
            break
        if len(path) > MAX_DEPTH:
            raise _refusal(lower, f"a path of at most {MAX_DEPTH} certificates", "a longer one")
        path.append(_issuer_of(lower, pool, anchors))
    root = next((c for c in pool if anchor.is_key_of(c)), None)
    dated = tuple(path) if root is None else (*path, root)
    _check_dates(dated, now)
    _check_roles(path)
    return Path(
        certificates=tuple(path),
        anchor=anchor,
        not_before=max(c.not_valid_before_utc for c in dated),
        not_after=min(c.not_valid_after_utc for c in dated),
        root=root,
    )


def extend(path: Path, certificate: Certificate, now: datetime) -> Path:
    """*path* with *certificate* below its leaf, which must have issued it.

    Where an authority issues many certificates, its own path is verified once, by ``find_path``.
    Revocation of *certificate* is a step of its own here too.

    Args:
        now: aware; every certificate must be valid then.

    Raises:
        UnauthenticError: the leaf did not issue it, may not, or a date or a role is wrong.
    """
    issuer = path.leaf
    if certificate.issuer != issuer.subject:
        got = f"issuer {common_name(certificate.issuer)!r}"
        raise _refusal(certificate, f"issued by {name_of(issuer)}", got)
    if not is_signed_by(certificate, key_of(issuer, "issuer")):
        raise _refusal(certificate, f"a signature of {name_of(issuer)}", "of another key")
    longer = (certificate, *path.certificates)
    dated = longer if path.root is None else (*longer, path.root)
    _check_dates(dated, now)
    _check_roles(longer)
    return Path(
        certificates=longer,
        anchor=path.anchor,
        not_before=max(certificate.not_valid_before_utc, path.not_before),
        not_after=min(certificate.not_valid_after_utc, path.not_after),
        root=path.root,
    )


def check_revocation(
    path: Path, crls: Iterable[Crl], now: datetime, *, unlisted: Collection[str] = ()
) -> tuple[Revocation, tuple[Crl, ...]]:
    """Look every certificate of *path* up in its issuer's list, where there is one.

    A list that is not of the time of verification still reveals a revoked certificate, but does
    not count as having looked.  Of several lists of an issuer the latest counts.

    Args:
        crls: lists of any issuer; those that another key signed are ignored.
        now: aware.
        unlisted: common names of issuers that publish no list at all (AMD's ASK).

    Returns:
        What was looked up, and the lists that count.

    Raises:
        UnauthenticError: a certificate is revoked.
    """
    lists = tuple(crls)
    unchecked: list[str] = []
    used: list[Crl] = []
    for number, certificate in enumerate(path.certificates):
        if common_name(certificate.issuer) in unlisted:
            continue
        above = path.certificates[number + 1] if number + 1 < len(path.certificates) else None
        key = path.anchor.public_key() if above is None else key_of(above, "issuer")
        issued = [c for c in lists if c.issuer == certificate.issuer and is_signed_by(c, key)]
        for crl in issued:
            _must_not_be_revoked(certificate, crl)
        current = [c for c in issued if not _staleness(c, now)]
        if current:
            used.append(max(current, key=lambda crl: crl.last_update_utc))
        else:
            unchecked.append(_why_unchecked(certificate, issued, now))
    names = tuple(dict.fromkeys(common_name(crl.issuer) for crl in used))
    return Revocation(unchecked=tuple(dict.fromkeys(unchecked)), lists=names), tuple(used)


def _anchor_of(lower: Certificate, anchors: Sequence[TrustAnchor]) -> TrustAnchor | None:
    """The anchor whose key signed *lower*."""
    issuer = lower.issuer.rfc4514_string()
    for anchor in anchors:
        if anchor.subject == issuer and is_signed_by(lower, anchor.public_key()):
            return anchor
    return None


def _issuer_of(
    lower: Certificate, pool: Sequence[Certificate], anchors: Sequence[TrustAnchor]
) -> Certificate:
    named = [c for c in pool if c.subject == lower.issuer and c != lower]
    if not named:
        wanted = " or ".join(sorted(anchor.name for anchor in anchors)) or "a trust anchor"
        issuer = common_name(lower.issuer) or lower.issuer.rfc4514_string()
        raise _refusal(
            lower, f"issued by {wanted}, or the issuer's certificate", f"issuer {issuer!r}"
        )
    for certificate in named:
        if is_signed_by(lower, key_of(certificate, "issuer")):
            return certificate
    issuer = common_name(lower.issuer)
    raise _refusal(lower, f"a signature of {issuer}", "a signature of another key")


def _check_dates(path: Sequence[Certificate], now: datetime) -> None:
    failures = [
        Failure(
            name_of(certificate),
            want=f"valid at {now:%Y-%m-%dT%H:%M:%SZ}",
            got=f"valid from {certificate.not_valid_before_utc:%Y-%m-%dT%H:%M:%SZ}"
            f" to {certificate.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}",
        )
        for certificate in path
        if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc
    ]
    if failures:
        hint = "recorded evidence is verified as of its own time with --at"
        raise UnauthenticError("certificate validity", *failures, hints=(hint,))


def _check_roles(path: Sequence[Certificate]) -> None:
    for depth, certificate in enumerate(path):
        for found in certificate.extensions:
            if found.critical and found.oid not in _UNDERSTOOD:
                got = f"the critical extension {found.oid.dotted_string}"
                raise _refusal(certificate, "no critical extension that is not understood", got)
        if depth:
            _must_issue(certificate, depth - 1)


def _must_issue(certificate: Certificate, below: int) -> None:
    """Insist on the right to issue, with at most *below* authorities under it."""
    basic = _constraint(certificate, x509.BasicConstraints)
    usage = _constraint(certificate, x509.KeyUsage)
    if basic is None or not basic.ca:
        raise _refusal(certificate, "a certificate authority", "basic constraints without CA")
    if basic.path_length is not None and basic.path_length < below:
        raise _refusal(certificate, f"a path length of {below}", f"{basic.path_length}")
    if usage is not None and not usage.key_cert_sign:
        raise _refusal(certificate, "the key usage keyCertSign", "a key usage without it")


def _constraint(certificate: Certificate, kind: type[E]) -> E | None:
    for found in certificate.extensions:
        if isinstance(found.value, kind):
            return found.value
    return None


def name_of(certificate: Certificate) -> str:
    """What to call a certificate in messages: its common name, or the whole name."""
    return common_name(certificate.subject) or certificate.subject.rfc4514_string()


def link(certificate: Certificate) -> ChainLink:
    """What to tell people about *certificate*."""
    return ChainLink(
        subject=certificate.subject.rfc4514_string(),
        sha256=certificate.fingerprint(hashes.SHA256()),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
    )


def _pinned(anchor: TrustAnchor) -> ChainLink:
    return ChainLink(
        subject=anchor.subject or anchor.name, sha256=anchor.sha256, not_before=None, not_after=None
    )


def _must_not_be_revoked(certificate: Certificate, crl: Crl) -> None:
    entry = crl.get_revoked_certificate_by_serial_number(certificate.serial_number)
    if entry is not None:
        got = f"revoked by {common_name(crl.issuer)} on {entry.revocation_date_utc:%Y-%m-%d}"
        hint = "the machine's key is no longer trusted by its vendor: use another machine"
        failure = Failure(name_of(certificate), want="not revoked", got=got, hint=hint)
        raise UnauthenticError("revocation", failure)


def _staleness(crl: Crl, now: datetime) -> str:
    """Why *crl* does not count at *now*; empty if it does."""
    issued, ends = crl.last_update_utc, crl.next_update_utc
    if ends is None:
        return "CRL has no next update"
    if now < issued:
        return f"CRL is of {issued:%Y-%m-%d}, later than the time of verification"
    if now > ends:
        return f"CRL ended on {ends:%Y-%m-%d}"
    return ""


def _why_unchecked(certificate: Certificate, issued: Sequence[Crl], now: datetime) -> str:
    issuer = common_name(certificate.issuer) or certificate.issuer.rfc4514_string()
    reasons = [_staleness(crl, now) for crl in issued]
    return f"{issuer}: {reasons[-1] if reasons else 'no CRL given'}"


def _refusal(certificate: Certificate, want: str, got: str) -> UnauthenticError:
    return UnauthenticError(STEP, Failure(name_of(certificate), want=want, got=got))
