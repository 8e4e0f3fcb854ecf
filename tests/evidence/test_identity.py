"""A keep's certificate: evidence beside the claims that name its key and its workload."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from enarx.errors import MalformedError, UnauthenticError
from enarx.evidence import cmw, extensions, identity, media
from enarx.evidence.binding import check_binding
from enarx.evidence.container import open_container
from enarx.evidence.opened import Opened
from enarx.protocol import claims as protocol
from enarx.protocol.claims import UNASKED, ChannelClaims, IdentityClaims, beside
from enarx.tee.endorsements import Endorsements
from enarx.tee.technology import Technology
from enarx.wire import cbor, der

Technologies = tuple[Technology, ...]
Pki = Any
"""Made in conftest.py."""

WORKLOAD = "sha256:" + "ab" * 32


def certificate(pki: Pki, claims: bytes, evidence: bytes, form: cmw.Form = "cbor") -> bytes:
    """A certificate of the first key with *claims* beside *evidence*."""
    wrapped = beside(claims, cmw.wrap(evidence, "snp", Endorsements(crls=(b"l",)), form))
    data: bytes = pki.certificate(pki.key, [(extensions.CMW, der.encode(wrapped))])
    return data


def proof(claims: bytes) -> bytes:
    """Report data that is bound to *claims*."""
    return hashlib.sha512(claims).digest()


@pytest.mark.parametrize("form", ["cbor", "json"])
def test_the_claims_name_key_and_workload(
    evidence: dict[str, bytes], technologies: Technologies, pki: Pki, form: cmw.Form
) -> None:
    """Whatever the host's wrapper is spelled in; endorsements come along."""
    claims = IdentityClaims(UNASKED, pki.spki(pki.key), WORKLOAD).encode()
    opened = open_container(certificate(pki, claims, evidence["snp"], form), "c", technologies)
    assert opened.evidence == evidence["snp"]
    assert opened.endorsements == Endorsements(crls=(b"l",))
    assert opened.claims == claims
    check_binding(opened, pki.claims(proof(claims)))
    assert identity.workload_of(opened.claims) == WORKLOAD
    for wrong in (hashlib.sha512(pki.spki(pki.key)).digest(), proof(claims + b" ")):
        with pytest.raises(UnauthenticError, match="key binding"):
            check_binding(opened, pki.claims(wrong))


def test_claims_of_another_key_are_refused(
    evidence: dict[str, bytes], technologies: Technologies, pki: Pki
) -> None:
    """Attack: a keep's evidence and claims in a certificate of somebody else's key."""
    claims = IdentityClaims(UNASKED, pki.spki(pki.other_key), WORKLOAD).encode()
    opened = open_container(certificate(pki, claims, evidence["snp"]), "c", technologies)
    with pytest.raises(UnauthenticError) as refused:
        check_binding(opened, pki.claims(proof(claims)))
    assert [failure.claim for failure in refused.value.failures] == ["claims.spki"]


def test_evidence_for_another_purpose_is_refused(
    evidence: dict[str, bytes], technologies: Technologies, pki: Pki
) -> None:
    """Attack: evidence over a connection, passed off as evidence for a name."""
    claims = ChannelClaims(UNASKED, pki.spki(pki.key), bytes(32), WORKLOAD).encode()
    opened = open_container(certificate(pki, claims, evidence["snp"]), "c", technologies)
    with pytest.raises(UnauthenticError) as refused:
        check_binding(opened, pki.claims(proof(claims)))
    assert [failure.claim for failure in refused.value.failures] == ["claims.purpose"]
    assert identity.workload_of(claims) == ""


def test_claims_without_a_certificate_bind_all_the_same(
    evidence: dict[str, bytes], technologies: Technologies, pki: Pki
) -> None:
    """A wrapper with claims is believed only if its evidence is bound to them."""
    claims = IdentityClaims(UNASKED, b"key", "").encode()
    data = beside(claims, cmw.wrap(evidence["snp"], "snp", Endorsements(), "cbor"))
    opened: Opened = open_container(data, "file", technologies)
    check_binding(opened, pki.claims(proof(claims)))
    with pytest.raises(UnauthenticError, match="key binding"):
        check_binding(opened, pki.claims(bytes(64)))
    assert identity.workload_of(claims) == ""


@pytest.mark.parametrize(
    ("claims", "want"),
    [
        ((b"{}",), "missing"),
        ((b"not json",), "JSON"),
        ((b'{ "profile":"x"}',), "canonical"),
        ((b'{"profile":"x"}',), "profile"),
        ((b"",), "claims without a byte"),
        ((b"{}", b"{}"), "claims twice"),
    ],
)
def test_what_are_no_claims_is_refused(
    claims: tuple[bytes, ...],
    want: str,
    evidence: dict[str, bytes],
    technologies: Technologies,
    pki: Pki,
) -> None:
    """Nothing is taken for claims by guessing."""
    items: dict[str, object] = {f"claims-{n}": (media.CLAIMS, c) for n, c in enumerate(claims)}
    wrapped = cbor.encode({**items, "evidence": (media.OURS + "snp", evidence["snp"])})
    data = pki.certificate(pki.key, [(extensions.CMW, der.encode(wrapped))])
    with pytest.raises(MalformedError, match=want):
        open_container(data, "c", technologies)


def test_a_workload_is_read_from_such_claims_only() -> None:
    """Of anything else there is none."""
    assert identity.workload_of(b"") == ""
    assert identity.workload_of(IdentityClaims(UNASKED, b"key", WORKLOAD).encode()) == WORKLOAD


def test_writer_and_reader_agree_on_names() -> None:
    """What the keep writes is what is understood here."""
    claims = IdentityClaims(UNASKED, b"key", "").encode()
    assert protocol.MEDIA_TYPE == media.CLAIMS
    assert identity.binding(claims, b"key", "c").failures == ()
