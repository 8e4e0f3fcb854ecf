"""From needs to endorsements: what is given, what is cached, what a service hands out.

What never changes (certificates of chips, chains) is fetched once.  What its issuer replaces
(revocation lists, TCB infos, QE identities) is

    fresh    fetched within ``fresh_for`` and inside its own dates: used, nobody is asked
    stale    else: fetched again; if no service answers, it is used while it is inside its own
             dates and fetched no longer than ``max_age`` ago, and that is reported
    too old  else: an error of its own

Nothing is believed here.  What is fetched goes into the bag as it came, and the caller
authenticates.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from enarx.adapters.endorsement_facts import Facts, facts_of
from enarx.adapters.endorsement_needs import reveals_others, title_of
from enarx.errors import EnarxError, UnavailableError
from enarx.tee.endorsements import Need

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from enarx.adapters.endorsement_cache import EndorsementCache, Entry
    from enarx.ports import Answer, Clock, EndorsementSource
    from enarx.tee.endorsements import Endorsements

    Ask = Callable[[Endorsements], tuple[Need, ...]]

FRESH_FOR = timedelta(hours=24)
"""Intel signs collateral anew every day; AMD's lists change a few times a year."""

MAX_AGE = timedelta(days=30)
"""As long as Intel's collateral is valid."""

MAX_STEPS = 32
"""Needs of one piece of evidence; eight kinds exist, and an answer reveals a few more."""

_DAY_S = 86_400
_HOUR_S = 3_600
_MINUTE_S = 60
OFFLINE_HINT = "fetch where there is a network: enarx endorsements fetch EVIDENCE -o DIR"


class EndorsementsTooOldError(UnavailableError):
    """No service answers, and what is cached was fetched longer ago than may be."""

    def __init__(self, what: str, age: timedelta, most: timedelta, cause: str) -> None:
        problem = (
            f"endorsements too old: got fetched {words_of(age)} ago, want at most {words_of(most)} "
            f"({cause})"
        )
        hint = "make the service reachable again, or allow more: --max-age"
        super().__init__(what, problem, hints=(hint,))
        self.age = age
        self.most = most


