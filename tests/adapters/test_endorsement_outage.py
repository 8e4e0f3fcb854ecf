"""How long a cached answer counts: fresh, stale, too old; in outages, and by wrong clocks.

Services are real servers on loopback; the clock is moved by the tests.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from enarx.adapters.amd_kds import AmdKds
from enarx.adapters.endorsement_cache import EndorsementCache
from enarx.adapters.endorsement_resolver import EndorsementsTooOldError, Resolver
from enarx.adapters.http_fetch import HttpFetch
from enarx.adapters.http_retry import Backoff
from enarx.errors import UnavailableError
from enarx.tee.endorsements import AmdChainNeed, AmdCrlNeed, Endorsements, Need

if TYPE_CHECKING:
    from tests.adapters.conftest import FakeClock, Web

    Ask = Callable[[Endorsements], tuple[Need, ...]]

DAY = timedelta(days=1)
NOTHING = Endorsements()
CHAIN = AmdChainNeed(products=("Genoa",), signer="vcek")
CRL = AmdCrlNeed(products=("Genoa",), signer="vcek")


def once(*needs: Need) -> Ask:
    """Needs of which nothing is there at first, and which any answer satisfies."""
    return lambda bag: () if bag else needs


def asked(web: Web) -> int:
    """How many questions have reached the server since the last call."""
    number = len(web.asked)
    web.asked.clear()
    return number


def outage(web: Web, clock: FakeClock, after: timedelta) -> None:
    """Time passes, and then the server is there no more."""
    clock.at += after
    clock.seconds += after.total_seconds()
    web.close()


def test_dated_answers_are_fetched_again_after_a_day(
    resolver: Resolver, web: Web, clock: FakeClock
) -> None:
    """A list is; a chain, which never changes, is not."""
    for ask in (once(CHAIN), once(CRL)):
        resolver.resolve(ask, NOTHING, clock.at)
    assert asked(web) == 2
    clock.at += DAY
    for ask in (once(CHAIN), once(CRL)):
        resolver.resolve(ask, NOTHING, clock.at)
    assert asked(web) == 0
    clock.at += timedelta(seconds=1)
    for ask in (once(CHAIN), once(CRL)):
        resolver.resolve(ask, NOTHING, clock.at)
    assert web.paths() == ["/vcek/v1/Genoa/crl"]


def test_an_outage_is_survived_and_reported(resolver: Resolver, web: Web, clock: FakeClock) -> None:
    """A stale list that its issuer still stands by is used, and the note says why and how old."""
    resolver.resolve(once(CRL), NOTHING, clock.at)
    outage(web, clock, after=3 * DAY)
    found = resolver.resolve(once(CRL), NOTHING, clock.at)
    assert len(found.endorsements.crls) == 1
    assert found.failures == ()
    [note] = found.notes
    assert note == (
        "VCEK revocation list of Genoa: from the cache, fetched 3 d ago "
        f"({web.host}: no connection: connection refused)"
    )
    assert found.steps[0].cached


def test_an_outage_without_a_cache_is_a_failure(kds: AmdKds, web: Web, clock: FakeClock) -> None:
    """One for each need, and the check raises the first and names the rest."""
    web.close()
    found = Resolver((kds,), None, clock).resolve(lambda _: (CHAIN, CRL), NOTHING, clock.at)
    assert not found.endorsements
    assert [type(error).__name__ for error in found.failures] == ["TransientError"] * 2
    with pytest.raises(UnavailableError) as caught:
        found.check()
    assert caught.value is found.failures[0]
    assert caught.value.hints[-1] == f"also missing: {found.failures[1]}"


def test_what_is_too_old_is_an_error_of_its_own(
    client: Callable[..., HttpFetch],
    kds: AmdKds,
    cache: EndorsementCache,
    web: Web,
    clock: FakeClock,
) -> None:
    """Up to the stated age it is used; a second later it is refused with both ages."""
    impatient = AmdKds(client(backoff=Backoff(attempts=1)), web.url)
    Resolver((kds,), cache, clock).resolve(once(CRL), NOTHING, clock.at)
    outage(web, clock, after=3 * DAY)
    resolver = Resolver((impatient,), cache, clock, max_age=3 * DAY)
    assert resolver.resolve(once(CRL), NOTHING, clock.at).failures == ()
    clock.at += timedelta(seconds=1)
    [error] = resolver.resolve(once(CRL), NOTHING, clock.at).failures
    assert isinstance(error, EndorsementsTooOldError)
    assert (error.age, error.most) == (3 * DAY + timedelta(seconds=1), 3 * DAY)
    assert "endorsements too old: got fetched 3 d ago, want at most 3 d" in str(error)
    assert any("--max-age" in hint for hint in error.hints)


def test_what_never_changes_never_gets_too_old(
    kds: AmdKds, cache: EndorsementCache, web: Web, clock: FakeClock
) -> None:
    """A chain is used after two years without a service, and without a note."""
    resolver = Resolver((kds,), cache, clock, max_age=timedelta(0))
    resolver.resolve(once(CHAIN), NOTHING, clock.at)
    outage(web, clock, after=700 * DAY)
    found = resolver.resolve(once(CHAIN), NOTHING, clock.at)
    assert len(found.endorsements.certificates) == 2
    assert (found.notes, found.failures) == ((), ())


def test_what_has_ended_by_its_own_date_is_not_used(
    kds: AmdKds, cache: EndorsementCache, web: Web, clock: FakeClock
) -> None:
    """However long someone allows it: the failure names the outage and the date."""
    resolver = Resolver((kds,), cache, clock, max_age=10_000 * DAY)
    resolver.resolve(once(CRL), NOTHING, clock.at)
    outage(web, clock, after=800 * DAY)
    [error] = resolver.resolve(once(CRL), NOTHING, clock.at).failures
    assert not isinstance(error, EndorsementsTooOldError)
    assert "connection refused; and what is cached ended on 20" in str(error)


def test_a_smaller_age_makes_answers_stale_sooner(
    kds: AmdKds, cache: EndorsementCache, web: Web, clock: FakeClock
) -> None:
    """With --max-age 1h an answer of two hours ago is fetched again, not merely warned of."""
    resolver = Resolver((kds,), cache, clock, max_age=timedelta(hours=1))
    resolver.resolve(once(CRL), NOTHING, clock.at)
    clock.at += timedelta(hours=2)
    assert resolver.resolve(once(CRL), NOTHING, clock.at).notes == ()
    assert asked(web) == 2


@pytest.mark.parametrize("skew", [-40 * DAY, -DAY])
def test_an_entry_from_the_future_is_not_fresh(
    resolver: Resolver, web: Web, clock: FakeClock, skew: timedelta
) -> None:
    """A clock that was set back cannot make an old answer young: the service is asked."""
    at = clock.at
    resolver.resolve(once(CRL), NOTHING, at)
    clock.at += skew
    resolver.resolve(once(CRL), NOTHING, at)
    assert asked(web) == 2


def test_an_answer_that_begins_later_is_reported(resolver: Resolver, clock: FakeClock) -> None:
    """The clock is wrong, or the time of verification lies in the past: it goes on, with a note."""
    found = resolver.resolve(once(CRL), NOTHING, clock.at - 90 * DAY)
    assert len(found.endorsements.crls) == 1
    [note] = found.notes
    assert note.endswith("after 2026-08-03 12:00 UTC: is the clock right?")


def test_an_answer_that_has_ended_is_reported(resolver: Resolver, clock: FakeClock) -> None:
    """Whether that matters is decided by who verifies."""
    found = resolver.resolve(once(CRL), NOTHING, clock.at + 800 * DAY)
    [note] = found.notes
    assert "what the service sent ended on 20" in note


def test_junk_from_a_service_does_not_replace_what_is_kept(
    resolver: Resolver, web: Web, clock: FakeClock
) -> None:
    """A captive portal is an outage: the cache is used, and stays."""
    resolver.resolve(once(CRL), NOTHING, clock.at)
    web.on("/vcek/v1/Genoa/crl", (200, {}, b"<html>sign in</html>"))
    clock.at += 2 * DAY
    for _ in range(2):
        found = resolver.resolve(once(CRL), NOTHING, clock.at)
        assert len(found.endorsements.crls) == 1
        assert "something else than a revocation list" in found.notes[0]
