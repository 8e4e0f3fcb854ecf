"""What endorsements say about themselves is read, named, and never the end of a listing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from enarx.adapters.endorsement_facts import facts_of
from enarx.tee.endorsements import Endorsements

if TYPE_CHECKING:
    from tests.adapters.conftest import FakeClock

    from enarx.tee.simulated.snp import SimulatedSnp
    from enarx.tee.simulated.tdx import SimulatedTdx

SECOND = timedelta(seconds=1)


def test_names_of_amd_s_endorsements(snp: SimulatedSnp) -> None:
    """A VCEK is told by its product and chip, a VLEK by its provider, a list by its issuer."""
    vek, ask, ark, crl = facts_of(snp.endorsements())
    assert vek.subject == f"SIMULATED SEV-VCEK {'Genoa'} {snp.hwid[:8].hex()}"
    assert vek.issuer == ask.subject == "SIMULATED SEV-Genoa"
    assert ark.subject == ark.issuer == crl.issuer == "SIMULATED ARK-Genoa"
    assert [item.kind for item in (vek, ask, ark, crl)] == ["certificate"] * 3 + ["crl"]
    assert [item.is_dated for item in (vek, ask, ark, crl)] == [False] * 3 + [True]
    [vlek, *_] = facts_of(replace(snp, signer="vlek").endorsements())
    assert vlek.subject.startswith("SIMULATED SEV-VLEK Genoa ")


def test_names_of_intel_s_endorsements(tdx: SimulatedTdx) -> None:
    """Collateral is told by technology, platform and evaluation number."""
    pck, *_ = tdx.machine.certificates()
    bag = tdx.endorsements()
    found = facts_of(replace(bag, certificates=(pck,)))
    assert [item.subject for item in found if item.kind == "tcb-info"] == ["TDX 00806f050000"]
    assert [item.subject for item in found if item.kind == "qe-identity"] == ["TD_QE"]
    assert {item.evaluation_number for item in found} == {None, 20}
    assert found[0].subject.endswith(" 00806f050000")


def test_each_is_current_inside_its_own_dates_and_a_second_later_not(
    everything: Endorsements,
) -> None:
    """Both ends belong to it."""
    for item in facts_of(everything):
        assert item.not_before is not None
        assert item.not_after is not None
        assert item.is_current(item.not_before)
        assert item.is_current(item.not_after)
        assert not item.is_current(item.not_before - SECOND)
        assert not item.is_current(item.not_after + SECOND)


def test_file_names_tell_what_is_in_them_and_differ(everything: Endorsements) -> None:
    """Plain letters, one name for each content."""
    names = [item.file_name() for item in facts_of(everything)]
    assert len(set(names)) == len(names)
    assert all(name.isascii() and not set(name) - set(ALLOWED) for name in names)
    assert any(name.startswith("tcb-info-tdx-00806f050000-20-20261031-") for name in names)
    assert any(name.startswith("crl-simulated-ark-genoa-20261031-") for name in names)
    assert {name.rpartition(".")[2] for name in names} == {"der", "crl", "json"}


ALLOWED = "abcdefghijklmnopqrstuvwxyz0123456789.-"


def test_a_damaged_one_is_listed_with_the_reason(clock: FakeClock) -> None:
    """It has a name, no dates, and is never current."""
    bag = Endorsements(
        certificates=(b"junk",),
        crls=(b"junk",),
        tcb_infos=(b'{"tcbInfo":{},"signature":""}',),
        qe_identities=(b"{",),
    )
    found = facts_of(bag)
    assert len(found) == 4
    assert all(item.problem and not item.is_current(clock.at) for item in found)
    assert [item.file_name().partition("-")[0] for item in found] == [
        "certificate",
        "crl",
        "tcb",
        "qe",
    ]
