"""Trust anchors of Arm CCA: none of a vendor, only keys of platforms that the caller believes.

Arm has no authority above its licensees' machines: whoever makes a machine publishes the public
part of its CCA Platform Attestation Key (CPAK), for example in a CoRIM.

Sources: Arm DEN0096 (CCA security model) 1.0; draft-ydb-rats-cca-endorsements-03.
"""

from __future__ import annotations

from enarx.tee.anchors import TrustAnchor


def platform_key(spki: bytes, *, name: str) -> TrustAnchor:
    """An anchor for one platform.

    Args:
        spki: SubjectPublicKeyInfo of its CPAK, DER.
        name: what to call it in results.

    Raises:
        MalformedError: *spki* is not a public key.
    """
    anchor = TrustAnchor(vendor="arm", name=name, spki=spki, subject="")
    anchor.public_key()
    return anchor
