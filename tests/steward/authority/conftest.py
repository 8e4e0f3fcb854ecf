"""Authorities in directories of their own, and keeps that want certificates from them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from enarx.pki.issue import Leaf
from enarx.steward.authority.authority import Authority
from enarx.steward.authority.making import initialise
from enarx.steward.authority.opener import Opener, make_passphrase, opener_from_files
from enarx.wire.text import to_pem

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def now() -> datetime:
    """The instant of a test: today, since openssl compares with the clock."""
    return NOW


@pytest.fixture
def state(tmp_path: Path) -> str:
    """An empty private directory, with a passphrase."""
    path = tmp_path / "steward"
    path.mkdir(mode=0o700)
    make_passphrase(str(path))
    return str(path)


@pytest.fixture
def opener(state: str) -> Opener:
    """What opens an authority in ``state``."""
    return opener_from_files(state)


@pytest.fixture
def authority(state: str, opener: Opener, now: datetime) -> Authority:
    """An authority of the default kind."""
    return initialise(state, opener, now=now)


@pytest.fixture
def leaf(now: datetime) -> Leaf:
    """What a keep wants for twelve hours."""
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    return Leaf(
        spki=key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        serial=0x1234,
        not_before=now - timedelta(minutes=5),
        not_after=now + timedelta(hours=12),
        spiffe_id="spiffe://enarx.local/workload/shop",
        dns_names=("shop.example.org",),
        addresses=("127.0.0.1",),
        workload_digest="sha256:" + "ab" * 32,
    )


Verify = Callable[..., str]


@pytest.fixture
def openssl(tmp_path: Path) -> Verify:
    """``openssl verify``: what it says about a certificate, below which anchors."""

    def verify(
        certificate: bytes,
        anchors: tuple[bytes, ...],
        between: tuple[bytes, ...] = (),
        *options: str,
        crls: tuple[bytes, ...] = (),
    ) -> str:
        files = {
            "anchors": [("CERTIFICATE", der) for der in anchors]
            + [("X509 CRL", der) for der in crls],
            "between": [("CERTIFICATE", der) for der in between],
            "leaf": [("CERTIFICATE", certificate)],
        }
        for name, blocks in files.items():
            (tmp_path / name).write_bytes(b"".join(to_pem(label, der) for label, der in blocks))
        untrusted = ["-untrusted", "between"] if between else []
        done = subprocess.run(
            ["openssl", "verify", "-x509_strict", "-no-CApath", "-no-CAstore",
             "-CAfile", "anchors", *untrusted, *options, "leaf"],
            cwd=tmp_path, capture_output=True, text=True, check=False, env=dict(os.environ),
        )  # fmt: skip
        return (done.stdout + done.stderr).strip()

    return verify
