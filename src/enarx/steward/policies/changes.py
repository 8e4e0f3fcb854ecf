"""How the next version of a Steward's documents comes about: proposed, approved, activated.

A proposal becomes a version in the transaction in which the last approval that was needed arrives;
the same transaction tells the log.  To go back to an older document, it is proposed and approved
anew.

What writes does so inside the caller's transaction (``records.database.writing``), in which nobody
else writes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from enarx.errors import Failure, MisconfiguredError, RejectedError, UnauthenticError
from enarx.steward.policies import approvers as approvers_document
from enarx.steward.policies import document as policy_document
from enarx.steward.policies.document import digest
from enarx.steward.policies.statement import Kind, check_signature
from enarx.steward.policies.store import Approval, active, active_approvers, find
from enarx.steward.records.tables import approvals, proposals
from enarx.transparency.leaf import SALT_BYTES, Entry, salted
from enarx.wire import canonical
from enarx.wire.text import to_base64url

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from enarx.steward.policies.store import Proposal

Append = Callable[["Connection", Sequence[bytes]], Sequence[int]]
"""Appends entries to the log in the same transaction, and says their indexes."""

PROFILE = "tag:github.com,2026:enarx/policy-change/1"
MAX_NOTE = 500
MAX_BY = 64


class StaleError(RejectedError):
    """A change that does not follow the version that counts now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What is proposed.

    Args:
        replaces: "sha256:…" of the version that its author saw.
        note: why, for people.
        by: who proposes it.
    """

    kind: Kind
    document: bytes
    replaces: str
    note: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """Changes the documents of one Steward.

    Args:
        origin: the Steward's name, as its log has it; approvals are for this one only.
        append: appends to the log.
        entropy: so many random bytes.
    """

    origin: str
    append: Append
    entropy: Callable[[int], bytes] = os.urandom

    def initialise(
        self, connection: Connection, *, policy: bytes, approvers: bytes, by: str, now: int
    ) -> None:
        """Make *policy* and *approvers* the first versions.

        Raises:
            StaleError: the Steward has versions already.
            MisconfiguredError: *policy* is none.
            MalformedError: *approvers* are none.
        """
        if connection.scalar(sa.select(sa.func.count()).select_from(proposals)):
            hint = "propose a change: enarx steward policy propose"
            raise StaleError("the Steward has a policy already", hints=(hint,))
        first: tuple[tuple[Kind, bytes], ...] = (("approvers", approvers), ("policy", policy))
        for kind, text in first:
            draft = Draft(kind=kind, document=text, replaces="", note="the first", by=by)
            check(draft)
            number = _insert(connection, draft, follows=0, now=now)
            self._activate(connection, _known(connection, number), (), now)

    def propose(self, connection: Connection, draft: Draft, *, now: int) -> Proposal:
        """Propose *draft*; it counts at once where nobody has to approve.

        Raises:
            StaleError: it replaces another version than the one that counts, or changes nothing.
            MisconfiguredError: it is no policy, or there is no version to replace.
            MalformedError: they are no approvers.
        """
        check(draft)
        current = active(connection, draft.kind)
        seen = digest(current.document)
        if draft.replaces != seen:
            hint = f"look at version {current.version} ({seen}) and propose anew"
            raise StaleError(f"it replaces {draft.replaces or 'nothing'}", hints=(hint,))
        if digest(draft.document) == seen:
            raise StaleError(f"it is the same as version {current.version}")
        number = _insert(connection, draft, follows=current.version, now=now)
        proposal = _known(connection, number)
        if active_approvers(connection).threshold == 0:
            self._activate(connection, proposal, (), now)
        return _known(connection, number)

    def approve(
        self, connection: Connection, number: int, *, name: str, signature: bytes, now: int
    ) -> Proposal:
        """Add an approval, and make the proposal count if it was the last one needed.

        The same approval again changes nothing.

        Args:
            signature: over the statement of ``Proposal.change``.

        Raises:
            MisconfiguredError: there is no proposal *number*.
            StaleError: it counts already, or another version came in between.
            UnauthenticError: *name* is no approver now, or did not sign this.
        """
        proposal = _known(connection, number)
        _must_follow(connection, proposal)
        current = active_approvers(connection)
        key = current.keys.get(name)
        if key is None:
            want = f"one of {', '.join(current.keys) or 'nobody'}"
            raise UnauthenticError("approval", Failure("approver", want=want, got=name[:80]))
        check_signature(proposal.change(self.origin), key, signature)
        _add(connection, number, Approval(name=name, key=key, signature=signature, time=now))
        proposal = _known(connection, number)
        counted = tuple(one for one in proposal.approvals if current.keys.get(one.name) == one.key)
        if len(counted) >= current.threshold:
            self._activate(connection, proposal, counted, now)
        return _known(connection, number)

    def _activate(
        self,
        connection: Connection,
        proposal: Proposal,
        counted: tuple[Approval, ...],
        now: int,
    ) -> None:
        number = proposal.follows + 1
        payload = self._payload(proposal, counted)
        salt = self.entropy(SALT_BYTES)
        entry = Entry(
            kind="policy",
            time=now,
            subject=f"{proposal.kind} {number} {proposal.sha256}",
            salted_sha256=salted(salt, payload),
        )
        (index,) = self.append(connection, (entry.encode(),))
        connection.execute(
            sa.update(proposals)
            .where(proposals.c.number == proposal.number)
            .values(activated=now, version=number, salt=salt, payload=payload, log_index=index)
        )

    def _payload(self, proposal: Proposal, counted: tuple[Approval, ...]) -> bytes:
        """What the log's entry is about: the statement, and who approved it with which key."""
        signed = [
            {
                "key": to_base64url(one.key),
                "name": one.name,
                "signature": to_base64url(one.signature),
            }
            for one in counted
        ]
        statement = proposal.change(self.origin).encode().decode()
        return canonical.encode({"approvals": signed, "profile": PROFILE, "statement": statement})


