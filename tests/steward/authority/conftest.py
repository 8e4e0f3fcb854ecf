"""Authorities in directories of their own, and keeps that want certificates from them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.pki.openssl import verify

from enarx.pki.issue import Leaf
from enarx.steward.authority.authority import Authority
from enarx.steward.authority.making import initialise
from enarx.steward.authority.opener import Opener, make_passphrase, opener_from_files

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


@pytest.fixture
def openssl(tmp_path: Path) -> Callable[..., str]:
    """``tests.pki.openssl.verify`` in a folder of the test."""
    return partial(verify, tmp_path)
