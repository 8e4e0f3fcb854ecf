"""Bundles of machines that do not exist: simulated hardware, and a vTPM of the tests."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from enarx.tee.anchors import TrustAnchor
from enarx.tee.simulated.snp import SimulatedSnp, SnpGuest
from enarx.tee.simulated.tdx import SimulatedTdx, TdGuest

NONCE = b"n" * 48
PCRS = tuple(bytes((i,)) * 32 for i in range(24))
ALL = b"\xff\xff\xff"
KEY = rsa.generate_private_key(65_537, 2048)


def number(value: int) -> str:
    """A number as a JWK holds it."""
    octets = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


def jwk(**change: object) -> dict[str, object]:
    """The vTPM's key; a change to ``...`` leaves a member out."""
    numbers = KEY.public_key().public_numbers()
    whole = {
        "kid": "HCLAkPub",
        "key_ops": ["sign"],
        "kty": "RSA",
        "e": number(numbers.e),
        "n": number(numbers.n),
        **change,
    }
    return {name: value for name, value in whole.items() if value is not ...}


@dataclass(frozen=True, kw_only=True)
class Maker:
    """Runtime data, HCL reports, quotes and bundles; every part can be made wrong."""

    machine: SimulatedSnp
    tdx: SimulatedTdx
    anchors: tuple[TrustAnchor, ...]
    now: datetime
    nonce: bytes = NONCE
    pcrs: tuple[bytes, ...] = PCRS
    number = staticmethod(number)
    jwk = staticmethod(jwk)
    key: rsa.RSAPrivateKey = field(default_factory=lambda: KEY)

    def runtime(self, **change: object) -> bytes:
        """Runtime data in JSON; a change to ``...`` leaves a member out."""
        whole = {
            "keys": [jwk(), jwk(kid="HCLEkPub", key_ops=["encrypt"])],
            "vm-configuration": {"secure-boot": True, "vmUniqueId": "01", "current-time": 1},
            "user-data": (NONCE.ljust(64, b"\0")).hex().upper(),
            **{name.replace("_", "-"): value for name, value in change.items()},
        }
        told = {name: value for name, value in whole.items() if value is not ...}
        return json.dumps(told).encode()

    def snp_report(self, runtime: bytes, *, vmpl: int = 0, report_data: bytes = b"") -> bytes:
        """A signed SNP report over the hash of *runtime*."""
        digest = report_data or hashlib.sha256(runtime).digest()
        guest = SnpGuest(measurement=b"\x0e" * 48)
        return self.machine.report(guest, report_data=digest.ljust(64, b"\0"), vmpl=vmpl)

    def td_report(self, report_data: bytes) -> bytes:
        """TDREPORT_STRUCT, of which only the report data are read."""
        return bytes(128) + report_data + bytes(832)

    def td_quote(self, report_data: bytes) -> bytes:
        """A quote of a trust domain."""
        return self.tdx.quote(TdGuest(mr_td=b"\x0f" * 48), report_data=report_data)

    def tdx_bundle(self, **change: object) -> dict[str, object]:
        """A bundle of version 1 with a TDX quote."""
        runtime = self.runtime()
        report_data = hashlib.sha256(runtime).digest().ljust(64, b"\0")
        report = self.hcl(self.td_report(report_data), runtime, kind=4, version=2)
        whole = {
            "version": 1,
            "tpm_quote": self.quote(self.message()),
            "hcl_report": self.url(report),
            "td_quote": self.url(self.td_quote(report_data) + bytes(70)),
            **change,
        }
        return {name: value for name, value in whole.items() if value is not ...}

    def hcl(self, hardware: bytes, runtime: bytes, **change: object) -> bytes:
        """An HCL report, filled with zeros like the vTPM's index."""
        size = change.get("variable_size", len(runtime))
        data_size = change.get("data_size", 20 + len(runtime))
        report_size = change.get("report_size", 32 + 1184 + 20 + len(runtime))
        header = (change.get("version", 1), report_size, change.get("request", 2))
        head = (data_size, change.get("head_version", 1), change.get("kind", 2))
        return (
            change.get("magic", b"HCLA")
            + b"".join(n.to_bytes(4, "little") for n in header)
            + change.get("status", bytes(16))
            + hardware.ljust(1184, b"\0")
            + b"".join(n.to_bytes(4, "little") for n in (*head, change.get("hash", 1), size))
            + runtime
            + change.get("filling", bytes(100))
        )

    def message(self, **change: object) -> bytes:
        """TPMS_ATTEST of a quote, big-endian."""
        nonce = change.get("nonce", NONCE)
        pcrs = change.get("pcrs", PCRS)
        digest = change.get("digest", hashlib.sha256(b"".join(pcrs)).digest())
        select = change.get("select", ALL)
        return (
            change.get("magic", b"\xff\x54\x43\x47\x80\x18")
            + b"\x00\x22\x00\x0b"
            + b"\x0c" * 32
            + len(nonce).to_bytes(2, "big")
            + nonce
            + (7).to_bytes(8, "big")
            + bytes(8)
            + change.get("safe", b"\x01")
            + (9).to_bytes(8, "big")
            + change.get("banks", b"\0\0\0\x01\0\x0b")
            + len(select).to_bytes(1, "big")
            + select
            + len(digest).to_bytes(2, "big")
            + digest
        )

    def sign(self, message: bytes) -> bytes:
        """The vTPM's signature."""
        return KEY.sign(message, padding.PKCS1v15(), hashes.SHA256())

    def bundle(self, **change: object) -> dict[str, object]:
        """A bundle of version 1; a change to ``...`` leaves a member out."""
        runtime = self.runtime()
        message = self.message()
        whole = {
            "version": 1,
            "tpm_quote": {
                "signature": self.sign(message).hex(),
                "message": message.hex(),
                "pcrs": [pcr.hex() for pcr in PCRS],
            },
            "hcl_report": self.url(self.hcl(self.snp_report(runtime), runtime)),
            "vcek": self.url(self.machine.certificates()[0]),
            **change,
        }
        return {name: value for name, value in whole.items() if value is not ...}

    def first(self, **change: object) -> dict[str, object]:
        """The same as version 0, in arrays of numbers."""
        told = self.bundle()
        quote = told["tpm_quote"]
        pem = base64.encodebytes(self.machine.certificates()[0]).decode()
        whole = {
            "quote": {
                "message": list(bytes.fromhex(quote["message"])),
                "pcrs": [list(pcr) for pcr in PCRS],
                "signature": list(bytes.fromhex(quote["signature"])),
            },
            "report": list(base64.urlsafe_b64decode(told["hcl_report"])),
            "vcek": f"-----BEGIN CERTIFICATE-----\n{pem}-----END CERTIFICATE-----\n",
            **change,
        }
        return {name: value for name, value in whole.items() if value is not ...}

    def quote(self, message: bytes, **change: object) -> dict[str, object]:
        """The quote's part of a bundle, signed."""
        pcrs = change.pop("pcrs", PCRS)
        return {
            "signature": self.sign(message).hex(),
            "message": message.hex(),
            "pcrs": [pcr.hex() for pcr in pcrs],
            **change,
        }

    def url(self, data: bytes) -> str:
        """base64url as Trustee writes it, with padding."""
        return base64.urlsafe_b64encode(data).decode()

    def data(self, told: dict[str, object]) -> bytes:
        """The bundle's JSON."""
        return json.dumps(told).encode()


@pytest.fixture(scope="session")
def make(
    simulated_snp: SimulatedSnp,
    simulated_tdx: SimulatedTdx,
    simulated_anchors: tuple[TrustAnchor, ...],
    simulated_now: datetime,
) -> Maker:
    """Makes bundles of machines that do not exist."""
    return Maker(
        machine=simulated_snp, tdx=simulated_tdx, anchors=simulated_anchors, now=simulated_now
    )
