"""The ways of other tools into a Steward: each is certified for its key, and for no other."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from tests.steward.attest.conftest import Steward
from tests.steward.keeps import Keep, Platform

from enarx import attestation
from enarx.evidence import cmw
from enarx.evidence.extensions import ATTESTATION, CMW, DICE
from enarx.protocol.claims import IdentityClaims, beside, report_data
from enarx.steward.attest.service import NonceError
from enarx.tee.endorsements import Endorsements
from enarx.wire import cbor, der

SHA256, SHA384, SHA512 = 1, 7, 8
"""Numbers of the registry of named information."""

HASHES = {SHA256: "sha256", SHA384: "sha384", SHA512: "sha512"}


@dataclass(frozen=True)
class Shown:
    """What a request shows of a machine: a bare piece of evidence, and what endorses it."""

    evidence: bytes
    endorsements: Endorsements


def shown(keep: Keep, data: bytes) -> Shown:
    """Evidence of the keep's machine, bound to *data*."""
    parsed = attestation.parse(keep.quote(data.ljust(64, b"\0")), "quote")
    return Shown(parsed.opened.evidence, parsed.endorsements)


def object_identifier(dotted: str) -> bytes:
    """The DER of *dotted*."""
    return der.encode(x509.ObjectIdentifier(dotted))


def bare(keep: Keep, form: cmw.Form) -> tuple[bytes, Endorsements]:
    """A wrapper with its endorsements, bound to the digest of the key."""
    found = shown(keep, hashlib.sha512(keep.spki).digest())
    return cmw.wrap(found.evidence, keep.platform, found.endorsements, form), Endorsements()


def tagged(keep: Keep, number: int = SHA256) -> tuple[bytes, Endorsements]:
    """Tagged evidence: a quote of claims that name the digest of the key."""
    name = cbor.encode((number, hashlib.new(HASHES[number], keep.spki).digest()))
    claims = cbor.encode({"pubkey-hash": name})
    found = shown(keep, hashlib.sha256(claims).digest())
    return cbor.encode(cbor.Tag(60000, (found.evidence, claims))), found.endorsements


def statement(oid: str, value: bytes) -> bytes:
    """An attestation bundle with one statement."""
    return der.sequence(der.sequence(der.sequence(object_identifier(oid), value)))


Way = tuple[str, bytes, Endorsements]
"""An identifier, its value, and endorsements that the Steward finds by itself."""


def cmw_cbor(keep: Keep) -> Way:
    """id-pe-cmw, a wrapper in CBOR."""
    data, found = bare(keep, "cbor")
    return CMW, der.encode(data), found


def cmw_json(keep: Keep) -> Way:
    """id-pe-cmw, a wrapper in JSON."""
    data, found = bare(keep, "json")
    return CMW, der.encode(data.decode()), found


def dice(keep: Keep) -> Way:
    """The extension of DICE, tagged evidence."""
    data, found = tagged(keep)
    return DICE, data, found


def dice_sequence(keep: Keep) -> Way:
    """The same in the ASN.1 of TCG, with another digest."""
    data, found = tagged(keep, SHA384)
    return DICE, der.sequence(der.encode(data)), found


def bundle(keep: Keep) -> Way:
    """id-aa-attestation, a wrapper in it."""
    data, found = bare(keep, "cbor")
    return ATTESTATION, statement(CMW, der.encode(data)), found


def bundle_dice(keep: Keep) -> Way:
    """id-aa-attestation, tagged evidence in it."""
    data, found = tagged(keep, SHA512)
    return ATTESTATION, statement(DICE, der.sequence(der.encode(data))), found


Make = Callable[[Keep], Way]
WAYS: tuple[tuple[Make, Platform], ...] = (
    (cmw_cbor, "snp"), (cmw_cbor, "tdx"), (cmw_json, "snp"), (cmw_json, "sgx"),
    (dice, "tdx"), (dice, "sgx"), (dice_sequence, "tdx"), (dice_sequence, "sgx"),
    (bundle, "snp"), (bundle, "sgx"), (bundle_dice, "tdx"), (bundle_dice, "sgx"),
)  # fmt: skip
EVERY_WAY = pytest.mark.parametrize(
    ("way", "platform"), WAYS, ids=[f"{way.__name__}-{platform}" for way, platform in WAYS]
)


