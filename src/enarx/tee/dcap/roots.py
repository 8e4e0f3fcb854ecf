"""Intel's trust anchor: the key of the SGX Root CA, under which SGX and TDX evidence stands.

Intel published two editions of its certificate, of 2018 (to 2033) and of 2019 (to 2049), with the
same name and key; so the key is pinned.

Source: https://certificates.trustedservices.intel.com/Intel_SGX_Provisioning_Certification_RootCA.cer
(SHA-256 44a0196b2b99f889b8e149e95b807a350e7424964399e885a7cbb8ccfab674d3).  The same key is pinned
by Intel's quote verification service (its tests, ``rootCaPublicKey``), by Open Enclave
(``g_expected_root_certificate_key``) and by Automata's dcap-rs (``INTEL_ROOT_CA_PEM``).
Fingerprint of the key (SHA-256 of its SubjectPublicKeyInfo):
a0af031289f5d5d4132f9186068a7fc13628633ba235777472e29b6b6c67a49e.
"""

from __future__ import annotations

from enarx.tee.anchors import TrustAnchor

INTEL_SGX_ROOT = TrustAnchor(
    vendor="intel",
    name="Intel SGX Root CA",
    spki=bytes.fromhex(
        "3059301306072a8648ce3d020106082a8648ce3d03010703420004"
        "0ba9c4c0c0c86193a3fe23d6b02cda10a8bbd4e88e48b4458561a36e705525f5"
        "67918e2edc88e40d860bd0cc4ee26aacc988e505a953558c453f6b0904ae7394"
    ),
    subject="C=US,ST=CA,L=Santa Clara,O=Intel Corporation,CN=Intel SGX Root CA",
)

ANCHORS: tuple[TrustAnchor, ...] = (INTEL_SGX_ROOT,)
