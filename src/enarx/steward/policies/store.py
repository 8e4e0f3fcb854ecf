"""The versions of a Steward's documents: what counts, what counted, and what is proposed.

A version is a proposal that was activated; the highest one of a kind counts.  Nothing is deleted.
Every function reads one connection; how the next version comes about is `changes`'.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import sqlalchemy as sa

from enarx.errors import MisconfiguredError
from enarx.steward.policies import approvers as approvers_document
from enarx.steward.policies import document as policy_document
from enarx.steward.policies.statement import KINDS, Change, Kind
from enarx.steward.records.tables import approvals, proposals

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from enarx.steward.policies.approvers import Approvers
    from enarx.steward.policies.document import StewardPolicy

MAX_LISTED = 100


class Active(NamedTuple):
    """The version that counts."""

    version: int
    document: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """One approver's signature; *time* is seconds since 1970."""

    name: str
    key: bytes
    signature: bytes
    time: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A proposed document, perhaps activated; times are seconds since 1970.

    Args:
        number: of the proposal, over all kinds.
        sha256: "sha256:…" of the document.
        previous: likewise, of the version that it replaces; empty for the first one.
        follows: the number of that version, 0 for the first one.
        by: who proposed it.
        activated: None while it is only proposed.
        version: likewise.
        log_index: where the log tells of it.
        approvals: of all who signed; whose count is decided when one is added.
    """

    number: int
    kind: Kind
    document: bytes
    sha256: str
    previous: str
    follows: int
    note: str
    by: str
    time: int
    activated: int | None
    version: int | None
    log_index: int | None
    approvals: tuple[Approval, ...]

    def change(self, origin: str) -> Change:
        """What an approver signs."""
        return Change(
            kind=self.kind,
            origin=origin,
            previous=self.previous,
            sha256=self.sha256,
            version=self.follows + 1,
        )


def active(connection: Connection, kind: Kind) -> Active:
    """The version of *kind* that counts.

    Raises:
        MisconfiguredError: there is none yet.
    """
    row = connection.execute(
        sa.select(proposals.c.version, proposals.c.document)
        .where(proposals.c.kind == kind, proposals.c.version.is_not(None))
        .order_by(proposals.c.version.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        raise MisconfiguredError("steward", f"there is no {kind} yet", hints=_INITIALISE)
    return Active(int(row.version), bytes(row.document))


_NUMBER = sa.select(sa.func.max(proposals.c.version)).where(
    proposals.c.kind == sa.bindparam("which")
)


def active_number(connection: Connection, kind: Kind) -> int:
    """The version of *kind* that counts, without its document; 0 if there is none yet."""
    return connection.scalar(_NUMBER, {"which": kind}) or 0


_INITIALISE = ("enarx steward serve makes the first one, or: enarx steward policy install FILE",)


def active_policy(connection: Connection) -> tuple[int, StewardPolicy]:
    """The policy that counts, parsed, and its version.

    Raises:
        MisconfiguredError: there is none yet.
    """
    version, text = active(connection, "policy")
    return version, policy_document.parse(text, f"policy version {version}")


def active_approvers(connection: Connection) -> Approvers:
    """Whose approvals count now.

    Raises:
        MisconfiguredError: there are none yet.
    """
    version, text = active(connection, "approvers")
    return approvers_document.parse(text, f"approvers version {version}")


def find(connection: Connection, number: int) -> Proposal | None:
    """The proposal *number*, activated or not."""
    found = _proposals(connection, proposals.c.number == number)
    return found[0] if found else None


def version(connection: Connection, kind: Kind, number: int) -> Proposal | None:
    """The version *number* of *kind*."""
    found = _proposals(connection, proposals.c.kind == kind, proposals.c.version == number)
    return found[0] if found else None


def history(
    connection: Connection, kind: Kind, *, before: int | None = None
) -> tuple[Proposal, ...]:
    """The versions of *kind*, the newest first, at most ``MAX_LISTED``.

    Args:
        before: only versions with a smaller number.
    """
    conditions = [proposals.c.kind == kind, proposals.c.version.is_not(None)]
    if before is not None:
        conditions.append(proposals.c.version < before)
    return _proposals(connection, *conditions)


def pending(connection: Connection) -> tuple[Proposal, ...]:
    """What can still be approved, of every kind, the newest first, at most ``MAX_LISTED``."""
    newest = sa.select(sa.func.max(proposals.c.version))
    follows = [
        (proposals.c.kind == kind)
        & (proposals.c.follows == newest.where(proposals.c.kind == kind).scalar_subquery())
        for kind in KINDS
    ]
    return _proposals(connection, proposals.c.version.is_(None), sa.or_(*follows))


def opening(connection: Connection, kind: Kind, number: int) -> tuple[bytes, bytes] | None:
    """The salt and the payload that open the log's entry about version *number*."""
    row = connection.execute(
        sa.select(proposals.c.salt, proposals.c.payload).where(
            proposals.c.kind == kind, proposals.c.version == number
        )
    ).one_or_none()
    return None if row is None else (bytes(row.salt), bytes(row.payload))


def _proposals(connection: Connection, *conditions: sa.ColumnElement[bool]) -> tuple[Proposal, ...]:
    rows = connection.execute(
        sa.select(proposals)
        .where(*conditions)
        .order_by(proposals.c.number.desc())
        .limit(MAX_LISTED)
    ).all()
    signed: dict[int, list[Approval]] = {row.number: [] for row in rows}
    found = connection.execute(
        sa.select(approvals)
        .where(approvals.c.proposal.in_(signed))
        .order_by(approvals.c.time, approvals.c.name)
    )
    for one in found:
        signed[one.proposal].append(
            Approval(name=one.name, key=one.key, signature=one.signature, time=one.time)
        )
    return tuple(_proposal(row, tuple(signed[row.number])) for row in rows)


def _proposal(row: Any, signed: tuple[Approval, ...]) -> Proposal:  # noqa: ANN401 - a row
    values = {
        key: value
        for key, value in row._mapping.items()  # noqa: SLF001 - SQLAlchemy's public name for it
        if key not in {"payload", "salt"}
    }
    return Proposal(**cast("dict[str, Any]", values), approvals=signed)
