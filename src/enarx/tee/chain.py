"""The path from a leaf certificate to a pinned key: links, dates, roles, revocation.

The chains of this field have few certificates and pinned ends.  A path is found by name, never by
the order in which certificates arrive, and then every link is checked: signature, issuer's name,
validity, the right to issue, path length, unknown critical extensions, revocation.  A trust anchor
is a name and a key: what else its own certificate says, dates included, is not looked at.

Source: RFC 5280, section 6.1 (the parts that apply to such paths), sections 5.2 and 6.3
(revocation lists); docs/design/adr/0021-chains.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from enarx.errors import Failure, MalformedError, UnauthenticError
from enarx.tee.claims import ChainLink, Revocation
from enarx.tee.x509 import (
    Certificate,
    Crl,
    common_name,
    is_signed_by,
    issuer_of,
    key_of,
    serial_number,
    signs_lists,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from datetime import datetime

    from enarx.tee.anchors import TrustAnchor

E = TypeVar("E", bound=x509.ExtensionType)

STEP = "certificate chain"
MAX_DEPTH = 8
"""Certificates between a leaf and its anchor; NVIDIA's chains, the longest, have five in all."""

MAX_SIGNATURES = 64
"""Links that are tried in the search of one path: endorsements can hold any number of certificates
of the same name, which would cost a signature's verification each."""

MAX_LISTS = 256
"""Lists of one issuer's name that are looked at; a cache of years has a few dozen."""

