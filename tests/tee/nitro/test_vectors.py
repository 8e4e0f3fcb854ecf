"""Recorded Nitro documents get their recorded verdicts, under AWS's own key."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest
from cryptography import x509

from enarx.errors import MalformedError, RejectedError, UnauthenticError
from enarx.tee.endorsements import Endorsements
from enarx.tee.nitro.roots import NITRO_ROOT
from enarx.tee.nitro.technology import NITRO

REFUSED = {
    "nitro-neg-fortanix-tampered-cert": MalformedError,
    "nitro-neg-fortanix-tampered-signature": UnauthenticError,
}


def test_every_document_gets_its_verdict(shared: Path) -> None:
    """Each is refused, or authentic with the recorded registers, data and debug mode."""
    count = 0
    for path in sorted((shared / "vectors/nitro").glob("*/document.cbor")):
        manifest = json.loads((path.parent / "manifest.json").read_text())
        want, data = manifest["expected"], path.read_bytes()
        now = datetime.fromisoformat(want.get("valid_at", want["timestamp"]))
        assert NITRO.recognises(data)
        evidence = NITRO.parse(data)
        count += 1
        if refusal := REFUSED.get(manifest["id"]):
            with pytest.raises(refusal):
                NITRO.authenticate(evidence, Endorsements(), (NITRO_ROOT,), now)
            continue
        assert want["verdict"] == "valid"
        claims = NITRO.authenticate(evidence, Endorsements(), (NITRO_ROOT,), now).claims
        assert {str(i): value.hex() for i, value in evidence.pcrs.items()} == want["pcrs"]
        assert claims.debug is want["debug"]
        assert not claims.simulated
        assert claims.instance.decode() == want["module_id"]
        assert claims.report_data.hex() == want["user_data"]
        assert (evidence.nonce.hex(), evidence.public_key.hex()) == (
            want["nonce"],
            want["public_key"],
        )
        assert int(evidence.created.timestamp() * 1000) == want["timestamp_ms"]
    print(f"{count} recorded Nitro documents")  # noqa: T201 - the count is asked for
    assert count >= 8


def test_the_pinned_key_is_the_recorded_roots(shared: Path) -> None:
    """The anchor is the name and key of the recorded certificate."""
    recorded = (shared / "vectors/nitro/aws-nitro-root.der").read_bytes()
    assert NITRO_ROOT.is_key_of(x509.load_der_x509_certificate(recorded))


@pytest.mark.slow
def test_no_bit_of_a_recorded_document_can_change(shared: Path) -> None:
    """Every flip of a recorded document is refused."""
    folder = shared / "vectors/nitro/veracruz"
    whole = (folder / "document.cbor").read_bytes()
    want = json.loads((folder / "manifest.json").read_text())["expected"]
    now = datetime.fromisoformat(want["valid_at"])
    for bit in range(8 * len(whole)):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(RejectedError):
            NITRO.authenticate(NITRO.parse(bytes(flipped)), Endorsements(), (NITRO_ROOT,), now)
