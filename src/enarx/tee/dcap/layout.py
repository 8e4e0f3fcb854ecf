"""The fixed parts of Intel quotes, as the specifications print them.

Versions 4 and 5 have the same header; version 3 has a reserved field where they have the TEE type,
and the other way round for the two SVNs.  Version 5 says which body follows; in 3 and 4 that
follows from the TEE type.  All integers are little-endian.

Sources: Intel, "SGX ECDSA QuoteLibReference DCAP API", appendix A.4 (version 3); Intel, "TDX DCAP
Quoting Library API", appendices A.3 (version 4) and A.4 (version 5).
"""

from __future__ import annotations

from enarx.wire.record import raw, record, u16, u32, zero

TEE_SGX = 0x00
TEE_TDX = 0x81

ECDSA_P256 = 2
"""The one attestation key type that is in use; 3, ECDSA with P-384, is reserved."""

INTEL_QE_VENDOR_ID = bytes.fromhex("939a7233f79c4ca9940a0db3957f0607")
"""UUID 939a7233-f79c-4ca9-940a-0db3957f0607: the quoting enclave is Intel's."""

ENCLAVE_REPORT_BYTES = 384


def _of_intel(vendor: bytes) -> bytes:
    if vendor != INTEL_QE_VENDOR_ID:
        raise ValueError(f"got {vendor.hex()}, want Intel's, {INTEL_QE_VENDOR_ID.hex()}")
    return vendor


def _p256(att_key_type: int) -> int:
    if att_key_type != ECDSA_P256:
        raise ValueError(f"got {att_key_type}, want {ECDSA_P256} (ECDSA with P-256)")
    return att_key_type


@record(size=48)
class HeaderV3:
    """Quote header of version 3, which is SGX's."""

    version: int = u16(0)
    att_key_type: int = u16(2, _p256)
    reserved: bytes = zero(4, 4)
    qe_svn: int = u16(8)
    pce_svn: int = u16(10)
    vendor_id: bytes = raw(12, 16, _of_intel)
    user_data: bytes = raw(28, 20)


@record(size=48)
class HeaderV4:
    """Quote header of versions 4 and 5."""

    version: int = u16(0)
    att_key_type: int = u16(2, _p256)
    tee_type: int = u32(4)
    reserved: bytes = zero(8, 4)
    vendor_id: bytes = raw(12, 16, _of_intel)
    user_data: bytes = raw(28, 20)


@record(size=6)
class BodyDescriptor:
    """What follows the header in version 5: which body, and its size in bytes."""

    body_type: int = u16(0)
    size: int = u32(2)


@record(size=128)
class QuoteSignature:
    """Signature of header and body, ``r || s``, and its key, ``x || y``; numbers big-endian."""

    signature: bytes = raw(0, 64)
    attestation_key: bytes = raw(64, 64)


@record(size=448)
class QeReport:
    """Report of the quoting enclave, and its signature by the PCK, ``r || s``, big-endian."""

    report: bytes = raw(0, ENCLAVE_REPORT_BYTES)
    signature: bytes = raw(384, 64)


@record(size=6)
class CertificationHead:
    """Type and size, in bytes, of the certification data that follow."""

    type: int = u16(0)
    size: int = u32(2)


@record(size=36)
class PpidClear:
    """Certification data of type 1: the PCK certificate is named, not given."""

    ppid: bytes = raw(0, 16)
    cpu_svn: bytes = raw(16, 16)
    pce_svn: int = u16(32)
    pce_id: bytes = raw(34, 2)


@record(size=34)
class PpidClearShort:
    """The same without PCE-ID, as Intel's sample quote (AttestationApp/sampleData) has it."""

    ppid: bytes = raw(0, 16)
    cpu_svn: bytes = raw(16, 16)
    pce_svn: int = u16(32)


@record(size=276)
class PpidRsa2048:
    """Certification data of type 2: PPID under the provisioning service's RSA-2048 key, OAEP."""

    encrypted_ppid: bytes = raw(0, 256)
    cpu_svn: bytes = raw(256, 16)
    pce_svn: int = u16(272)
    pce_id: bytes = raw(274, 2)


@record(size=404)
class PpidRsa3072:
    """Certification data of type 3: PPID under the provisioning service's RSA-3072 key, OAEP."""

    encrypted_ppid: bytes = raw(0, 384)
    cpu_svn: bytes = raw(384, 16)
    pce_svn: int = u16(400)
    pce_id: bytes = raw(402, 2)