_UNDERSTOOD = frozenset({x509.oid.ExtensionOID.BASIC_CONSTRAINTS, x509.oid.ExtensionOID.KEY_USAGE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """A verified path: its certificates are genuine and were valid at the time of verification.

    Args:
        certificates: leaf first, the one that the anchor's key signed last.
        anchor: whose key ends it.
        not_before: the latest beginning of validity among the certificates.
        not_after: the earliest end.
    """

    certificates: tuple[Certificate, ...]
    anchor: TrustAnchor
    not_before: datetime
    not_after: datetime

    @property
    def leaf(self) -> Certificate:
        """The certificate that was asked about."""
        return self.certificates[0]

    def links(self) -> tuple[ChainLink, ...]:
        """What to tell people about it."""
        return (*(link(certificate) for certificate in self.certificates), _pinned(self.anchor))


def find_path(
    leaf: Certificate,
    others: Iterable[Certificate],
    anchors: Sequence[TrustAnchor],
    now: datetime,
) -> Path:
    """The verified path from *leaf* to one of *anchors*; *leaf* must be a certificate below it.

    Where several paths lead to an anchor, the shortest that holds counts: an authority can have
    certificates of several dates, and certificates of others can lie around.

    Revocation is a step of its own: ``check_revocation``.

    Args:
        others: certificates that may be on the path, in any order.
        now: aware; every certificate must be valid then.

    Raises:
        UnauthenticError: there is no such path; it names the certificate where it ends.
    """
    subject = leaf.subject.rfc4514_string()
    if any(anchor.subject == subject and anchor.is_key_of(leaf) for anchor in anchors):
        raise _refusal(leaf, "a certificate below a trust anchor", "the trust anchor's own")
    search = _Search(others, anchors)
    refusals: list[UnauthenticError] = []
    for certificates, anchor in search.paths(leaf):
        try:
            return _checked(certificates, anchor, now)
        except UnauthenticError as e:
            refusals.append(e)
    raise (*refusals, *search.ends)[0]


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
    return _checked((certificate, *path.certificates), path.anchor, now)


def check_revocation(
    path: Path, crls: Iterable[Crl], now: datetime, *, unlisted: Collection[str] = ()
) -> tuple[Revocation, tuple[Crl, ...]]:
    """Look every certificate of *path* up in its issuer's list, where there is one.

    A list reveals a revoked certificate whatever else is wrong with it.  It counts as having looked
    only if it is of the time of verification, lists all of its issuer's certificates, and its
    issuer may make lists.  Of several that count the latest is named.

    Args:
        crls: lists of any issuer; those that another key signed are ignored.
        now: aware.
        unlisted: common names of issuers that publish no list at all (AMD's ASK).

    Returns:
        What was looked up, and the lists that count.

    Raises:
        UnauthenticError: a certificate is revoked; or there are so many lists of an issuer's name
            that they could only be meant to hide one or to take time.
    """
    lists = tuple((issuer_of(crl), crl) for crl in crls)
    unchecked: list[str] = []
    names: list[str] = []
    used: list[Crl] = []
    for certificate, above in zip(path.certificates, (*path.certificates[1:], None), strict=True):
        if common_name(certificate.issuer) in unlisted:
            continue
        key = path.anchor.public_key() if above is None else key_of(above, "issuer")
        named = [crl for issuer, crl in lists if issuer == certificate.issuer]
        _must_be_few(named, certificate)
        issued = [crl for crl in named if is_signed_by(crl, key)]
        for crl in issued:
            must_not_be_revoked(certificate, crl)
        latest_first = sorted(issued, key=lambda crl: crl.last_update_utc, reverse=True)
        reasons = [_why_not(crl, above, now) for crl in latest_first]
        if "" in reasons:
            used.append(latest_first[reasons.index("")])
            names.append(common_name(certificate.issuer))
        else:
            unchecked.append(f"{_issuer_of(certificate)}: {(*reasons, 'no CRL given')[0]}")
    looked_up = Revocation(
        unchecked=tuple(dict.fromkeys(unchecked)), lists=tuple(dict.fromkeys(names))
    )
    return looked_up, tuple(used)


class _Search:
    """Every path from a certificate to a trust anchor; the *ends* of those that lead to none."""

    __slots__ = ("_anchors", "_left", "_pool", "ends")

    def __init__(self, pool: Iterable[Certificate], anchors: Sequence[TrustAnchor]) -> None:
        self._pool = tuple(pool)
        self._anchors = anchors
        self._left = MAX_SIGNATURES
        self.ends: list[UnauthenticError] = []

    def paths(self, leaf: Certificate) -> Iterator[tuple[tuple[Certificate, ...], TrustAnchor]]:
        """Each path up from *leaf* that an anchor's key ends, the shortest first."""
        level: list[tuple[Certificate, ...]] = [(leaf,)]
        while level:
            higher: list[tuple[Certificate, ...]] = []
            for path in level:
                if anchor := self._anchor_of(path[-1]):
                    yield path, anchor
                else:
                    higher += self._continued(path)
            level = higher

    def _continued(self, path: tuple[Certificate, ...]) -> list[tuple[Certificate, ...]]:
        lower = path[-1]
        if len(path) > MAX_DEPTH:
            want = f"at most {MAX_DEPTH} authorities above a leaf"
            self.ends.append(_refusal(lower, want, "another one"))
            return []
        found = (c for c in self._pool if c.subject == lower.issuer and c not in path)
        named = tuple(dict.fromkeys(found))
        longer = [(*path, upper) for upper in named if self._issued(upper, lower)]
        if not longer:
            self.ends.append(self._end(lower, named))
        return longer

    def _anchor_of(self, lower: Certificate) -> TrustAnchor | None:
        """The anchor whose key signed *lower*; keys without a name issue no certificates."""
        issuer = lower.issuer.rfc4514_string()
        named = (anchor for anchor in self._anchors if issuer and anchor.subject == issuer)
        return next((anchor for anchor in named if is_signed_by(lower, anchor.public_key())), None)

    def _issued(self, upper: Certificate, lower: Certificate) -> bool:
        if not self._left:
            return False
        self._left -= 1
        try:
            return is_signed_by(lower, key_of(upper, "issuer"))
        except MalformedError:  # someone else's
            return False

    def _end(self, lower: Certificate, named: Sequence[Certificate]) -> UnauthenticError:
        issuer = _issuer_of(lower)
        if not self._left:
            got = f"{MAX_SIGNATURES} that were tried, and more"
            return _refusal(lower, f"a few certificates that may be {issuer!r}", got)
        if named:
            return _refusal(lower, f"a signature of {issuer}", "a signature of another key")
        if lower.issuer.rfc4514_string() in {anchor.subject for anchor in self._anchors}:
            want = f"a signature of the pinned key of {issuer}"
            return _refusal(lower, want, "a signature of another key")
        wanted = " or ".join(sorted(anchor.name for anchor in self._anchors)) or "a trust anchor"
        want = f"issued by {wanted}, or the issuer's certificate"
        return _refusal(lower, want, f"issuer {issuer!r}")


def _checked(certificates: tuple[Certificate, ...], anchor: TrustAnchor, now: datetime) -> Path:
    """A path whose signatures hold, if the dates and roles of its certificates do, too."""
    _check_dates(certificates, now)
    _check_roles(certificates)
    return Path(
        certificates=certificates,
        anchor=anchor,
        not_before=max(c.not_valid_before_utc for c in certificates),
        not_after=min(c.not_valid_after_utc for c in certificates),
    )


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
        if found.oid == kind.oid and isinstance(found.value, kind):
            return found.value
    return None


def name_of(certificate: Certificate) -> str:
    """What to call a certificate in messages: its common name, or the whole name."""
    return common_name(certificate.subject) or certificate.subject.rfc4514_string()


def _issuer_of(certificate: Certificate) -> str:
    return common_name(certificate.issuer) or certificate.issuer.rfc4514_string()


def link(certificate: Certificate) -> ChainLink:
    """What to tell people about *certificate*."""
    return ChainLink(
        subject=certificate.subject.rfc4514_string(),
        sha256=certificate.fingerprint(hashes.SHA256()),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
    )


def _pinned(anchor: TrustAnchor) -> ChainLink:
    return ChainLink(subject=anchor.subject, sha256=anchor.sha256, not_before=None, not_after=None)


def _must_be_few(lists: Sequence[Crl], certificate: Certificate) -> None:
    if len(lists) > MAX_LISTS:
        want = f"at most {MAX_LISTS} lists of {_issuer_of(certificate)}"
        failure = Failure(name_of(certificate), want=want, got=f"{len(lists)}")
        raise UnauthenticError("revocation", failure)


def must_not_be_revoked(certificate: Certificate, crl: Crl) -> None:
    """Insist that *crl*, a verified list of its issuer of whatever time, lacks *certificate*.

    For one certificate more below a path that ``check_revocation`` looked up.

    Raises:
        UnauthenticError: it is in the list.
    """
    entry = crl.get_revoked_certificate_by_serial_number(serial_number(certificate))
    if entry is not None:
        got = (
            f"revoked by {common_name(certificate.issuer)} on {entry.revocation_date_utc:%Y-%m-%d}"
        )
        hint = "the machine's key is no longer trusted by its vendor: use another machine"
        failure = Failure(name_of(certificate), want="not revoked", got=got, hint=hint)
        raise UnauthenticError("revocation", failure)


def _why_not(crl: Crl, issuer: Certificate | None, now: datetime) -> str:
    """Why *crl* does not count as having looked at *now*; empty if it does.

    A list may be only about some certificates, or about changes to another list, which critical
    extensions say (RFC 5280, section 5.2.4 to 5.2.6); so none may be there.

    Args:
        issuer: its issuer's certificate; None for a pinned key.
    """
    if issuer is not None and not signs_lists(issuer):
        return "its certificate lacks the key usage cRLSign"
    for found in crl.extensions:
        partial = isinstance(found.value, x509.DeltaCRLIndicator | x509.IssuingDistributionPoint)
        if partial or found.critical:
            return f"CRL is not a whole one (extension {found.oid.dotted_string})"
    issued, ends = crl.last_update_utc, crl.next_update_utc
    if ends is None:
        return "CRL has no next update"
    if now < issued:
        return f"CRL is of {issued:%Y-%m-%d}, later than the time of verification"
    if now > ends:
        return f"CRL ended on {ends:%Y-%m-%d}"
    return ""


def _refusal(certificate: Certificate, want: str, got: str) -> UnauthenticError:
    return UnauthenticError(STEP, Failure(name_of(certificate), want=want, got=got))
