"""The tables of challenges, decisions, certificates, what is denied, policies and tokens.

Times are seconds since 1970, digests and identities lower-case hexadecimal where people look for
them.  Nothing is deleted that a decision refers to, except evidence, which is kept for the last
ones only (`records.evidence`).
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, LargeBinary, Text
from sqlalchemy import Table as _Table

from enarx.steward.records.database import metadata


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def _time(name: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=nullable)


def _bytes(name: str) -> Column[bytes]:
    return Column(name, LargeBinary, nullable=False)


nonces = _Table(
    "steward_nonces",
    metadata,
    Column("nonce", LargeBinary, primary_key=True),
    _time("expires"),
    _time("consumed", nullable=True),
    Index("steward_nonces_by_end", "expires"),
)

decisions = _Table(
    "steward_decisions",
    metadata,
    Column("id", Text, primary_key=True),
    _time("time"),
    _text("purpose"),
    Column("policy", Integer, nullable=False),
    Column("accepted", Boolean, nullable=False),
    _text("platform"),
    _text("workload"),
    _text("instance"),
    _bytes("salt"),
    _bytes("payload"),
    _bytes("verdict"),
    _bytes("token_sha256"),
    Column("log_index", BigInteger, nullable=False),
    Index("steward_decisions_by_time", "time"),
)

certificates = _Table(
    "steward_certificates",
    metadata,
    Column("serial", Text, primary_key=True),
    Column("decision", Text, ForeignKey(decisions.c.id), nullable=False),
    _text("key"),
    _text("workload"),
    _text("instance"),
    _time("not_before"),
    _time("not_after"),
    _time("revoked", nullable=True),
    _text("reason"),
    Index("steward_certificates_by_key", "key"),
    Index("steward_certificates_by_workload", "workload"),
    Index("steward_certificates_by_instance", "instance"),
    Index("steward_certificates_revoked", "revoked", "not_after"),
)

evidence = _Table(
    "steward_evidence",
    metadata,
    Column("decision", Text, ForeignKey(decisions.c.id), primary_key=True),
    _time("time"),
    _text("technology"),
    _bytes("evidence"),
    _text("endorsements"),
    Index("steward_evidence_by_time", "time"),
)

endorsements = _Table(
    "steward_endorsements",
    metadata,
    Column("sha256", Text, primary_key=True),
    _bytes("data"),
)

denials = _Table(
    "steward_denials",
    metadata,
    Column("number", Integer, primary_key=True),
    _text("kind"),
    _text("value"),
    _text("reason"),
    _text("by"),
    _time("time"),
    _time("lifted", nullable=True),
    Index("steward_denials_by_value", "kind", "value"),
)

proposals = _Table(
    "steward_proposals",
    metadata,
    Column("number", Integer, primary_key=True),
    _text("kind"),
    _bytes("document"),
    _text("sha256"),
    _text("previous"),
    Column("follows", Integer, nullable=False),
    _text("note"),
    _text("by"),
    _time("time"),
    _time("activated", nullable=True),
    Column("version", Integer, nullable=True),
    Column("salt", LargeBinary, nullable=True),
    Column("payload", LargeBinary, nullable=True),
    Column("log_index", BigInteger, nullable=True),
    Index("steward_proposals_active", "kind", "version", unique=True),
)
"""A proposal that was activated is a version; the highest version of a kind counts.

*follows* is the version that it was made to replace, *previous* that one's digest; *salt* and
*payload* open the log's entry about its activation.
"""

approvals = _Table(
    "steward_approvals",
    metadata,
    Column("proposal", Integer, ForeignKey(proposals.c.number), primary_key=True),
    Column("name", Text, primary_key=True),
    _bytes("key"),
    _bytes("signature"),
    _time("time"),
)
"""*key* is the one that the name had then; it counts only while the name still has it."""

tokens = _Table(
    "steward_tokens",
    metadata,
    Column("id", Text, primary_key=True),
    _text("name"),
    _bytes("sha256"),
    _time("created"),
    _time("expires", nullable=True),
    _time("revoked", nullable=True),
)
