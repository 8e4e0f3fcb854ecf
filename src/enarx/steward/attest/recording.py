"""Decisions in one transaction: nonces, deny list, log and records.

Everything or nothing: there is no decision without its entry in the log, no certificate that is
not on record, and no nonce that counts twice, whatever is killed and whoever else writes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import sqlalchemy as sa

from enarx.steward.attest.decision import Decision, shown
from enarx.steward.records import certificates, denials, evidence, nonces
from enarx.steward.records.certificates import Issued
from enarx.steward.records.denials import Subject
from enarx.steward.records.evidence import Kept
from enarx.steward.records.tables import decisions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection

    from enarx.errors import Failure

GIVEN = 0
"""The number of a policy that is no version on record: the operator gave it."""

_FORGET_EVERY = 256
"""Entries of the log after which old evidence is looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What the transaction did.

    Args:
        decision: as it stands now: the deny list may have refused it.
        payload: what the entry in the log stands for; empty if nothing was recorded.
        index: of that entry; -1 if nothing was recorded.
        nonce: why the nonce does not count, if that is so; then nothing was recorded.
        policy_changed: there is another policy by now: judge anew; nothing was recorded.
    """

    decision: Decision
    payload: bytes = b""
    index: int = -1
    nonce: Failure | None = None
    policy_changed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """Where decisions are recorded.

    Args:
        append: adds entries to the log, inside a transaction; their indexes.
        policy_number: of the policy that counts, inside a transaction.
    """

    append: Callable[[Connection, Sequence[bytes]], Sequence[int]]
    policy_number: Callable[[Connection], int]

    def record(
        self, connection: Connection, items: Sequence[tuple[Decision, bytes]]
    ) -> Sequence[Recorded]:
        """Record decisions; may be run again after it was undone.

        Whoever writes is waited for by everybody, so all of them take few statements.

        Args:
            items: each decision with the SHA-256 of the token with which its owner may ask for it.
        """
        number = self.policy_number(connection)
        refused = [_refusal(connection, decision, number) for decision, _ in items]
        admitted = [item for item, refusal in zip(items, refused, strict=True) if refusal is None]
        decided = _denied(connection, [decision for decision, _ in admitted])
        payloads = [decision.payload() for decision in decided]
        entries = [one.entry(payload) for one, payload in zip(decided, payloads, strict=True)]
        recorded = [
            Recorded(decision=decision, payload=payload, index=index)
            for decision, payload, index in zip(
                decided, payloads, self.append(connection, entries), strict=True
            )
        ]
        _insert(connection, recorded, [token_sha256 for _, token_sha256 in admitted])
        rest = iter(recorded)
        return [refusal or next(rest) for refusal in refused]


def _refusal(connection: Connection, decision: Decision, number: int) -> Recorded | None:
    """Why *decision* is not recorded; consumes its nonce."""
    if decision.policy[0] not in {GIVEN, number}:
        return Recorded(decision=decision, policy_changed=True)
    nonce = decision.applicant.nonce
    failure = nonces.consume(connection, nonce, decision.time) if nonce else None
    return None if failure is None else Recorded(decision=decision, nonce=failure)


def _denied(connection: Connection, found: Sequence[Decision]) -> list[Decision]:
    """The same decisions, but that what is denied is refused."""
    subjects = [
        Subject(
            chip=one.finding.instance,
            key=one.applicant.key_sha256,
            workload=one.applicant.workload_digest,
        )
        for one in found
    ]
    return [
        replace(one, failures=(*one.failures, *denied)) if denied else one
        for one, denied in zip(found, denials.failures(connection, subjects), strict=True)
    ]


_INSERT = sa.insert(decisions)  # made once: to make it costs more than to execute it


def _insert(
    connection: Connection, recorded: Sequence[Recorded], tokens_sha256: Sequence[bytes]
) -> None:
    if not recorded:
        return
    connection.execute(_INSERT, [_row(*one) for one in zip(recorded, tokens_sha256, strict=True)])
    certificates.insert(
        connection,
        *(
            _issued(one.decision)
            for one in recorded
            if one.decision.accepted and one.decision.serial
        ),
    )
    evidence.keep(
        connection,
        *(_kept(one.decision) for one in recorded if one.decision.finding.authentic is not None),
    )
    if any(one.index % _FORGET_EVERY == _FORGET_EVERY - 1 for one in recorded):
        evidence.forget(connection)


def _row(recorded: Recorded, token_sha256: bytes) -> dict[str, object]:
    decision = recorded.decision
    return {
        "id": decision.id,
        "time": decision.time,
        "purpose": decision.purpose,
        "policy": decision.policy[0],
        "accepted": decision.accepted,
        "platform": decision.finding.platform,
        "workload": decision.applicant.workload_digest,
        "instance": decision.finding.instance,
        "salt": decision.salt,
        "payload": recorded.payload,
        "verdict": json.dumps(shown(decision.failures), separators=(",", ":")).encode(),
        "token_sha256": token_sha256,
        "log_index": recorded.index,
    }


def _issued(decision: Decision) -> Issued:
    return Issued(
        serial=f"{decision.serial:x}",
        decision=decision.id,
        key=decision.applicant.key_sha256,
        workload=decision.applicant.workload_digest,
        instance=decision.finding.instance,
        not_before=decision.time,
        not_after=decision.not_after,
    )


def _kept(decision: Decision) -> Kept:
    parsed, finding = decision.applicant.parsed, decision.finding
    return Kept(
        decision=decision.id,
        time=decision.time,
        technology=finding.platform,
        evidence=parsed.opened.evidence,
        endorsements=finding.endorsements + parsed.endorsements,
        accepted=decision.accepted,
    )
