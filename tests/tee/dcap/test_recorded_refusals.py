"""Recorded quotes and collateral with a fault are refused, at the step where the fault is."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from enarx.errors import MalformedError, RejectedError, UnauthenticError
from enarx.tee.dcap.roots import ANCHORS
from enarx.tee.endorsements import Endorsements
from enarx.tee.sgx.technology import SGX
from enarx.wire.text import pem_blocks

if TYPE_CHECKING:
    from tests.tee.dcap.conftest import Recorded


def at(text: str) -> datetime:
    """An instant of a manifest."""
    return datetime.fromisoformat(text)


def test_tampered_recordings_are_refused(recorded: tuple[Recorded, ...]) -> None:
    """Recorded quotes whose signature is broken."""
    count = 0
    for one in recorded:
        if one.folder.name.startswith("neg-"):
            evidence = one.technology.parse(one.quote)
            for now in ("2022-01-01T00Z", "2024-01-01T00Z"):
                with pytest.raises(RejectedError):
                    one.technology.authenticate(evidence, Endorsements(), ANCHORS, at(now))
            count += 1
    assert count >= 2


def by_name(recorded: tuple[Recorded, ...], name: str) -> Recorded:
    """The recorded quote *name*."""
    return next(one for one in recorded if one.folder.name == name)


STEPS = {
    "tdx-mrtd-bitflip.bin": "quote signature",
    "tdx-debug-bit-set.bin": "quote signature",
    "tdx-attkey-bitflip.bin": "attestation key binding",
    "tdx-qe-report-bitflip.bin": "QE report signature",
    "tdx-qe-auth-bitflip.bin": "attestation key binding",
    "sgx-mrenclave-bitflip.bin": "quote signature",
}
"""At which step each mutation is found; the others are malformed."""


def test_derived_negatives_are_refused(shared: Path, recorded: tuple[Recorded, ...]) -> None:
    """Each single fault is found where it is, with everything else right."""
    folder = shared / "vectors/derived-negatives"
    items = json.loads((folder / "manifest.json").read_text())["expected"]["items"]
    count = 0
    for item in items:
        if not item["file"].startswith(("tdx-", "sgx-")):
            continue
        one = by_name(recorded, item["derived_from"].partition("/")[2])
        want = one.evaluations[0]
        given, now = one.endorsements(want["collateral"]), at(want["valid_at"])
        raw = (folder / item["file"]).read_bytes()
        if step := STEPS.get(item["file"]):
            with pytest.raises(UnauthenticError) as refused:
                one.technology.authenticate(one.technology.parse(raw), given, ANCHORS, now)
            assert refused.value.step == step
        else:
            with pytest.raises(MalformedError):
                one.technology.parse(raw)
        count += 1
    assert count >= 11


def test_swapped_collateral_is_refused(recorded: tuple[Recorded, ...]) -> None:
    """Collateral of another model, or of the other technology, does not count."""
    quote = by_name(recorded, "tdx-v4-phala-sample")
    want = quote.evaluations[0]
    now, given = at(want["valid_at"]), quote.endorsements(want["collateral"])
    other = by_name(recorded, "tdx-v4-oasis").endorsements("collateral-1")
    evidence = quote.technology.parse(quote.quote)
    swapped = replace(given, tcb_infos=other.tcb_infos)
    with pytest.raises(UnauthenticError, match="TCB info"):
        quote.technology.authenticate(evidence, swapped, ANCHORS, now)
    enclave = by_name(recorded, "sgx-phala-sample")
    want = enclave.evaluations[0]
    given = enclave.endorsements(want["collateral"])
    evidence = SGX.parse(enclave.quote)
    for changes in ({"tcb_infos": other.tcb_infos}, {"qe_identities": other.qe_identities}):
        with pytest.raises(UnauthenticError, match="endorsements"):
            SGX.authenticate(evidence, replace(given, **changes), ANCHORS, at(want["valid_at"]))


def test_collateral_without_its_signers_certificate_is_refused(
    shared: Path, recorded: tuple[Recorded, ...]
) -> None:
    """Genuine certificates of PCK's authority in place of the one that signs collateral."""
    wrong = (shared / "vectors/negative-collateral/oasis_certs_bad.pem").read_bytes()
    certificates = tuple(der for _, der in pem_blocks(wrong, "chain"))
    enclave = by_name(recorded, "sgx-phala-sample")
    want = enclave.evaluations[0]
    given = replace(enclave.endorsements(want["collateral"]), certificates=certificates)
    with pytest.raises(UnauthenticError, match="TCB info") as refused:
        SGX.authenticate(SGX.parse(enclave.quote), given, ANCHORS, at(want["valid_at"]))
    assert refused.value.step == "endorsements"
