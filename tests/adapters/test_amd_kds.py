"""AMD's key server is asked as its specification says; what it sends is read, not believed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from enarx.adapters.amd_kds import AmdKds
from enarx.adapters.http_fetch import HttpFetch
from enarx.errors import EnarxError, MalformedError, MisconfiguredError, UnavailableError
from enarx.tee.endorsements import (
    AmdChainNeed,
    AmdCrlNeed,
    Endorsements,
    IntelRootCrlNeed,
    Need,
    VekNeed,
)
from enarx.tee.simulated.snp import SimulatedSnp, SnpGuest
from enarx.tee.snp.technology import SNP

if TYPE_CHECKING:
    from tests.adapters.conftest import FakeClock, Web

HWID = bytes(range(64))
MILAN = (("blSPL", 3), ("teeSPL", 0), ("snpSPL", 8), ("ucodeSPL", 115))
TURIN = (("fmcSPL", 1), ("blSPL", 1), ("teeSPL", 1), ("snpSPL", 4), ("ucodeSPL", 72))
MILAN_PATH = f"/vcek/v1/Milan/{HWID.hex()}?blSPL=3&teeSPL=0&snpSPL=8&ucodeSPL=115"
GENOA_PATH = MILAN_PATH.replace("Milan", "Genoa")


def vek_need(*products: str) -> VekNeed:
    """A VCEK of one of *products*."""
    return VekNeed(products=products, signer="vcek", hwid=HWID, tcb=(MILAN,) * len(products))


@pytest.fixture
def kds(fetch: HttpFetch, web: Web) -> AmdKds:
    """The adapter for a local server that knows nothing yet."""
    return AmdKds(fetch, web.url)


def failure(kds: AmdKds, need: Need) -> EnarxError:
    """The error that asking ends in."""
    with pytest.raises(EnarxError) as caught:
        kds.answer(need)
    return caught.value


def test_what_a_report_needs_is_served(
    kds: AmdKds, web: Web, snp: SimulatedSnp, clock: FakeClock, as_kds: Callable[..., Endorsements]
) -> None:
    """Certificate, chain and list, at the paths that follow from a real report."""
    bag = as_kds(web, snp)
    raw = snp.report(SnpGuest(measurement=b"m" * 48), report_data=bytes(64))
    vek, chain, crl = SNP.needs(SNP.parse(raw), Endorsements(), clock.at)
    assert all(kds.serves(need) for need in (vek, chain, crl))
    assert kds.answer(vek).endorsements == Endorsements(certificates=bag.certificates[:1])
    assert kds.answer(chain).endorsements == Endorsements(certificates=bag.certificates[1:])
    assert kds.answer(crl).endorsements == Endorsements(crls=bag.crls)
    assert kds.answer(vek).source.startswith(f"{web.url}/vcek/v1/Genoa/{snp.hwid.hex()}?blSPL=")


def test_a_turin_is_asked_for_by_eight_bytes_and_its_fmc(kds: AmdKds, web: Web) -> None:
    """The parameters are those of the need, in its order."""
    need = VekNeed(products=("Turin",), signer="vcek", hwid=b"\xab" * 8, tcb=(TURIN,))
    error = failure(kds, need)
    path = "/vcek/v1/Turin/abababababababab?fmcSPL=1&blSPL=1&teeSPL=1&snpSPL=4&ucodeSPL=72"
    assert web.paths() == [path]
    assert "fmcSPL 1, blSPL 1" in str(error)


def test_candidate_products_are_tried_in_order(kds: AmdKds, web: Web, snp: SimulatedSnp) -> None:
    """A report of version 2 does not tell its product; the first that has the chip is it."""
    certificate = snp.certificates()[0]
    web.on(GENOA_PATH, (200, {}, certificate))
    answer = kds.answer(vek_need("Milan", "Genoa", "Turin"))
    assert web.paths() == [MILAN_PATH, GENOA_PATH]
    assert answer.endorsements.certificates == (certificate,)
    assert answer.source == web.url + GENOA_PATH


def test_a_chip_that_amd_does_not_know_is_named(kds: AmdKds) -> None:
    """The error says what was asked, for every product."""
    error = failure(kds, vek_need("Milan", "Genoa"))
    assert isinstance(error, UnavailableError)
    assert f"has no VCEK of chip {HWID.hex()}" in error.problem
    assert "Milan: blSPL 3, teeSPL 0, snpSPL 8, ucodeSPL 115; Genoa: blSPL 3" in error.problem
    assert "status 404" in error.problem


def test_a_vlek_is_not_asked_for(kds: AmdKds, web: Web) -> None:
    """No service hands it out: the error says who has it."""
    error = failure(kds, VekNeed(products=("Milan",), signer="vlek", hwid=b"", tcb=(MILAN,)))
    assert str(error) == "VLEK certificate: AMD hands it out to the cloud provider only"
    assert any("auxblob" in hint for hint in error.hints)
    assert web.asked == []


def test_a_masked_chip_is_not_asked_for(kds: AmdKds, web: Web) -> None:
    """Without CHIP_ID there is nothing to ask with."""
    error = failure(kds, VekNeed(products=("Milan",), signer="vcek", hwid=b"", tcb=(MILAN,)))
    assert "CHIP_ID is masked" in str(error)
    assert web.asked == []


def test_a_vlek_s_chain_and_list_are_amd_s(kds: AmdKds, web: Web, snp: SimulatedSnp) -> None:
    """They are under /vlek."""
    vlek = replace(snp, signer="vlek").endorsements()
    web.on("/vlek/v1/Genoa/crl", (200, {}, vlek.crls[0]))
    found = kds.answer(AmdCrlNeed(products=("Genoa",), signer="vlek")).endorsements
    assert found.crls == vlek.crls
    assert "no certificate chain of Genoa" in str(
        failure(kds, AmdChainNeed(products=("Genoa",), signer="vlek"))
    )
    assert web.paths() == ["/vlek/v1/Genoa/crl", "/vlek/v1/Genoa/cert_chain"]


def test_lists_of_every_candidate_are_taken(kds: AmdKds, web: Web, snp: SimulatedSnp) -> None:
    """Which one is needed is open; that one product has none is no error."""
    milan, genoa = replace(snp, product="Milan").crl(), snp.crl()
    web.on("/vcek/v1/Milan/crl", (200, {}, milan))
    web.on("/vcek/v1/Genoa/crl", (200, {}, genoa))
    answer = kds.answer(AmdCrlNeed(products=("Milan", "Genoa", "Turin"), signer="vcek"))
    assert answer.endorsements.crls == (milan, genoa)
    assert answer.source == f"{web.url}/vcek/v1/Milan/crl {web.url}/vcek/v1/Genoa/crl"


@pytest.mark.parametrize("body", [b"<html>sign in</html>", b"", b"\x30\x00", b"{}"])
def test_something_else_than_a_certificate_is_not_passed_on(
    kds: AmdKds, web: Web, body: bytes
) -> None:
    """A captive portal answers 200 to everything."""
    web.on(MILAN_PATH, (200, {"Content-Type": "text/html"}, body))
    error = failure(kds, vek_need("Milan"))
    assert isinstance(error, MalformedError)
    assert "(text/html)" in error.problem
    assert error.where == web.host


def test_a_list_is_no_certificate(kds: AmdKds, web: Web, snp: SimulatedSnp) -> None:
    """What is recognised must be of the kind that was asked for."""
    web.on(MILAN_PATH, (200, {}, snp.crl()))
    web.on("/vcek/v1/Genoa/crl", (200, {}, snp.certificates()[0]))
    assert isinstance(failure(kds, vek_need("Milan")), MalformedError)
    need = AmdCrlNeed(products=("Genoa",), signer="vcek")
    assert "something else than a revocation list" in str(failure(kds, need))


def test_the_first_error_of_several_products_is_reported(kds: AmdKds, web: Web) -> None:
    """An outage is not hidden behind the 404 of another product."""
    web.on("/vcek/v1/Milan/crl", (503, {}, b""))
    error = failure(kds, AmdCrlNeed(products=("Milan", "Genoa"), signer="vcek"))
    assert str(error) == f"{web.host}: answers 503"


def test_a_mirror_may_be_below_a_path(fetch: HttpFetch, web: Web, snp: SimulatedSnp) -> None:
    """Its address ends with or without a slash."""
    web.on("/mirror/kds/vcek/v1/Genoa/crl", (200, {}, snp.crl()))
    need = AmdCrlNeed(products=("Genoa",), signer="vcek")
    for url in ("/mirror/kds", "/mirror/kds/"):
        assert AmdKds(fetch, web.url + url).answer(need).endorsements.crls


def test_an_address_that_is_none_names_its_flag(fetch: HttpFetch) -> None:
    """Before anything is asked."""
    for url in ("kds.example", "https://kds.example/?a=b", "http://kds.example"):
        with pytest.raises(MisconfiguredError) as caught:
            AmdKds(fetch, url)
        assert caught.value.source == "--kds"


def test_intel_s_needs_are_not_amd_s(kds: AmdKds) -> None:
    """The adapter says so, and being asked anyway is a bug."""
    assert not kds.serves(IntelRootCrlNeed())
    with pytest.raises(TypeError):
        kds.answer(IntelRootCrlNeed())