def request_with(keep: Keep, oid: str, value: bytes) -> bytes:
    """A request for the keep's key: a bundle is an attribute, the rest are extensions."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    extension = x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), value)
    if oid != ATTESTATION:
        builder = builder.add_extension(extension, critical=False)
        return builder.sign(keep.key, hashes.SHA256()).public_bytes(Encoding.DER)
    attribute = der.sequence(object_identifier(oid), b"\x31" + der.sequence(value)[1:])
    attributes = b"\xa0" + der.sequence(attribute)[1:]
    info = der.sequence(der.encode(0), der.sequence(), keep.spki, attributes)
    signature = keep.key.sign(info, ec.ECDSA(hashes.SHA256()))
    algorithm = der.sequence(object_identifier("1.2.840.10045.4.3.2"))
    return der.sequence(info, algorithm, b"\x03" + der.sequence(b"\0" + signature)[1:])


@pytest.fixture
def open_steward(steward: Steward, policy: str) -> Steward:
    """A Steward that certifies whoever cannot say which workload it is."""
    steward.change_policy(policy.replace("require_workload = true", "require_workload = false"))
    return steward


def knows(steward: Steward, endorsements: Endorsements) -> None:
    """Let the Steward find *endorsements* where vendors have theirs."""
    means = steward.service.means
    steward.service.means = replace(means, endorse=lambda _parsed, _now: endorsements)


@EVERY_WAY
def test_bound_evidence_is_certified(open_steward: Steward, way: Make, platform: Platform) -> None:
    """The certificate is for the key of the request; its name says the platform, no workload."""
    keep = Keep(platform=platform)
    oid, value, endorsements = way(keep)
    knows(open_steward, endorsements)
    answer = open_steward.service.certify_unasked(request_with(keep, oid, value))
    assert answer.decision.failures == ()
    issued = x509.load_der_x509_certificate(answer.chain[0])
    assert issued.public_key() == keep.key.public_key()
    names = issued.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    assert uris == [f"spiffe://enarx.local/platform/{platform}"]
    assert answer.decision.applicant.workload_digest == ""


@EVERY_WAY
def test_another_keys_evidence_is_refused(
    open_steward: Steward, way: Make, platform: Platform
) -> None:
    """Attack: genuine evidence of somebody else in a request that the thief's own key signed."""
    oid, value, endorsements = way(Keep(platform=platform))
    knows(open_steward, endorsements)
    thief = Keep(platform=platform)
    answer = open_steward.service.certify_unasked(request_with(thief, oid, value))
    assert answer.chain == ()
    assert answer.result == ""
    (failure,) = answer.decision.failures
    assert failure.claim in {"key binding: report_data", "key binding: pubkey-hash"}


@pytest.mark.parametrize("way", [dice, dice_sequence, bundle_dice])
def test_claims_of_the_thief(open_steward: Steward, way: Make) -> None:
    """Attack: claims that name the thief's key, beside a quote that was made of other claims."""
    victim, thief = Keep(platform="tdx"), Keep(platform="tdx")
    name = cbor.encode((SHA256, hashlib.sha256(thief.spki).digest()))
    claims = cbor.encode({"pubkey-hash": name})
    found = shown(victim, hashlib.sha256(victim.spki).digest())
    data = cbor.encode(cbor.Tag(60000, (found.evidence, claims)))
    knows(open_steward, found.endorsements)
    oid, value = {
        dice: (DICE, data),
        dice_sequence: (DICE, der.sequence(der.encode(data))),
        bundle_dice: (ATTESTATION, statement(DICE, der.sequence(der.encode(data)))),
    }[way]
    answer = open_steward.service.certify_unasked(request_with(thief, oid, value))
    assert [one.claim for one in answer.decision.failures] == ["key binding: report_data"]


def test_a_nonce_counts_in_every_way(steward: Steward) -> None:
    """Identity claims in a bundle are those of a wrapper: workload and nonce, once."""
    keep = Keep()
    claims = IdentityClaims(steward.nonce(), keep.spki, keep.workload).encode()
    wrapped = beside(claims, keep.quote(report_data(claims)))
    data = request_with(keep, ATTESTATION, statement(CMW, der.encode(wrapped)))
    answer = steward.service.certify(data)
    assert answer.decision.failures == ()
    assert answer.decision.applicant.workload_digest == keep.workload
    with pytest.raises(NonceError, match="used before"):
        steward.service.certify_unasked(data)
