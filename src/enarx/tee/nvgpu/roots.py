"""NVIDIA's trust anchor for the identities of GPUs and switches.

Subject O=NVIDIA, CN=NVIDIA Device Identity CA; P-384; the certificate of 2021-11-05 has the SHA-256
102bf659d5419614c9d8e6aecebc80454eb26b1df6a769ac720b9a690b167b48.

Source: NVIDIA, nvtrust, verifier_device_root.pem (local_gpu_verifier and nv_attestation_sdk), and
confidential-containers/trustee, nvidia_device_root.pem: the same certificate.
"""

from __future__ import annotations

from enarx.tee.anchors import TrustAnchor

NVIDIA_DEVICE_IDENTITY = TrustAnchor(
    vendor="nvidia",
    name="NVIDIA Device Identity CA",
    subject="O=NVIDIA,CN=NVIDIA Device Identity CA",
    spki=bytes.fromhex(
        "3076301006072a8648ce3d020106052b81040022036200040e4c14a33bf8a5626658db4129607e4cbf4519c441"
        "2716f4d0d917c4978005bdeabeaefd57bc66082d718a4f8b6052e1516ee8a7c422b84de857071bb58fd395bea0"
        "cfa1c63ee7c80d6bd63901d91cbbd187d3857dc16b5cceaf238ff8c27dbd"
    ),
)

ANCHORS: tuple[TrustAnchor, ...] = (NVIDIA_DEVICE_IDENTITY,)
