"""What ``enarx endorsements`` says about endorsements: the facts, and the facts as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from enarx.adapters.endorsement_facts import Facts, facts_of
from enarx.adapters.endorsement_resolver import words_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from enarx.adapters.endorsement_cache import Entry
    from enarx.adapters.endorsement_resolver import Step
    from enarx.tee.endorsements import Endorsements

Report = dict[str, Any]  # a JSON document

_KIND_WIDTH = 12
_FORM = "%Y-%m-%dT%H:%M:%SZ"


def describe(endorsements: Endorsements, now: datetime) -> list[Report]:
    """Each endorsement, as a JSON document; nothing of it is verified."""
    return [_described(item, now) for item in facts_of(endorsements)]


def describe_entry(entry: Entry, now: datetime) -> list[Report]:
    """Each endorsement of an entry of the cache, with where it is from."""
    origin = {
        "need": entry.title,
        "source": entry.source,
        "fetchedAt": entry.fetched_at.strftime(_FORM),
        "age": words_of(now - entry.fetched_at),
    }
    return [{**item, **origin} for item in describe(entry.endorsements, now)]


def describe_step(step: Step) -> Report:
    """How one need was answered."""
    return {
        "need": step.need,
        "source": step.source,
        "fetchedAt": step.fetched_at.strftime(_FORM),
        "cached": step.cached,
    }


def lines(items: list[Report]) -> Iterator[str]:
    """Endorsements for people."""
    width = max((len(_what(item)) for item in items), default=0)
    for item in items:
        parts = [item["kind"].ljust(_KIND_WIDTH), _what(item).ljust(width)]
        if item["notBefore"]:
            parts.append(f"{item['notBefore'][:10]} to {(item['notAfter'] or 'no end')[:10]}")
        parts.append(item["state"])
        if "source" in item:
            parts.append(f"fetched {item['age']} ago from {item['source'].partition('?')[0]}")
        yield "  ".join(parts)


def _what(item: Report) -> str:
    if item["kind"] == "certificate":
        return f"{item['subject']} by {item['issuer']}"
    if item["kind"] == "crl":
        return f"of {item['issuer']}"
    return f"{item['subject']} evaluation {item['evaluationNumber']}"


def _described(item: Facts, now: datetime) -> Report:
    return {
        "kind": item.kind,
        "subject": item.subject,
        "issuer": item.issuer,
        "evaluationNumber": item.evaluation_number,
        "notBefore": _instant(item.not_before),
        "notAfter": _instant(item.not_after),
        "state": _state(item, now),
        "current": item.is_current(now),
        "sha256": item.sha256,
        "size": len(item.data),
    }


def _state(item: Facts, now: datetime) -> str:
    if item.problem:
        return f"damaged: {item.problem}"
    if item.not_before is not None and now < item.not_before:
        return f"begins in {words_of(item.not_before - now)}"
    if item.not_after is None:
        return "states no end"
    if now > item.not_after:
        return f"ended {words_of(now - item.not_after)} ago"
    return f"ends in {words_of(item.not_after - now)}"


def _instant(value: datetime | None) -> str | None:
    return None if value is None else value.strftime(_FORM)
