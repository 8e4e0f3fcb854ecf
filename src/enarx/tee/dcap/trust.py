"""Collateral, verified: what Intel says about a platform model, as a value that can be reused.

All platforms of one model whose PCK certificates one authority issued are judged by the same TCB
info, QE identity, authority and lists; so these are verified once, for many quotes, and nothing is
remembered here.  Whatever fits is taken out of a bag of endorsements by content, and of several
items that are current and signed the one with the highest evaluation number.

Source: Intel's quote verification library, commit d12717e: PckCertVerifier.cpp,
TCBSigningChain.cpp, TCBInfoVerifier.cpp, EnclaveIdentityVerifier.cpp.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from cryptography.hazmat.primitives.serialization import Encoding

from enarx.errors import Failure, UnauthenticError
from enarx.tee.anchors import of_vendor
from enarx.tee.chain import STEP as CHAIN
from enarx.tee.chain import Path, check_revocation, find_path, name_of
from enarx.tee.claims import Revocation
from enarx.tee.dcap.bag import QE_NAMES
from enarx.tee.dcap.p256 import has_signed
from enarx.tee.dcap.pck import pck_identity
from enarx.tee.x509 import common_name, is_signed_by, issuer_of, key_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from enarx.tee.anchors import TrustAnchor
    from enarx.tee.claims import ChainLink
    from enarx.tee.dcap.bag import Bag
    from enarx.tee.dcap.collateral import QeIdentity, TcbInfo
    from enarx.tee.dcap.pck import PckIdentity
    from enarx.tee.dcap.quote import Tee
    from enarx.tee.x509 import Certificate, Crl

    D = TypeVar("D", TcbInfo, QeIdentity)

STEP = "endorsements"

PCK_NAME = "Intel SGX PCK Certificate"
SIGNER_NAME = "Intel SGX TCB Signing"
AUTHORITY_NAMES = ("Intel SGX PCK Platform CA", "Intel SGX PCK Processor CA")

SECOND = "%Y-%m-%dT%H:%M:%SZ"
_HINT = "Intel's service and its caches have it: enarx endorsements fetch, or a bundle"
_MAX_SHOWN = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedCollateral:
    """Everything about a platform model that the verification of a quote needs, verified.

    Args:
        pck: the PCK certificate with which it was verified; other platforms' serve as well.
        authority: the path of the certificate that issues PCK certificates.
        chain: what to tell people about that path.
        known: certificates that quotes carry beside their PCK certificate, DER.
        lists: the authority's revocation lists, of any time.
        revocation: what was looked up.
        issued: when the oldest of the dated items was issued.
        not_before: since when, and
        not_after: until when all of this holds; then it must be verified anew.
    """

    tee: Tee
    pck: Certificate
    authority: Path
    chain: tuple[ChainLink, ...]
    known: frozenset[bytes]
    lists: tuple[Crl, ...]
    info: TcbInfo
    identity: QeIdentity
    revocation: Revocation
    issued: datetime
    not_before: datetime
    not_after: datetime

    @property
    def evaluation_number(self) -> int:
        """The smaller of the two."""
        return min(self.info.evaluation_number, self.identity.evaluation_number)

    @property
    def anchor(self) -> TrustAnchor:
        """The root that vouches for it."""
        return self.authority.anchor


def trust_collateral(
    pck: Certificate, bag: Bag, anchors: tuple[TrustAnchor, ...], now: datetime, *, tee: Tee
) -> TrustedCollateral:
    """Verify what *bag* holds for platforms like that of the certificate *pck*.

    Args:
        pck: of any platform of the model, by the same authority; it is verified too.
        now: aware; everything must be valid then.

    Raises:
        UnauthenticError: no path to one of *anchors*, a revoked certificate, or collateral that is
            missing, not current or not signed; all that is.
        MalformedError: *pck* is not a PCK certificate.
    """
    platform = pck_identity(pck, "PCK certificate")
    path = find_path(pck, bag.certificates, of_vendor(anchors, "intel"), now)
    must_be_pck_path(path)
    revocation, lists = check_revocation(path, bag.crls, now)
    info, identity, signers = _collateral(bag, platform, tee, path.anchor, now)
    for signer in signers:
        more, others = check_revocation(signer, bag.crls, now)
        revocation, lists = _both(revocation, more), (*lists, *others)
    authority = find_path(path.certificates[1], (), (path.anchor,), now)
    paths = (authority, *signers)
    issued = (info.issued, identity.issued, *(crl.last_update_utc for crl in lists))
    ends = (crl.next_update_utc for crl in lists if crl.next_update_utc is not None)
    return TrustedCollateral(
        tee=tee,
        pck=pck,
        authority=authority,
        chain=authority.links(),
        known=frozenset(_known(bag.certificates, authority)),
        lists=tuple(_lists_of(authority.leaf, bag.crls)),
        info=info,
        identity=identity,
        revocation=revocation,
        issued=min(issued),
        not_before=max(*issued, *(path.not_before for path in paths)),
        not_after=min(
            info.next_update, identity.next_update, *ends, *(path.not_after for path in paths)
        ),
    )


def must_be_pck_path(path: Path) -> None:
    """Insist that *path* is from a PCK certificate over a PCK authority to the root.

    Raises:
        UnauthenticError: another length, or another role by its name.
    """
    names = tuple(path.anchor.vendors_name(name_of(c)) for c in path.certificates)
    if len(names) != len(_ROLES):
        want = f"{PCK_NAME}, a PCK CA and the root"
        raise UnauthenticError(CHAIN, Failure("PCK chain", want=want, got=", ".join(names)))
    failures = [
        Failure(claim, want=" or ".join(wanted), got=repr(name))
        for name, (claim, wanted) in zip(names, _ROLES, strict=True)
        if name not in wanted
    ]
    if failures:
        raise UnauthenticError(CHAIN, *failures)


_ROLES = (("PCK certificate", (PCK_NAME,)), ("PCK authority", AUTHORITY_NAMES))


def _collateral(
    bag: Bag, platform: PckIdentity, tee: Tee, anchor: TrustAnchor, now: datetime
) -> tuple[TcbInfo, QeIdentity, tuple[Path, ...]]:
    """The best TCB info and QE identity, and the paths of their signers."""
    signers = _Signers(bag, anchor, now)
    model = f"of {tee.upper()} {platform.fmspc.hex()} (PCE-ID {platform.pce_id.hex()})"
    info = signers.best(bag.infos_of(platform, tee), "TCB info", model)
    identity = signers.best(bag.identities_of(tee), "QE identity", f"of {QE_NAMES[tee]}")
    if info is None or identity is None:
        raise UnauthenticError(STEP, *signers.failures)
    used = (info[1],) if info[1].leaf == identity[1].leaf else (info[1], identity[1])
    return info[0], identity[0], used


class _Signers:
    """Who may sign collateral, and what is wrong with items that none of them makes usable."""

    __slots__ = ("_damaged", "_now", "_paths", "_refusals", "failures")

    def __init__(self, bag: Bag, anchor: TrustAnchor, now: datetime) -> None:
        self._now, self._damaged = now, bag.damaged
        self._paths: list[Path] = []
        self._refusals: list[str] = []
        self.failures: list[Failure] = []
        for certificate in bag.certificates:
            if anchor.vendors_name(common_name(certificate.subject)) == SIGNER_NAME:
                self._add(certificate, anchor)

    def best(self, items: Sequence[D], claim: str, which: str) -> tuple[D, Path] | None:
        """The item with the highest evaluation number that is current and signed, and by whom.

        None, and a failure, if there is none.
        """
        reasons: list[str] = []
        for item in sorted(items, key=lambda it: (it.evaluation_number, it.issued), reverse=True):
            if not item.issued <= self._now <= item.next_update:
                reasons.append(f"one of {item.issued:{SECOND}} to {item.next_update:{SECOND}}")
            elif signer := self._signer_of(item):
                return item, signer
            else:
                reasons.append(self._unsigned())
        got = "; ".join(dict.fromkeys((*reasons, *self._damaged))) or "none"
        want = f"one {which}, valid at {self._now:{SECOND}}"
        self.failures.append(Failure(claim, want=want, got=_shortened(got), hint=_HINT))
        return None

    def _add(self, certificate: Certificate, anchor: TrustAnchor) -> None:
        try:
            path = find_path(certificate, (), (anchor,), self._now)
        except UnauthenticError as e:
            self._refusals.append(str(e))
        else:
            self._paths.append(path)

    def _signer_of(self, item: TcbInfo | QeIdentity) -> Path | None:
        for path in self._paths:
            if has_signed(key_of(path.leaf, SIGNER_NAME), item.body, item.signature):
                return path
        return None

    def _unsigned(self) -> str:
        if self._paths:
            return f"one that no {SIGNER_NAME} signed"
        why = f" ({self._refusals[0]})" if self._refusals else ""
        return f"one without a valid certificate of {SIGNER_NAME}{why}"


def _both(one: Revocation, other: Revocation) -> Revocation:
    return Revocation(
        unchecked=tuple(dict.fromkeys((*one.unchecked, *other.unchecked))),
        lists=tuple(dict.fromkeys((*one.lists, *other.lists))),
    )


def _known(certificates: Iterable[Certificate], authority: Path) -> Iterable[bytes]:
    for certificate in certificates:
        if certificate == authority.leaf or authority.anchor.is_key_of(certificate):
            yield certificate.public_bytes(Encoding.DER)


def _lists_of(authority: Certificate, crls: Iterable[Crl]) -> Iterable[Crl]:
    key = key_of(authority, name_of(authority))
    return (c for c in crls if issuer_of(c) == authority.subject and is_signed_by(c, key))


def _shortened(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN else f"{text[: _MAX_SHOWN - 3]}..."