class EndorsementsNotCurrentError(UnavailableError):
    """No service answers, and what is cached is not valid by its own dates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """How one need was answered.

    Args:
        need: in words.
        source: the URL.
        fetched_at: when it was fetched.
        cached: whether from the cache, without asking the service now.
    """

    need: str
    source: str
    fetched_at: datetime
    cached: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """What there is now, unverified.

    Args:
        endorsements: those given and those found.
        steps: how each need was answered, in order.
        notes: what people should know: stale answers, clocks that disagree.
        failures: one for each need that nobody answered.
    """

    endorsements: Endorsements
    steps: tuple[Step, ...] = ()
    notes: tuple[str, ...] = ()
    failures: tuple[EnarxError, ...] = ()

    def check(self) -> None:
        """Insist that everything was found.

        Raises:
            EnarxError: the first failure; what else is missing is in its hints.
        """
        if self.failures:
            first, *others = self.failures
            missing = (f"also missing: {error}" for error in others)
            first.hints = tuple(dict.fromkeys((*first.hints, *missing)))
            raise first


class Resolver:
    """Cache and services together.

    Args:
        sources: asked in this order; the first that answers counts.  Empty: nobody is asked.
        cache: None to work without.
        fresh_for, max_age: see the module.
        tell: is told what is being fetched.
    """

    def __init__(
        self,
        sources: tuple[EndorsementSource, ...],
        cache: EndorsementCache | None,
        clock: Clock,
        *,
        fresh_for: timedelta = FRESH_FOR,
        max_age: timedelta = MAX_AGE,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        self._sources = sources
        self._cache = cache
        self._clock = clock
        self._fresh_for = min(fresh_for, max_age)
        self._max_age = max_age
        self._tell = tell

    def resolve(self, ask: Ask, given: Endorsements, now: datetime) -> Resolution:
        """Answer what *ask* asks for, and what it asks for then, until nothing new comes.

        Args:
            ask: the needs that remain with some endorsements, such as a technology's ``needs`` of
                some evidence at *now*.
            given: endorsements that are there already.
            now: the instant of verification; ages are measured by the clock.
        """
        bag, done = given, set[Need]()
        steps: list[Step] = []
        notes: list[str] = []
        failures: list[EnarxError] = []
        while len(done) < MAX_STEPS:
            missing = [need for need in ask(bag) if need not in done]
            if not missing:
                break
            need = min(missing, key=lambda need: not reveals_others(need))
            done.add(need)
            try:
                found, step = self._answer(need, now, notes)
            except EnarxError as e:
                failures.append(e)
            else:
                bag += found
                steps.append(step)
        return Resolution(
            endorsements=bag, steps=tuple(steps), notes=tuple(notes), failures=tuple(failures)
        )

    def _answer(self, need: Need, now: datetime, notes: list[str]) -> tuple[Endorsements, Step]:
        entry = self._cache.find(need) if self._cache is not None else None
        if entry is not None and self._is_fresh(entry, now):
            return entry.endorsements, _cached(need, entry)
        try:
            answer = self._fetch(need)
        except EnarxError as e:
            if entry is None:
                raise
            self._must_be_usable(need, entry, now, e)
            age = words_of(self._clock.now() - entry.fetched_at)
            notes.append(f"{title_of(need)}: from the cache, fetched {age} ago ({e})")
            return entry.endorsements, _cached(need, entry)
        fetched_at = self._clock.now()
        if self._cache is not None:
            self._cache.save(need, answer, fetched_at)
        notes += _date_notes(need, answer, now)
        step = Step(need=title_of(need), source=answer.source, fetched_at=fetched_at, cached=False)
        return answer.endorsements, step

    def _fetch(self, need: Need) -> Answer:
        errors: list[EnarxError] = []
        for source in self._sources:
            if not source.serves(need):
                continue
            if self._tell is not None:
                self._tell(f"fetching {title_of(need)}")
            try:
                return source.answer(need)
            except EnarxError as e:
                errors.append(e)
        if errors:
            raise errors[0]
        problem = "is needed, and no service is asked for it"
        raise UnavailableError(title_of(need), problem, hints=(OFFLINE_HINT,))

    def _is_fresh(self, entry: Entry, now: datetime) -> bool:
        facts = facts_of(entry.endorsements)
        if not all(item.is_current(now) for item in facts):
            return False
        if not any(item.is_dated for item in facts):
            return True
        age = self._clock.now() - entry.fetched_at
        return timedelta(0) <= age <= self._fresh_for

    def _must_be_usable(self, need: Need, entry: Entry, now: datetime, cause: EnarxError) -> None:
        facts = facts_of(entry.endorsements)
        age = self._clock.now() - entry.fetched_at
        if any(item.is_dated for item in facts) and age > self._max_age:
            raise EndorsementsTooOldError(title_of(need), age, self._max_age, str(cause))
        outside = [item for item in facts if not item.is_current(now)]
        if outside:
            problem = f"{cause}; and what is cached {_why_outside(outside[0], now)}"
            retry_s = cause.retry_after_s if isinstance(cause, UnavailableError) else None
            raise EndorsementsNotCurrentError(
                title_of(need), problem, retry_after_s=retry_s, hints=cause.hints
            ) from cause


def words_of(age: timedelta) -> str:
    """An age for people: "3 d", "5 h", "12 min"; "0 s" for one that is negative."""
    seconds = max(0, int(age.total_seconds()))
    for size, unit in ((_DAY_S, "d"), (_HOUR_S, "h"), (_MINUTE_S, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _cached(need: Need, entry: Entry) -> Step:
    return Step(need=title_of(need), source=entry.source, fetched_at=entry.fetched_at, cached=True)


def _date_notes(need: Need, answer: Answer, now: datetime) -> list[str]:
    """What a service sent that does not fit the time of verification."""
    return [
        f"{title_of(need)}: what the service sent {_why_outside(item, now)}"
        for item in facts_of(answer.endorsements)
        if not item.is_current(now)
    ]


def _why_outside(item: Facts, now: datetime) -> str:
    if item.not_before is not None and now < item.not_before:
        return f"begins on {item.not_before:%F %R}, after {now:%F %R} UTC: is the clock right?"
    if item.not_after is not None:
        return f"ended on {item.not_after:%F %R}, before {now:%F %R} UTC"
    return f"cannot be read: {item.problem}"
