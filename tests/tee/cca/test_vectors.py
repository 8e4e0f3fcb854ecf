"""Recorded CCA tokens get their recorded verdicts, with their platforms' keys as anchors."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from enarx.errors import RejectedError, UnauthenticError
from enarx.tee.anchors import TrustAnchor
from enarx.tee.cca.roots import platform_key
from enarx.tee.cca.technology import CCA
from enarx.tee.endorsements import Endorsements
from enarx.wire.text import pem_blocks

NOW = datetime(2026, 6, 1, tzinfo=UTC)
TOKENS = {"cca-tf-rmm": "cca_token.cbor", "cca-veraison-e2e": "cca-evidence.cbor"}


def anchor(folder: Path) -> TrustAnchor:
    """The recorded key of the platform, from a PEM file or a CoMID."""
    if (folder / "cca_platform.pub").exists():
        pem = (folder / "cca_platform.pub").read_bytes()
    else:
        triples = json.loads((folder / "comid-cca-ta.json").read_text())["triples"]
        (key,) = triples["attester-verification-keys"][0]["verification-keys"]
        pem = key["value"].encode()
    ((_, spki),) = pem_blocks(pem, "key")
    return platform_key(spki, name=folder.name)


def test_every_token_gets_its_verdict(shared: Path) -> None:
    """Each is authentic with its platform's key, and with no other."""
    paths = sorted((shared / "vectors/cca").glob("*/manifest.json"))
    anchors = [anchor(path.parent) for path in paths]
    for path, own in zip(paths, anchors, strict=True):
        manifest = json.loads(path.read_text())
        data = (path.parent / TOKENS[manifest["id"]]).read_bytes()
        want = manifest["expected"]
        evidence = CCA.parse(data)
        assert CCA.recognises(data)
        claims = CCA.authenticate(evidence, Endorsements(), (own,), NOW).claims
        assert claims.measurements["rim"].hex() == want["rim"]
        assert claims.report_data.hex() == want["realm_challenge"]
        assert claims.fields["cca.platform.profile"] == want["platform_profile"]
        assert not claims.debug
        others = tuple(a for a in anchors if a != own)
        for wrong in ((), others):
            with pytest.raises(UnauthenticError, match="platform token signature"):
                CCA.authenticate(evidence, Endorsements(), wrong, NOW)
    print(f"{len(paths)} recorded CCA tokens")  # noqa: T201 - the count is asked for
    assert len(paths) >= 2


@pytest.mark.slow
def test_no_bit_of_a_recorded_token_can_change(shared: Path) -> None:
    """Every flip of a recorded token is refused."""
    folder = shared / "vectors/cca/tf-rmm"
    anchors = (anchor(folder),)
    whole = (folder / "cca_token.cbor").read_bytes()
    for bit in range(8 * len(whole)):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(RejectedError):
            CCA.authenticate(CCA.parse(bytes(flipped)), Endorsements(), anchors, NOW)