def check(draft: Draft) -> None:
    """Insist that *draft* is a document of its kind.

    Raises:
        MisconfiguredError: it is no policy, or its note is too long.
        MalformedError: they are no approvers.
    """
    if len(draft.note) > MAX_NOTE or len(draft.by) > MAX_BY:
        raise MisconfiguredError("proposal", f"want at most {MAX_NOTE} characters", path="note")
    if draft.kind == "policy":
        policy_document.parse(draft.document)
    else:
        approvers_document.parse(draft.document)


def _must_follow(connection: Connection, proposal: Proposal) -> None:
    if proposal.version is not None:
        raise StaleError(f"proposal {proposal.number} is version {proposal.version} already")
    current = active(connection, proposal.kind)
    if proposal.follows != current.version:
        problem = f"it follows version {proposal.follows}, and version {current.version} counts"
        hint = "propose it anew, on top of the version that counts"
        raise StaleError(f"proposal {proposal.number}: {problem}", hints=(hint,))


def _insert(connection: Connection, draft: Draft, *, follows: int, now: int) -> int:
    done = connection.execute(
        sa.insert(proposals).values(
            kind=draft.kind,
            document=draft.document,
            sha256=digest(draft.document),
            previous=draft.replaces,
            follows=follows,
            note=draft.note,
            by=draft.by,
            time=now,
        )
    )
    key = done.inserted_primary_key
    return int(key[0]) if key else 0


def _add(connection: Connection, number: int, one: Approval) -> None:
    """Record an approval, in place of one that its name gave with another key."""
    mine = (approvals.c.proposal == number) & (approvals.c.name == one.name)
    values = {"key": one.key, "signature": one.signature, "time": one.time}
    row = connection.execute(sa.select(approvals).where(mine)).one_or_none()
    if row is None:
        values |= {"proposal": number, "name": one.name}
        connection.execute(sa.insert(approvals).values(values))
    elif bytes(row.key) != one.key:
        connection.execute(sa.update(approvals).where(mine).values(values))


def _known(connection: Connection, number: int) -> Proposal:
    found = find(connection, number)
    if found is None:
        raise MisconfiguredError("proposal", f"there is none with the number {number}")
    return found
