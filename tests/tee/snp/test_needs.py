"""What a report needs beside itself, and which of it is missing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from enarx.tee.endorsements import AmdChainNeed, AmdCrlNeed, Endorsements, Need, VekNeed
from enarx.tee.simulated.certificates import Validity, authority, certify
from enarx.tee.simulated.snp import CRL_DAYS, VEK_DAYS
from enarx.tee.snp.evidence import parse
from enarx.tee.snp.needs import needs
from enarx.tee.snp.report import SignerInfo
from enarx.tee.x509 import load_crl
from enarx.wire import der

if TYPE_CHECKING:
    from tests.tee.snp.conftest import Workshop

NOTHING = Endorsements()
FOUR = ("blSPL", "teeSPL", "snpSPL", "ucodeSPL")


def asked(workshop: Workshop, raw: bytes, given: Endorsements = NOTHING) -> tuple[Need, ...]:
    """What is missing while everything is valid."""
    return needs(parse(raw), given, workshop.now)


def test_everything(genoa: Workshop) -> None:
    """A report alone needs VCEK, chain and list of its product."""
    levels = tuple(zip(FOUR, (10, 0, 25, 84), strict=True))
    assert asked(genoa, genoa.report) == (
        VekNeed(products=("Genoa",), signer="vcek", hwid=genoa.machine.hwid, tcb=(levels,)),
        AmdChainNeed(products=("Genoa",), signer="vcek"),
        AmdCrlNeed(products=("Genoa",), signer="vcek"),
    )


def test_turin(turin: Workshop) -> None:
    """A Turin is asked for by 8 bytes and with the FMC's level."""
    need = asked(turin, turin.report)[0]
    assert isinstance(need, VekNeed)
    assert need.hwid == turin.machine.hwid
    assert need.tcb == ((("fmcSPL", 1), *zip(FOUR, (1, 1, 4, 72), strict=True)),)


def test_vlek(vlek: Workshop) -> None:
    """A VLEK is of no chip, and its chain is the ASVK's."""
    vek, chain, crl = asked(vlek, vlek.report)
    assert isinstance(vek, VekNeed)
    assert (vek.signer, vek.hwid, vek.products) == ("vlek", b"", ("Milan",))
    assert chain == AmdChainNeed(products=("Milan",), signer="vlek")
    assert crl == AmdCrlNeed(products=("Milan",), signer="vlek")


def test_version_2(milan2: Workshop) -> None:
    """Without CPUID, chip and TCB say which products can have made the report."""
    vek, chain, _ = asked(milan2, milan2.report)
    assert isinstance(vek, VekNeed)
    assert vek.products == chain.products == ("Milan", "Genoa")
    assert vek.tcb[0] == vek.tcb[1]
    turin = milan2.of(product="Turin")
    assert asked(turin, turin.report)[1] == AmdChainNeed(products=("Turin",), signer="vcek")
    zero = milan2.signed(reported_tcb=bytes(8))  # fits every layout: the chip decides
    assert asked(milan2, zero)[1] == AmdChainNeed(products=("Milan", "Genoa"), signer="vcek")
    zero = turin.signed(reported_tcb=bytes(8))
    assert asked(turin, zero)[1] == AmdChainNeed(products=("Turin",), signer="vcek")
    masked = milan2.signed(chip_id=bytes(64), reported_tcb=bytes(8))
    vek = asked(milan2, masked)[0]
    assert isinstance(vek, VekNeed)
    assert (vek.products, vek.hwid) == (("Milan", "Genoa", "Turin"), b"")


def test_the_veks_product_narrows_the_rest(milan2: Workshop) -> None:
    """Once there is a VEK, its product's chain and list are asked for and no other's."""
    given = Endorsements(certificates=(milan2.vek(),))
    assert asked(milan2, milan2.report, given) == (
        AmdChainNeed(products=("Milan",), signer="vcek"),
        AmdCrlNeed(products=("Milan",), signer="vcek"),
    )


@pytest.mark.parametrize("name", ["genoa", "milan2", "turin", "vlek"])
def test_nothing(request: pytest.FixtureRequest, name: str) -> None:
    """With what verifies it nothing is missing, wherever it is from."""
    workshop: Workshop = request.getfixturevalue(name)
    mine = workshop.machine.endorsements()
    assert asked(workshop, workshop.report, mine) == ()
    carrying = workshop.report + workshop.machine.certificate_table()
    assert asked(workshop, carrying, Endorsements(crls=mine.crls)) == ()


