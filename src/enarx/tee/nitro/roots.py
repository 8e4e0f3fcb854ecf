"""AWS's trust anchor for Nitro Enclaves and NitroTPM, commercial partitions.

Subject CN=aws.nitro-enclaves, OU=AWS, O=Amazon, C=US; P-384; the certificate of 2019-10-28 has the
SHA-256 641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b.

Source: AWS, Nitro Enclaves user guide, "Verifying the root of trust", which gives this fingerprint
(https://docs.aws.amazon.com/enclaves/latest/user/verify-root.html).  The partitions aws-us-gov and
aws-cn have roots of their own, which are not pinned.
"""

from __future__ import annotations

from enarx.tee.anchors import TrustAnchor

NITRO_ROOT = TrustAnchor(
    vendor="aws",
    name="aws.nitro-enclaves",
    subject="CN=aws.nitro-enclaves,OU=AWS,O=Amazon,C=US",
    spki=bytes.fromhex(
        "3076301006072a8648ce3d020106052b8104002203620004fc0254eba608c1f36870e29ada90be46383292736e"
        "894bfff672d989444b5051e534a4b1f6dbe3c0bc581a32b7b176070ede12d69a3fea211b66e752cf7dd1dd095f"
        "6f1370f4170843d9dc100121e4cf63012809664487c9796284304dc53ff4"
    ),
)

ANCHORS: tuple[TrustAnchor, ...] = (NITRO_ROOT,)
