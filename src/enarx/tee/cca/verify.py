"""Proves that a platform whose key the caller believes vouches for a realm.

Steps:

1. The platform token's signature, by the key of one of the given anchors (CPAK).
2. The platform token's challenge is the hash of the realm's key (RAK), as its claim holds it.
3. The realm token's signature, by that key.

Not decided here: whether the platform's firmware and the realm's measurements are the wanted ones,
and whether the challenge is fresh.

Source: Arm DEN0137 1.0-rel0 and 2.0, section A7.2; draft-ffm-rats-cca-token-03.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import serialization

from enarx.errors import Failure, UnauthenticError
from enarx.tee.anchors import TrustAnchor, of_vendor
from enarx.tee.cca.platform import SECURED
from enarx.tee.claims import Authentic, ChainLink, Claims, Revocation, Tcb

if TYPE_CHECKING:
    from datetime import datetime

    from enarx.tee.cca.token import CcaEvidence
    from enarx.tee.endorsements import Endorsements

UNCHECKED = "the platform's key (CPAK): there are no revocation lists for such keys"
_HASHES = {"sha-256": hashlib.sha256, "sha-384": hashlib.sha384, "sha-512": hashlib.sha512}


def authenticate(
    evidence: CcaEvidence,
    _: Endorsements,
    anchors: tuple[TrustAnchor, ...],
    now: datetime,
) -> Authentic:
    """The claims of both tokens, proven.

    The caller must still check the measurements and the challenge (``report_data``).

    Args:
        anchors: keys of platforms; ``roots.platform_key`` makes one.
        now: noted in the result; the tokens say nothing about time.

    Raises:
        UnauthenticError: a step fails.
    """
    anchor = _platform(evidence, of_vendor(anchors, "arm"))
    _check_binding(evidence)
    if not evidence.realm_message.is_signed_by(evidence.realm.key):
        want, got = "made by the realm's key (RAK)", "a signature of another key or payload"
        raise UnauthenticError("realm token signature", Failure("signature", want=want, got=got))
    return Authentic(
        claims=_claims(evidence, anchor),
        evidence=evidence.raw,
        chain=(_realm_key(evidence), _link(anchor)),
        anchor=anchor.name,
        collateral_issued=None,
        not_after=None,
        verified_at=now,
    )


def _platform(evidence: CcaEvidence, trusted: tuple[TrustAnchor, ...]) -> TrustAnchor:
    """The anchor whose key signed the platform token."""
    for anchor in trusted:
        if evidence.platform_message.is_signed_by(anchor.public_key()):
            return anchor
    names = " or ".join(sorted(anchor.name for anchor in trusted[:3]))
    failure = Failure(
        "signature",
        want=f"made by {names}" if names else "made by a platform's key (CPAK) that you trust",
        got="a signature of another key or payload" if names else "no such key given",
        hint="Arm has no common root: give the public key that the machine's maker publishes",
    )
    raise UnauthenticError("platform token signature", failure)


def _check_binding(evidence: CcaEvidence) -> None:
    realm = evidence.realm
    want = _HASHES[realm.public_key_hash_algo_id](realm.public_key).digest()
    got = evidence.platform.challenge
    if want != got:
        failure = Failure("cca.platform.challenge", want=want.hex(), got=got.hex())
        raise UnauthenticError("binding of the realm's key to the platform", failure)


def _claims(evidence: CcaEvidence, anchor: TrustAnchor) -> Claims:
    platform, realm = evidence.platform, evidence.realm
    debug = platform.state != SECURED
    registers = {f"rem_{i}": value for i, value in enumerate(realm.extensible_measurements)}
    return Claims(
        platform="cca",
        simulated=anchor.simulated,
        measurements={"rim": realm.initial_measurement, **registers},
        report_data=realm.challenge,
        debug=debug,
        migratable=None,
        smt=None,
        instance=platform.instance_id,
        tcb=Tcb(components={}),
        revocation=Revocation(unchecked=(UNCHECKED,)),
        fields={**evidence.fields(), "cca.debug": debug},
    )


def _realm_key(evidence: CcaEvidence) -> ChainLink:
    spki = evidence.realm.key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    digest = hashlib.sha256(spki).digest()
    return ChainLink(subject="realm key (RAK)", sha256=digest, not_before=None, not_after=None)


def _link(anchor: TrustAnchor) -> ChainLink:
    return ChainLink(subject=anchor.name, sha256=anchor.sha256, not_before=None, not_after=None)