def test_strangers_do_not_count(genoa: Workshop, vlek: Workshop) -> None:
    """Another chip's VCEK, another product's chain and list, and junk leave everything missing."""
    other = genoa.of(chip="x", product="Milan").machine.endorsements()
    given = other + vlek.machine.endorsements() + Endorsements(certificates=(b"x",), crls=(b"x",))
    assert asked(genoa, genoa.report, given) == asked(genoa, genoa.report)


def test_the_chain_without_the_vek(genoa: Workshop) -> None:
    """The chain is recognised by its product as long as there is no VEK."""
    given = Endorsements(certificates=genoa.chain(), crls=(genoa.machine.crl(),))
    assert [type(need) for need in asked(genoa, genoa.report, given)] == [VekNeed]
    vlek = genoa.of(signer="vlek")
    assert AmdChainNeed(products=("Genoa",), signer="vlek") in asked(vlek, vlek.report, given)


def test_what_is_not_current_does_not_count(genoa: Workshop) -> None:
    """At another time certificates and lists are missing that are valid now."""
    given = genoa.machine.endorsements()
    evidence = parse(genoa.report)
    later = genoa.machine.issued + timedelta(days=366)
    assert needs(evidence, given, later) == (AmdCrlNeed(products=("Genoa",), signer="vcek"),)
    earlier = genoa.machine.issued - timedelta(days=1)
    assert [type(n) for n in needs(evidence, given, earlier)] == [VekNeed, AmdCrlNeed]
    old = Validity(not_before=earlier - timedelta(days=9), not_after=earlier)
    stale = replace(genoa.machine, crl_validity=old)
    assert asked(genoa, genoa.report, stale.endorsements()) == needs(evidence, given, later)


def test_a_list_that_never_says_when_it_ends_does_not_count(genoa: Workshop) -> None:
    """It could be of any age: a current one is asked for."""
    end = datetime(2049, 12, 31, tzinfo=UTC)
    lasting = replace(
        genoa.machine, crl_validity=Validity(not_before=genoa.machine.issued, not_after=end)
    )
    given = genoa.machine.endorsements()
    assert asked(genoa, genoa.report, replace(given, crls=(lasting.crl(),))) == ()
    endless = without_end(lasting.crl())
    assert load_crl(endless, "CRL").next_update_utc is None
    crl = AmdCrlNeed(products=("Genoa",), signer="vcek")
    assert asked(genoa, genoa.report, replace(given, crls=(endless,))) == (crl,)


def without_end(crl: bytes) -> bytes:
    """The list *crl*, which ends with the year 2049, without ``nextUpdate``; nothing signs it."""
    signed = load_crl(crl, "CRL").tbs_certlist_bytes
    before, end, after = signed[4:].partition(b"\x17\x0d491231000000Z")
    assert end
    return der.sequence(der.sequence(before + after), crl[4 + len(signed) :])


def test_an_authority_that_ended_is_asked_for_anew(genoa: Workshop) -> None:
    """A certificate of the right name, but of another time, does not count."""
    machine = genoa.machine
    old = Validity(not_before=machine.issued - timedelta(days=9), not_after=machine.issued)
    ask = machine.root.ask(machine.product, machine.signer)
    expired = certify(ask, machine.root.ark(machine.product), old, roles=authority(0))
    given = Endorsements(certificates=(genoa.vek(), expired), crls=(machine.crl(),))
    chain = AmdChainNeed(products=("Genoa",), signer="vcek")
    assert asked(genoa, genoa.report, given) == (chain,)
    assert needs(parse(genoa.report), given, machine.issued) == ()


def test_to_the_second(genoa: Workshop) -> None:
    """Certificates and lists count from the first to the last second of their validity."""
    given, evidence = genoa.machine.endorsements(), parse(genoa.report)
    issued = genoa.machine.issued
    assert needs(evidence, given, issued) == ()
    assert needs(evidence, given, issued + timedelta(days=CRL_DAYS)) == ()
    crl = AmdCrlNeed(products=("Genoa",), signer="vcek")
    assert needs(evidence, given, issued + timedelta(days=VEK_DAYS)) == (crl,)


def test_nothing_would_help(genoa: Workshop, milan2: Workshop) -> None:
    """A report that is not signed, or of no product's layout, needs nothing."""
    assert asked(genoa, genoa.signed(signer_info=SignerInfo(0b11100))) == ()
    assert asked(milan2, milan2.signed(reported_tcb=b"\1" * 8)) == ()
