"""Simulated evidence never passes for real: no set of vendors' anchors believes any of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain, combinations, product

import pytest

from enarx.errors import UnauthenticError
from enarx.tee.anchors import TrustAnchor
from enarx.tee.endorsements import Endorsements
from enarx.tee.sgx.technology import SGX
from enarx.tee.simulated.sgx import Enclave, SimulatedSgx
from enarx.tee.simulated.snp import SimulatedSnp, SnpGuest
from enarx.tee.simulated.tdx import SimulatedTdx, TdGuest
from enarx.tee.snp.products import PRODUCTS
from enarx.tee.snp.technology import SNP
from enarx.tee.tdx.technology import TDX
from enarx.tee.technologies import TECHNOLOGIES, VENDOR_ANCHORS
from enarx.tee.technology import Technology

DATA = b"d" * 64


@dataclass(frozen=True, kw_only=True)
class Made:
    """Evidence of one kind, with everything that belongs to it."""

    technology: Technology
    raw: bytes
    endorsements: Endorsements


def snp_kinds(machine: SimulatedSnp) -> Iterator[Made]:
    """A report of each product and signer, alone and with its certificate table."""
    for name, signer in product(PRODUCTS, ("vcek", "vlek")):
        one = replace(machine, product=name, signer=signer)
        raw = one.report(SnpGuest(measurement=b"m" * 48), report_data=DATA)
        yield Made(technology=SNP, raw=raw, endorsements=one.endorsements())
        table = raw + one.certificate_table()
        yield Made(technology=SNP, raw=table, endorsements=Endorsements(crls=(one.crl(),)))


@pytest.fixture(scope="session")
def kinds(
    simulated_snp: SimulatedSnp, simulated_tdx: SimulatedTdx, simulated_sgx: SimulatedSgx
) -> tuple[Made, ...]:
    """Evidence of every kind that can be made."""
    guest = TdGuest(mr_td=b"m" * 48)
    tdx = (
        Made(
            technology=TDX,
            raw=machine.quote(guest, report_data=DATA),
            endorsements=machine.endorsements(),
        )
        for machine in (simulated_tdx, replace(simulated_tdx, version=5))
    )
    enclave = simulated_sgx.quote(Enclave(mr_enclave=b"e" * 32), report_data=DATA)
    sgx = Made(technology=SGX, raw=enclave, endorsements=simulated_sgx.endorsements())
    return (*snp_kinds(simulated_snp), *tdx, sgx)


def believed(made: Made, anchors: tuple[TrustAnchor, ...], now: datetime) -> bool:
    """Whether the claims of *made* are authentic with *anchors*, and then never unmarked."""
    evidence = made.technology.parse(made.raw)
    try:
        found = made.technology.authenticate(evidence, made.endorsements, anchors, now)
    except UnauthenticError:
        return False
    assert found.claims.simulated
    assert "SIMULATED" in found.anchor
    return True


def test_every_kind_is_recognised_by_its_technology_alone(kinds: tuple[Made, ...]) -> None:
    """The formats are the real ones: nothing else recognises them, and there is no other way in."""
    for made in kinds:
        found = [technology for technology in TECHNOLOGIES if technology.recognises(made.raw)]
        assert found == [made.technology]


def test_no_set_of_vendors_anchors_believes_any(
    kinds: tuple[Made, ...], simulated_now: datetime
) -> None:
    """Every combination of vendors' anchors refuses every kind; its own root believes each."""
    sizes = range(len(VENDOR_ANCHORS) + 1)
    sets = tuple(chain.from_iterable(combinations(VENDOR_ANCHORS, size) for size in sizes))
    assert len(sets) == 1 << len(VENDOR_ANCHORS)
    assert not any(believed(made, anchors, simulated_now) for made in kinds for anchors in sets)


def test_with_its_own_root_it_is_believed_and_marked(
    kinds: tuple[Made, ...],
    simulated_anchors: tuple[TrustAnchor, ...],
    simulated_now: datetime,
) -> None:
    """The development root is what believes it, alone or beside the vendors', always marked."""
    for anchors in (
        simulated_anchors,
        (*VENDOR_ANCHORS, *simulated_anchors),
        (*simulated_anchors, *VENDOR_ANCHORS),
    ):
        assert all(believed(made, anchors, simulated_now) for made in kinds)


def test_each_vendors_simulated_anchor_is_for_its_own_evidence(
    kinds: tuple[Made, ...],
    simulated_anchors: tuple[TrustAnchor, ...],
    simulated_now: datetime,
) -> None:
    """A simulated AMD root vouches for no quote, and a simulated Intel root for no report."""
    for made in kinds:
        others = tuple(a for a in simulated_anchors if a.vendor != made.technology.vendor)
        assert not believed(made, others, simulated_now)
