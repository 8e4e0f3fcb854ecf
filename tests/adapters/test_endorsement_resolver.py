"""Needs are answered from the cache, then by services, and answers may reveal further needs.

Services are real servers on loopback; the clock is moved by the tests.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from enarx.adapters.amd_kds import AmdKds
from enarx.adapters.endorsement_cache import EndorsementCache
from enarx.adapters.endorsement_resolver import (
    Resolution,
    Resolver,
    words_of,
)
from enarx.adapters.http_fetch import HttpFetch
from enarx.adapters.intel_pcs import IntelPccs
from enarx.errors import MalformedError, UnavailableError
from enarx.ports import Answer, EndorsementSource
from enarx.tee.endorsements import (
    AmdChainNeed,
    AmdCrlNeed,
    Endorsements,
    IntelRootCrlNeed,
    Need,
    PckCrlNeed,
    PckNeed,
    QeIdentityNeed,
    TcbInfoNeed,
    VekNeed,
)
from enarx.tee.simulated.snp import SimulatedSnp, SnpGuest
from enarx.tee.snp.technology import SNP

if TYPE_CHECKING:
    from tests.adapters.conftest import FakeClock, Web

    from enarx.tee.simulated.tdx import SimulatedTdx

    Ask = Callable[[Endorsements], tuple[Need, ...]]

DAY = timedelta(days=1)
NOTHING = Endorsements()
CHAIN = AmdChainNeed(products=("Genoa",), signer="vcek")
CRL = AmdCrlNeed(products=("Genoa",), signer="vcek")
BUSY = (503, {}, b"")


def once(*needs: Need) -> Ask:
    """Needs of which nothing is there at first, and which any answer satisfies."""
    return lambda bag: () if bag else needs


def asked(web: Web) -> int:
    """How many questions have reached the server since the last call."""
    number = len(web.asked)
    web.asked.clear()
    return number


def test_a_report_s_needs_are_resolved_and_kept(
    resolver: Resolver, web: Web, snp: SimulatedSnp, clock: FakeClock
) -> None:
    """Everything is fetched once; then nothing is missing, and nobody is asked again."""
    evidence = SNP.parse(snp.report(SnpGuest(measurement=b"m" * 48), report_data=bytes(64)))

    def ask(bag: Endorsements) -> tuple[Need, ...]:
        return SNP.needs(evidence, bag, clock.at)

    found = resolver.resolve(ask, NOTHING, clock.at)
    assert ask(found.endorsements) == ()
    assert (found.notes, found.failures) == ((), ())
    assert [step.cached for step in found.steps] == [False] * 3
    assert found.steps[0].need.startswith("VCEK of chip ")
    assert found.steps[0].source.startswith(f"{web.url}/vcek/v1/Genoa/")
    assert asked(web) == 3
    again = resolver.resolve(ask, NOTHING, clock.at)
    assert set(again.endorsements.certificates) == set(found.endorsements.certificates)
    assert again.endorsements.crls == found.endorsements.crls
    assert [step.cached for step in again.steps] == [True] * 3
    assert asked(web) == 0
    authentic = SNP.authenticate(evidence, found.endorsements, snp.root.anchors(), clock.at)
    assert authentic.claims.revocation.unchecked == ()


def test_intel_s_collateral_is_resolved_from_a_cache_service(
    fetch: HttpFetch,
    web: Web,
    tdx: SimulatedTdx,
    clock: FakeClock,
    as_pcs: Callable[..., Endorsements],
) -> None:
    """Each of the four, with the certificates that came in headers; without a cache of ours."""
    bag = as_pcs(web, tdx)
    needs = (
        TcbInfoNeed(tee="tdx", fmspc=tdx.machine.fmspc),
        QeIdentityNeed(tee="tdx"),
        PckCrlNeed(ca="platform"),
        IntelRootCrlNeed(),
    )
    resolver = Resolver((IntelPccs(fetch, web.url),), None, clock)
    found = resolver.resolve(lambda _: needs, NOTHING, clock.at)
    found.check()
    assert set(found.endorsements.certificates) == set(bag.certificates[1:])
    assert set(found.endorsements.crls) == set(bag.crls)
    assert found.endorsements.tcb_infos == bag.tcb_infos
    assert found.endorsements.qe_identities == bag.qe_identities


def test_the_first_service_that_answers_counts(
    client: Callable[..., HttpFetch],
    serve: Callable[[str | None], Web],
    tdx: SimulatedTdx,
    clock: FakeClock,
    as_pcs: Callable[..., Endorsements],
) -> None:
    """A cache service that lacks something or sends junk does not stop the next one."""
    empty, junk, full = (serve("127.0.0.1") for _ in range(3))
    as_pcs(full, tdx)
    junk.on("/tdx/certification/v4/qe/identity", (200, {}, b"<html>"))
    fetch = client()
    sources = tuple(IntelPccs(fetch, web.url) for web in (empty, junk, full))
    found = Resolver(sources, None, clock).resolve(
        once(QeIdentityNeed(tee="tdx")), NOTHING, clock.at
    )
    assert found.steps[0].source.startswith(full.url)
    [error] = (
        Resolver(sources[1::-1], None, clock)
        .resolve(once(QeIdentityNeed(tee="tdx")), NOTHING, clock.at)
        .failures
    )
    assert isinstance(error, MalformedError)  # of the one that was asked first


def test_nobody_is_asked_without_services(cache: EndorsementCache, clock: FakeClock) -> None:
    """Offline, what is missing is named with the way to get it."""
    found = Resolver((), cache, clock).resolve(once(CRL), NOTHING, clock.at)
    [error] = found.failures
    assert str(error) == (
        "VCEK revocation list of Genoa: is needed, and no service is asked for it"
    )
    assert any("enarx endorsements fetch" in hint for hint in error.hints)


class Scripted:
    """A source that answers as a table says, and remembers what it was asked."""

    def __init__(self, answers: dict[Need, Endorsements]) -> None:
        self.answers, self.asked = answers, list[Need]()

    def serves(self, need: Need) -> bool:
        """Everything."""
        return True

    def answer(self, need: Need) -> Answer:
        """What the table has."""
        self.asked.append(need)
        if need not in self.answers:
            raise UnavailableError("scripted", "has none")
        return Answer(endorsements=self.answers[need], source="scripted")


PCK = PckNeed(encrypted_ppid=b"p", cpu_svn=bytes(16), pce_svn=1, pce_id=bytes(2), qe_id=b"q")


def test_an_answer_may_reveal_other_needs(snp: SimulatedSnp, clock: FakeClock) -> None:
    """A leaf is asked for first; then the chain of its product only, not of every candidate."""
    bag = snp.endorsements()
    vek = VekNeed(products=("Milan", "Genoa"), signer="vcek", hwid=b"h", tcb=((), ()))
    either = AmdChainNeed(products=("Milan", "Genoa"), signer="vcek")
    source: EndorsementSource = (
        scripted := Scripted(
            {
                vek: Endorsements(certificates=bag.certificates[:1]),
                CHAIN: Endorsements(certificates=bag.certificates[1:]),
            }
        )
    )

    def ask(given: Endorsements) -> tuple[Need, ...]:
        match len(given.certificates):
            case 0:
                return either, vek
            case 1:
                return (CHAIN,)
        return ()

    found: Resolution = Resolver((source,), None, clock).resolve(ask, NOTHING, clock.at)
    assert scripted.asked == [vek, CHAIN]
    assert set(found.endorsements.certificates) == set(bag.certificates)


def test_an_answer_that_cannot_be_read_is_reported(clock: FakeClock) -> None:
    """It has no dates; the verification will say what it thinks of it."""
    junk = Endorsements(tcb_infos=(b"{}",))
    found = Resolver((Scripted({CRL: junk}),), None, clock).resolve(once(CRL), NOTHING, clock.at)
    [note] = found.notes
    assert "what the service sent cannot be read: TCB info: " in note


def test_a_need_is_asked_for_once(clock: FakeClock) -> None:
    """What does not help, or is not there, is not asked for again and again."""
    scripted = Scripted({PCK: NOTHING})
    found = Resolver((scripted,), None, clock).resolve(lambda _: (CRL, PCK), NOTHING, clock.at)
    assert scripted.asked == [PCK, CRL]
    assert len(found.failures) == 1


def test_revelations_end(clock: FakeClock) -> None:
    """A source that always makes something else needed is asked a bounded number of times."""
    scripted = Scripted({})
    needs = (TcbInfoNeed(tee="tdx", fmspc=n.to_bytes(6, "big")) for n in range(10**6))
    Resolver((scripted,), None, clock).resolve(lambda _: (next(needs),), NOTHING, clock.at)
    assert len(scripted.asked) == 32


def test_resolvers_at_the_same_time(
    kds: AmdKds, web: Web, tmp_path: Path, clock: FakeClock
) -> None:
    """Threads that share a client and a cache all get everything."""
    found: list[Resolution] = []

    def work() -> None:
        cache = EndorsementCache(str(tmp_path / "shared"))
        for _ in range(5):
            ask = once(CHAIN, CRL)
            found.append(Resolver((kds,), cache, clock).resolve(ask, NOTHING, clock.at))

    threads = [Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 30
    assert all(not one.failures and one.endorsements for one in found)
    assert 1 <= asked(web) <= 6


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-5, "0 s"), (0, "0 s"), (59, "59 s"), (60, "1 min"), (7199, "1 h"), (864_000, "10 d")],
)
def test_ages_are_told_in_one_unit(seconds: int, words: str) -> None:
    """Rounded down."""
    assert words_of(timedelta(seconds=seconds)) == words


def test_what_is_told_while_it_takes_long(
    kds: AmdKds, cache: EndorsementCache, clock: FakeClock
) -> None:
    """What is fetched is said before it is; what is cached is not worth a word."""
    told: list[str] = []
    resolver = Resolver((kds,), cache, clock, tell=told.append)
    now: datetime = clock.at
    for _ in range(2):
        resolver.resolve(once(CRL), NOTHING, now)
    assert told == ["fetching VCEK revocation list of Genoa"]
