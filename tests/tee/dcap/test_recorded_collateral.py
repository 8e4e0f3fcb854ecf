"""All that Intel signed and somebody recorded is read, and verifies; nothing else does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from enarx.errors import MalformedError
from enarx.tee.dcap.collateral import QeIdentity, TcbInfo, parse_qe_identity, parse_tcb_info
from enarx.tee.dcap.p256 import has_signed
from enarx.tee.dcap.roots import INTEL_SGX_ROOT
from enarx.tee.x509 import (
    PublicKey,
    is_signed_by,
    issuer_of,
    key_of,
    load_certificate,
    load_crl,
)
from enarx.wire.text import pem_blocks

NOT_COLLATERAL = {"manifest.json", "catalogue.json"}


@pytest.fixture(scope="session")
def signers(shared: Path) -> tuple[PublicKey, ...]:
    """The keys of the recorded signers, each certified by Intel's root."""
    found = []
    for path in sorted((shared / "vectors/roots").glob("intel-sgx-tcb-signing-*.pem")):
        ((_, der),) = pem_blocks(path.read_bytes(), path.name)
        certificate = load_certificate(der, path.name)
        assert is_signed_by(certificate, INTEL_SGX_ROOT.public_key())
        found.append(key_of(certificate, path.name))
    assert len(found) == 3
    return tuple(found)


@pytest.fixture(scope="session")
def authorities(shared: Path) -> dict[str, PublicKey]:
    """The keys under which lists stand, by the issuer's whole name."""
    keys = {INTEL_SGX_ROOT.subject: INTEL_SGX_ROOT.public_key()}
    for path in (shared / "vectors/roots").glob("intel-intel-sgx-pck-*.pem"):
        ((_, der),) = pem_blocks(path.read_bytes(), path.name)
        certificate = load_certificate(der, path.name)
        assert is_signed_by(certificate, INTEL_SGX_ROOT.public_key())
        keys[certificate.subject.rfc4514_string()] = key_of(certificate, path.name)
    assert len(keys) == 3
    return keys


def collateral(folder: Path) -> Iterator[tuple[str, bytes]]:
    """The JSON documents in *folder*."""
    for path in sorted(folder.rglob("*.json")):
        if path.name not in NOT_COLLATERAL:
            yield path.name, path.read_bytes()


def parsed(data: bytes) -> TcbInfo | QeIdentity:
    """*data* as what it says that it is."""
    return parse_tcb_info(data) if b"tcbInfo" in data else parse_qe_identity(data)


def is_signed(item: TcbInfo | QeIdentity, signers: tuple[PublicKey, ...]) -> bool:
    """Whether one of Intel's signers signed it."""
    return any(has_signed(key, item.body, item.signature) for key in signers)


def test_all_recorded_collateral_verifies(
    shared: Path, signers: tuple[PublicKey, ...], authorities: dict[str, PublicKey]
) -> None:
    """Traps: versions 2 and 3, all four enclaves, FMSPC in either case; lists of six years."""
    folder = shared / "vectors/collateral-store"
    catalogue = {one["file"]: one for one in json.loads((folder / "catalogue.json").read_text())}
    count = 0
    for name, data in collateral(folder):
        item = parsed(data)
        assert is_signed(item, signers), name
        assert item.body in data
        assert item.issued < item.next_update
        recorded = catalogue[name]
        assert f"{item.issued:%Y-%m-%dT%H:%M:%SZ}" == recorded["issue"]
        count += 1
    for path in sorted(folder.glob("*.der")):
        crl = load_crl(path.read_bytes(), path.name)
        assert is_signed_by(crl, authorities[issuer_of(crl).rfc4514_string()]), path.name
        assert len(crl) == catalogue[path.name]["revoked"]
        count += 1
    print(f"{count} recorded items of collateral")  # noqa: T201 - the count is asked for
    assert count >= 127


def test_recorded_collateral_of_the_other_kind_is_malformed(shared: Path) -> None:
    """A TCB info is no QE identity, and the other way round."""
    for _, data in collateral(shared / "vectors/collateral-store"):
        other = parse_qe_identity if b'"tcbInfo"' in data else parse_tcb_info
        with pytest.raises(MalformedError):
            other(data)


GOOD = "qe3_identity.json"
"""The genuine twin of a corrupt one."""


def test_all_bad_collateral_is_refused(shared: Path, signers: tuple[PublicKey, ...]) -> None:
    """Edited, corrupt, of switched-off versions, of wrong types: by its shape or its signature."""
    refused = {"shape": 0, "signature": 0}
    for name, data in collateral(shared / "vectors/negative-collateral"):
        try:
            item = parsed(data)
        except MalformedError:
            refused["shape"] += 1
            continue
        assert is_signed(item, signers) is (name == GOOD), name
        refused["signature"] += name != GOOD
    print(f"refused: {refused}")  # noqa: T201 - the count is asked for
    assert sum(refused.values()) >= 60
    assert refused["signature"] >= 7
