"""Guests of Confidential Containers, as their own sources write what they send."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from tests.fuzz import seeds

from enarx.tee.simulated.snp import SimulatedSnp, SnpGuest
from enarx.tee.simulated.tdx import SimulatedTdx, TdGuest
from enarx.tee.snp.report import AttestationReport, Signature
from enarx.wire.record import unpack

jwe = pytest.importorskip("jwcrypto.jwe", reason="not installed: jwcrypto")
jwk = pytest.importorskip("jwcrypto.jwk", reason="not installed: jwcrypto")

OK = 200
Ask = Callable[..., httpx.Response]

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


class Guest:
    """A guest that asks a key broker, after the protocol's documents; what it sends can be changed.

    It is bound to *init_data* if *measured* is none, else launched with the bytes *measured*.
    """

    def __init__(
        self, ask: Ask, tee: str = "snp", init_data: str = "", measured: bytes | None = None
    ) -> None:
        self._ask, self._tee, self._init_data = ask, tee, init_data
        digest = hashlib.sha256(init_data.encode()).digest() if init_data else b""
        self._measured = digest if measured is None else measured
        self.key = jwk.JWK.generate(kty="EC", crv="P-256")
        self.cookie = self.nonce = ""
        self.hash = "sha384"

    def auth(self, **changes: object) -> httpx.Response:
        """Ask for a challenge."""
        known = ["sha256", "sha384", "sha512", "sm3"]
        body = {
            "version": "0.4.0", "tee": self._tee,
            "extra-params": {"supported-hash-algorithms": known}, **changes,
        }  # fmt: skip
        answer = self._ask("POST", "/kbs/v0/auth", json=body)
        if answer.status_code == OK:
            self.cookie, self.nonce = answer.cookies["kbs-session-id"], answer.json()["nonce"]
            extra = answer.json()["extra-params"]
            self.hash = extra["selected-hash-algorithm"] if extra else "sha384"
        return answer

    def attestation(self, **changes: object) -> dict[str, Any]:
        """The answer to the challenge; *changes* are of the runtime data, after they were bound."""
        public = json.loads(self.key.export_public())
        names = ("kty", "crv", "x", "y")
        tee_pubkey = {"alg": "ECDH-ES+A256KW", **{name: public[name] for name in names}}
        runtime = {"nonce": self.nonce, "tee-pubkey": tee_pubkey}
        bound = {**runtime, "additional-evidence": ""}
        canonical = json.dumps(bound, sort_keys=True, separators=(",", ":")).encode()
        digest = hashlib.new(self.hash, canonical).digest().ljust(64, b"\0")
        evidence = {"primary_evidence": self._evidence(digest), "additional_evidence": ""}
        init_data = {"format": "toml", "body": self._init_data} if self._init_data else None
        return {
            "init-data": init_data, "runtime-data": {**runtime, **changes},
            "tee-evidence": evidence,
        }  # fmt: skip

    def attest(self, body: object = None) -> httpx.Response:
        """Answer the challenge, or send *body*."""
        sent = self.attestation() if body is None else body
        return self._ask("POST", "/kbs/v0/attest", json=sent, headers=self._shown())

    def get(self, name: str, token: str = "") -> httpx.Response:
        """Ask for a resource with the cookie, or with *token*."""
        headers = {"Authorization": f"Bearer {token}"} if token else self._shown()
        return self._ask("GET", f"/kbs/v0/resource/{name}", headers=headers)

    def open(self, sealed: str) -> bytes:
        """What is in a JWE for this guest."""
        opened = jwe.JWE()
        opened.deserialize(sealed, self.key)
        content: bytes = opened.payload
        return content

    def _shown(self) -> dict[str, str]:
        return {"Cookie": f"kbs-session-id={self.cookie}"} if self.cookie else {}

    def _evidence(self, report_data: bytes) -> dict[str, Any]:
        if self._tee == "snp":
            machine = seeds.snp_machine()
            guest = SnpGuest(measurement=bytes(48), host_data=self._measured.ljust(32, b"\0"))
            report = machine.report(guest, report_data=report_data)
            return snp_evidence(report, machine.certificates())
        domain = TdGuest(mr_td=bytes(48), mr_config_id=self._measured.ljust(48, b"\0"))
        quote = SimulatedTdx(machine=seeds.intel()).quote(domain, report_data=report_data)
        return quote_evidence(quote, cc_eventlog=None)
