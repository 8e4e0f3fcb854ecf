"""The evidence of the last decisions, with what it was verified with: for dry runs of a policy.

Endorsements are many requests' and large, so each is kept once, under its digest.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from enarx.steward.records.tables import decisions, endorsements, evidence
from enarx.tee.endorsements import Endorsements

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sqlalchemy import Connection

KEPT = 2000
"""How many decisions keep their evidence, of all instances."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What a decision was made about.

    Args:
        decision: its identifier.
        time: seconds since 1970, as of which it was verified.
        technology: whose evidence it is.
        evidence: bare.
        accepted: what was decided then.
    """

    decision: str
    time: int
    technology: str
    evidence: bytes
    endorsements: Endorsements
    accepted: bool


def digests(bag: Endorsements) -> dict[str, list[str]]:
    """The digests of everything in *bag*, by kind."""
    return {
        field.name: [hashlib.sha256(item).hexdigest() for item in getattr(bag, field.name)]
        for field in fields(bag)
    }


_INSERT = sa.insert(evidence)
_ADD_ENDORSEMENTS: Mapping[str, sa.Insert] = {
    "postgresql": postgresql.insert(endorsements).on_conflict_do_nothing(),
    "sqlite": sqlite.insert(endorsements).on_conflict_do_nothing(),
}


def keep(connection: Connection, kept: Kept) -> None:
    """Keep what a decision was about, which is recorded already."""
    named = digests(kept.endorsements)
    items = [
        {"sha256": sha256, "data": item}
        for kind, values in named.items()
        for sha256, item in zip(values, getattr(kept.endorsements, kind), strict=True)
    ]
    if items:
        connection.execute(_ADD_ENDORSEMENTS[connection.dialect.name], items)
    connection.execute(
        _INSERT,
        {
            "decision": kept.decision,
            "time": kept.time,
            "technology": kept.technology,
            "evidence": kept.evidence,
            "endorsements": json.dumps(named, separators=(",", ":")),
        },
    )


def last(connection: Connection, most: int) -> tuple[Kept, ...]:
    """The last *most* that were kept, newest first."""
    rows = connection.execute(
        sa.select(evidence, decisions.c.accepted)
        .join(decisions, decisions.c.id == evidence.c.decision)
        .order_by(evidence.c.time.desc(), evidence.c.decision)
        .limit(most)
    ).all()
    found: dict[str, bytes] = {}
    result = []
    for row in rows:
        named = json.loads(row.endorsements)
        missing = {sha256 for values in named.values() for sha256 in values} - found.keys()
        found |= _read(connection, missing)
        bag = Endorsements(
            **{kind: tuple(found[sha256] for sha256 in values) for kind, values in named.items()}
        )
        result.append(
            Kept(
                decision=row.decision,
                time=row.time,
                technology=row.technology,
                evidence=row.evidence,
                endorsements=bag,
                accepted=row.accepted,
            )
        )
    return tuple(result)


def forget(connection: Connection, keep_last: int = KEPT) -> None:
    """Forget the evidence of all but the last decisions, and endorsements that none has."""
    border = connection.scalar(
        sa.select(evidence.c.time).order_by(evidence.c.time.desc()).offset(keep_last).limit(1)
    )
    if border is None:
        return
    connection.execute(sa.delete(evidence).where(evidence.c.time <= border))
    used: set[str] = set()
    for text in connection.scalars(sa.select(evidence.c.endorsements).distinct()):
        used.update(sha256 for values in json.loads(text).values() for sha256 in values)
    known = set(connection.scalars(sa.select(endorsements.c.sha256)))
    for sha256 in known - used:
        connection.execute(sa.delete(endorsements).where(endorsements.c.sha256 == sha256))


def _read(connection: Connection, wanted: Collection[str]) -> dict[str, bytes]:
    if not wanted:
        return {}
    columns = (endorsements.c.sha256, endorsements.c.data)
    rows = connection.execute(sa.select(*columns).where(endorsements.c.sha256.in_(wanted)))
    return {row.sha256: row.data for row in rows}
