"""One decision as one transaction: nonce, deny list, log and records.

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

    def record(self, decision: Decision, token_sha256: bytes, connection: Connection) -> Recorded:
        """Record *decision*; may be run again after it was undone.

        Args:
            token_sha256: of the token with which its owner may ask for it.
        """
        number = decision.policy[0]
        if number != GIVEN and self.policy_number(connection) != number:
            return Recorded(decision=decision, policy_changed=True)
        applicant = decision.applicant
        if applicant.nonce:
            refusal = nonces.consume(connection, applicant.nonce, decision.time)
            if refusal is not None:
                return Recorded(decision=decision, nonce=refusal)
        denied = denials.failures(
            connection,
            Subject(
                chip=decision.finding.instance,
                key=applicant.key_sha256,
                workload=applicant.workload_digest,
            ),
        )
        if denied:
            decision = replace(decision, failures=(*decision.failures, *denied))
        payload = decision.payload()
        (index,) = self.append(connection, [decision.entry(payload)])
        recorded = Recorded(decision=decision, payload=payload, index=index)
        _insert(connection, recorded, token_sha256)
        return recorded


_INSERT = sa.insert(decisions)  # made once: to make it costs more than to execute it


def _insert(connection: Connection, recorded: Recorded, token_sha256: bytes) -> None:
    decision, index = recorded.decision, recorded.index
    applicant, finding = decision.applicant, decision.finding
    connection.execute(
        _INSERT,
        {
            "id": decision.id,
            "time": decision.time,
            "purpose": decision.purpose,
            "policy": decision.policy[0],
            "accepted": decision.accepted,
            "platform": finding.platform,
            "workload": applicant.workload_digest,
            "instance": finding.instance,
            "salt": decision.salt,
            "payload": recorded.payload,
            "verdict": json.dumps(shown(decision.failures), separators=(",", ":")).encode(),
            "token_sha256": token_sha256,
            "log_index": index,
        },
    )
    _keep_certificate(connection, decision)
    _keep_evidence(connection, decision)
    if index % _FORGET_EVERY == _FORGET_EVERY - 1:
        evidence.forget(connection)


def _keep_certificate(connection: Connection, decision: Decision) -> None:
    applicant = decision.applicant
    if decision.accepted and decision.serial:
        certificates.insert(
            connection,
            Issued(
                serial=f"{decision.serial:x}",
                decision=decision.id,
                key=applicant.key_sha256,
                workload=applicant.workload_digest,
                instance=decision.finding.instance,
                not_before=decision.time,
                not_after=decision.not_after,
            ),
        )


def _keep_evidence(connection: Connection, decision: Decision) -> None:
    applicant, finding = decision.applicant, decision.finding
    if finding.authentic is not None:
        evidence.keep(
            connection,
            Kept(
                decision=decision.id,
                time=decision.time,
                technology=finding.platform,
                evidence=applicant.parsed.opened.evidence,
                endorsements=finding.endorsements + applicant.parsed.endorsements,
                accepted=decision.accepted,
            ),
        )
