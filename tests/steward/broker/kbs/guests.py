"""Guests of Confidential Containers, as their own sources write what they send."""

from __future__ import annotations

import base64
from typing import Any

from tests.fuzz import seeds

from enarx.tee.simulated.snp import SimulatedSnp
from enarx.tee.snp.report import AttestationReport, Signature
from enarx.wire.record import unpack

TURIN = SimulatedSnp(root=seeds.root(), issued=seeds.NOW, product="Turin")
_ARRAYS = (
    "family_id", "image_id", "report_data", "measurement", "host_data", "id_key_digest",
    "author_key_digest", "report_id", "report_id_ma", "chip_id",
)  # fmt: skip


def snp_evidence(data: bytes, certificates: tuple[bytes, ...] | None) -> dict[str, Any]:
    """A report as ``serde`` writes virtee/sev's structure, with VCEK, ASK and ARK."""
    report, signature = unpack(AttestationReport, data[:0x2A0]), unpack(Signature, data[0x2A0:])
    v5, turin = report.version == 5, report.cpuid_fam_id == 0x1A
    shown: dict[str, Any] = {name: list(getattr(report, name)) for name in _ARRAYS}
    for name in ("current_tcb", "reported_tcb", "committed_tcb", "launch_tcb"):
        raw = getattr(report, name)
        places = (0, 1, 2, 3, 7) if turin else (None, 0, 1, 6, 7)
        names = ("fmc", "bootloader", "tee", "snp", "microcode")
        pairs = zip(names, places, strict=True)
        shown[name] = {key: None if at is None else raw[at] for key, at in pairs}
    for name in ("current", "committed"):
        parts = ("major", "minor", "build")
        shown[name] = {part: getattr(report, f"{name}_{part}") for part in parts}
    shown |= {
        "version": report.version, "guest_svn": report.guest_svn, "policy": int(report.policy),
        "vmpl": report.vmpl, "sig_algo": report.signature_algo,
        "plat_info": int(report.platform_info), "key_info": int(report.signer_info),
        "cpuid_fam_id": report.cpuid_fam_id, "cpuid_mod_id": report.cpuid_mod_id,
        "cpuid_step": report.cpuid_step,
        "launch_mit_vector": report.launch_mit_vector if v5 else None,
        "current_mit_vector": report.current_mit_vector if v5 else None,
        "signature": {
            "r": list(signature.r + bytes(24)), "s": list(signature.s + bytes(24)),
        },
    }  # fmt: skip
    kinds = ("VCEK", "ASK", "ARK")
    chain = certificates and [
        {"cert_type": kind, "data": list(der)}
        for kind, der in zip(kinds, certificates, strict=True)
    ]
    return {"attestation_report": shown, "cert_chain": chain}


def quote_evidence(quote: bytes, **more: object) -> dict[str, Any]:
    """A quote, as the attesters for TDX and SGX send it."""
    return {"quote": base64.b64encode(quote).decode(), **more}
