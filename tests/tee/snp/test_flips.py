"""One flipped bit: never a wrong accept, wherever it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from enarx.errors import RejectedError
from enarx.tee.anchors import TrustAnchor
from enarx.tee.endorsements import Endorsements
from enarx.tee.snp.evidence import parse
from enarx.tee.snp.roots import AMD_ROOTS
from enarx.tee.snp.trust import load, trust_vek_in
from enarx.tee.snp.vek import load_vek
from enarx.tee.snp.verify import authenticate, authenticate_with
from enarx.wire.text import pem_blocks

if TYPE_CHECKING:
    from tests.tee.snp.conftest import Workshop

RECORDED = {
    "VCEK": "genoa-v5-live", "VLEK": "milan-v3-vlek-aws-coco", "Turin": "oak-turin-oc",
    "version 2": "milan-v2-virtee", "version 3": "milan-v3-aci-ms",
}  # fmt: skip
SIMULATED = ("genoa", "vlek", "turin", "milan2")


@dataclass(frozen=True, slots=True, kw_only=True)
class Good:
    """Evidence that is authentic."""

    raw: bytes
    certificates: tuple[bytes, ...]
    anchors: tuple[TrustAnchor, ...]
    now: datetime


def recorded(folder: Path) -> Good:
    """Recorded evidence and certificates."""
    expected = json.loads((folder / "manifest.json").read_text())["expected"]
    chain = pem_blocks((folder / "ca_chain.pem").read_bytes(), "chain")
    vek = next(folder.glob("v[cl]ek.der")).read_bytes()
    return Good(
        raw=(folder / "report.bin").read_bytes(),
        certificates=(vek, *(der for _, der in chain)),
        anchors=AMD_ROOTS,
        now=datetime.fromisoformat(expected["valid_at"]["suggested"]),
    )


def simulated(workshop: Workshop) -> Good:
    """Evidence and certificates under the development root."""
    return Good(
        raw=workshop.report,
        certificates=workshop.machine.certificates(),
        anchors=workshop.anchors,
        now=workshop.now,
    )


def flips(data: bytes) -> Iterator[bytes]:
    """*data* with one bit changed, for every bit of it."""
    for place, byte in enumerate(data):
        for bit in range(8):
            yield data[:place] + bytes((byte ^ 1 << bit,)) + data[place + 1 :]


def must_refuse_every_flip(good: Good) -> None:
    """Insist that the report is accepted, and not with any other bit."""
    pool = load(Endorsements(certificates=good.certificates))
    vek = load_vek(good.certificates[0], "VEK")
    trusted = trust_vek_in(vek, pool, good.anchors, good.now)
    assert authenticate_with(parse(good.raw), trusted, good.now)
    refused = 0
    for changed in flips(good.raw):
        with pytest.raises(RejectedError):
            authenticate_with(parse(changed), trusted, good.now)
        refused += 1
    assert refused == 1184 * 8


def must_not_believe_a_flip(good: Good) -> None:
    """Insist that a VEK with another bit never proves anything else than the genuine one."""
    vek, *others = good.certificates
    evidence = parse(good.raw)
    bag = Endorsements(certificates=good.certificates)
    honest = authenticate(evidence, bag, good.anchors, good.now)
    tried = 0
    for changed in flips(vek):
        tried += 1
        try:
            bag = Endorsements(certificates=(changed, *others))
            found = authenticate(evidence, bag, good.anchors, good.now)
        except RejectedError:
            continue
        assert found.claims == honest.claims
        assert found.anchor == honest.anchor
    assert tried == len(vek) * 8


@pytest.mark.slow
@pytest.mark.parametrize("name", RECORDED.values(), ids=RECORDED.keys())
def test_every_bit_of_a_recorded_report(shared: Path, name: str) -> None:
    """Every single-bit flip of an accepted report is refused."""
    must_refuse_every_flip(recorded(shared / "vectors/snp" / name))


@pytest.mark.slow
@pytest.mark.parametrize("name", SIMULATED)
def test_every_bit_of_a_simulated_report(request: pytest.FixtureRequest, name: str) -> None:
    """Every single-bit flip of an accepted report is refused."""
    must_refuse_every_flip(simulated(request.getfixturevalue(name)))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["VCEK", "VLEK", "Turin"])
def test_every_bit_of_a_recorded_certificate(shared: Path, kind: str) -> None:
    """No single-bit flip of a VEK's certificate yields other trusted facts."""
    must_not_believe_a_flip(recorded(shared / "vectors/snp" / RECORDED[kind]))


@pytest.mark.slow
@pytest.mark.parametrize("name", SIMULATED)
def test_every_bit_of_a_simulated_certificate(request: pytest.FixtureRequest, name: str) -> None:
    """No single-bit flip of a VEK's certificate yields other trusted facts."""
    must_not_believe_a_flip(simulated(request.getfixturevalue(name)))
