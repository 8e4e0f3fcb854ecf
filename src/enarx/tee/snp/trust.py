"""From pinned AMD root keys down to the key that signs reports: ARK, ASK or ASVK, VEK.

Each step is a value that holds what was verified and how long that holds, so that a caller who
verifies many reports repeats none of it: an ASK serves every chip of a product, a VEK every report
of a chip.  Nothing is remembered here.

Source: AMD 57230 rev. 1.00, sections 3 (profiles) and 4 (chains, revocation lists).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from cryptography.x509.oid import SignatureAlgorithmOID

from enarx.errors import Failure, RejectedError, UnauthenticError
from enarx.tee.anchors import TrustAnchor, of_vendor
from enarx.tee.chain import STEP as CHAIN
from enarx.tee.chain import Path, check_revocation, extend, find_path, name_of
from enarx.tee.claims import ChainLink
from enarx.tee.snp.products import PRODUCTS, Product
from enarx.tee.x509 import Certificate, Crl, common_name, usable_certificates, usable_crls

if TYPE_CHECKING:
    from datetime import datetime

    from enarx.tee.claims import Revocation
    from enarx.tee.endorsements import Endorsements
    from enarx.tee.snp.vek import Signer, Vek

MAX_AUTHORITIES = 16
"""Of the same name that are tried for one VEK; AMD has had two of a product."""

_ROOTS: dict[str, Product] = {f"ARK-{product}": product for product in PRODUCTS}
_AUTHORITIES: dict[str, tuple[Product, Signer]] = {
    **{f"SEV-{product}": (product, "vcek") for product in PRODUCTS},
    **{f"SEV-VLEK-{product}": (product, "vlek") for product in PRODUCTS},
}
_VEK_NAMES: dict[Signer, str] = {"vcek": "SEV-VCEK", "vlek": "SEV-VLEK"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Loaded endorsements, still unverified."""

    certificates: tuple[Certificate, ...]
    crls: tuple[Crl, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedAsk:
    """An ASK (it issues VCEKs) or ASVK (VLEKs), verified up to a pinned ARK.

    Args:
        path: its certificate, and the anchor that signed it.
        chain: what to tell people about that.
        product: whose keys it may issue.
        signer: which of them.
        revocation: whether it was looked up.
        crls: the current lists that were used for that.
    """

    path: Path
    chain: tuple[ChainLink, ...]
    product: Product
    signer: Signer
    revocation: Revocation
    crls: tuple[Crl, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedVek:
    """A VCEK or VLEK, verified up to a pinned ARK.

    Args:
        vek: what its certificate says.
        anchor: the root that vouches for it.
        chain: what to tell people, leaf first.
        revocation: whether the authority above was looked up; VEKs themselves have no list.
        collateral_issued: when the oldest list that was used was made; None without any.
        not_before: since when, and
        not_after: until when all of this holds; then it must be verified anew.
    """

    vek: Vek
    anchor: TrustAnchor
    chain: tuple[ChainLink, ...]
    revocation: Revocation
    collateral_issued: datetime | None
    not_before: datetime
    not_after: datetime


def load(endorsements: Endorsements) -> Pool:
    """The certificates and lists among *endorsements*; what is neither is someone else's."""
    return Pool(
        certificates=tuple(usable_certificates(endorsements.certificates)),
        crls=tuple(usable_crls(endorsements.crls)),
    )


def trust_ask(
    certificate: Certificate, pool: Pool, anchors: tuple[TrustAnchor, ...], now: datetime
) -> TrustedAsk:
    """Verify *certificate* as an ASK or ASVK.

    Args:
        pool: may hold the ARK's certificate and its revocation lists.
        now: aware; everything must be valid then.

    Raises:
        UnauthenticError: no AMD root among *anchors* signed it as one, or it is revoked.
    """
    path = find_path(certificate, pool.certificates, of_vendor(anchors, "amd"), now)
    if len(path.certificates) != 1:
        _refuse(certificate, want="signed by an ARK itself", got=f"signed by {_above(path)}")
    _must_be_pss(certificate)
    product, signer = _authority(certificate, path.anchor)
    revocation, used = check_revocation(path, pool.crls, now)
    return TrustedAsk(
        path=path,
        chain=path.links(),
        product=product,
        signer=signer,
        revocation=revocation,
        crls=used,
    )


def trust_vek(vek: Vek, ask: TrustedAsk, now: datetime) -> TrustedVek:
    """Verify that *ask* issued *vek*.

    Raises:
        UnauthenticError: it did not, it may not, or a date is wrong.
    """
    path = extend(ask.path, vek.certificate, now)
    _must_be_pss(vek.certificate)
    _must_be_of(vek, ask)
    lists = [c.last_update_utc for c in ask.crls]
    ends = [c.next_update_utc for c in ask.crls if c.next_update_utc is not None]
    return TrustedVek(
        vek=vek,
        anchor=path.anchor,
        chain=(_link(vek), *ask.chain),
        revocation=ask.revocation,
        collateral_issued=min(lists, default=None),
        not_before=max((path.not_before, *lists)),
        not_after=min((path.not_after, *ends)),
    )


def trust_vek_in(
    vek: Vek, pool: Pool, anchors: tuple[TrustAnchor, ...], now: datetime
) -> TrustedVek:
    """Verify *vek* with an ASK or ASVK out of *pool*.

    Raises:
        UnauthenticError: none of those with the issuer's name leads to an AMD root among *anchors*.
        MalformedError: the first of those has no usable key.
    """
    issuer = vek.certificate.issuer
    named = [c for c in pool.certificates if c.subject == issuer][:MAX_AUTHORITIES]
    refusals: list[RejectedError] = []
    for certificate in named:
        try:
            return trust_vek(vek, trust_ask(certificate, pool, anchors, now), now)
        except RejectedError as e:  # a stranger with the authority's name must not be in the way
            refusals.append(e)
    if refusals:
        raise refusals[0]
    name = common_name(issuer) or issuer.rfc4514_string()
    hint = "AMD serves it with the root as cert_chain: enarx endorsements fetch, or a bundle"
    failure = Failure(name_of(vek.certificate), want=f"the certificate of {name}", got="none")
    raise UnauthenticError(CHAIN, failure, hints=(hint,))


def _link(vek: Vek) -> ChainLink:
    return ChainLink(
        subject=vek.subject,
        sha256=vek.sha256,
        not_before=vek.certificate.not_valid_before_utc,
        not_after=vek.certificate.not_valid_after_utc,
    )


def _authority(certificate: Certificate, anchor: TrustAnchor) -> tuple[Product, Signer]:
    """For which product and kind of key it issues: by its name, which its root must fit."""
    root, name = map(anchor.vendors_name, (anchor.name, common_name(certificate.subject)))
    found = _AUTHORITIES.get(name)
    if found is None or found[0] != _ROOTS.get(root):
        product = _ROOTS.get(root, "a product")
        _refuse(certificate, want=f"SEV-{product} or SEV-VLEK-{product}", got=repr(name))
    return found


def _must_be_of(vek: Vek, ask: TrustedAsk) -> None:
    """Insist that the authority is for this product and kind of key, and the name for the kind."""
    name = ask.path.anchor.vendors_name(common_name(vek.certificate.subject))
    pairs = (
        ("vek.signer", ask.signer, vek.signer),
        ("vek.product_name", ask.product, vek.product),
        ("vek.subject", _VEK_NAMES[vek.signer], name),
    )
    failures = [
        Failure(f"snp.{claim}", want=f"{want} as issued by {name_of(ask.path.leaf)}", got=got)
        for claim, want, got in pairs
        if want != got
    ]
    if failures:
        raise UnauthenticError(CHAIN, *failures)


def _must_be_pss(certificate: Certificate) -> None:
    oid = certificate.signature_algorithm_oid
    if oid != SignatureAlgorithmOID.RSASSA_PSS:
        _refuse(certificate, want="a signature by RSASSA-PSS", got=oid.dotted_string)


def _above(path: Path) -> str:
    return name_of(path.certificates[1])


def _refuse(certificate: Certificate, *, want: str, got: str) -> NoReturn:
    raise UnauthenticError(CHAIN, Failure(name_of(certificate), want=want, got=got))
