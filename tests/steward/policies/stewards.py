"""One Steward of the tests: its database, its approvers, and a log that tests can read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, Engine

from enarx.steward.policies import document
from enarx.steward.policies.approvers import Approvers
from enarx.steward.policies.changes import Draft, Policies
from enarx.steward.policies.starter import starter
from enarx.steward.policies.statement import Change, Kind, sign
from enarx.steward.policies.store import Proposal, active
from enarx.steward.records.database import reading, writing

NOW = 1_800_000_000
ORIGIN = "steward.example.org/log"

LOG = sa.Table(
    "testLOG",
    sa.MetaData(),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("entry", sa.LargeBinary),
)


def append(connection: Connection, entries: Sequence[bytes]) -> list[int]:
    """Append to the log of these tests, in the caller's transaction."""
    size = connection.scalar(sa.select(sa.func.count()).select_from(LOG)) or 0
    rows = [{"number": size + n, "entry": entry} for n, entry in enumerate(entries)]
    connection.execute(sa.insert(LOG), rows)
    return [size + n for n in range(len(entries))]


def key_of(name: str) -> Ed25519PrivateKey:
    """The key of an approver of these tests."""
    return Ed25519PrivateKey.from_private_bytes(name.encode().ljust(32, b"."))


def approvers(threshold: int, *names: str) -> bytes:
    """A document of approvers."""
    keys = {name: key_of(name).public_key().public_bytes_raw() for name in names}
    return Approvers(threshold=threshold, keys=keys).encode()


def policy(name: str) -> bytes:
    """A policy that differs from others by its name only."""
    return starter(("snp",), name).encode()


@dataclass
class Steward:
    """One Steward of these tests.

    Args:
        salts: every draw of entropy, so that entries can be opened.
    """

    engine: Engine
    origin: str = ORIGIN
    salts: list[bytes] = field(default_factory=list)

    @property
    def policies(self) -> Policies:
        """What is tested."""
        return Policies(origin=self.origin, append=append, entropy=self._entropy)

    def _entropy(self, size: int) -> bytes:
        self.salts.append(bytes([len(self.salts)]) * size)
        return self.salts[-1]

    def initialise(self, approvers: bytes) -> None:
        """Store the first versions."""
        with writing(self.engine) as connection:
            self.policies.initialise(
                connection, policy=policy("one"), approvers=approvers, by="root", now=NOW
            )

    def active(self, kind: Kind = "policy") -> tuple[int, bytes]:
        """What counts."""
        with reading(self.engine) as connection:
            return active(connection, kind)

    def propose(
        self, data: bytes, kind: Kind = "policy", *, replaces: str | None = None
    ) -> Proposal:
        """Propose *data* to replace what counts, or what the caller says."""
        if replaces is None:
            replaces = document.digest(self.active(kind)[1])
        draft = Draft(kind=kind, document=data, replaces=replaces, note="why", by="ada")
        with writing(self.engine) as connection:
            return self.policies.propose(connection, draft, now=NOW + 1)

    def approve(self, proposal: Proposal, name: str, signature: bytes | None = None) -> Proposal:
        """Approve as *name*, with its key where no signature is given."""
        if signature is None:
            signature = sign(proposal.change(self.origin), key_of(name))
        with writing(self.engine) as connection:
            return self.policies.approve(
                connection, proposal.number, name=name, signature=signature, now=NOW + 2
            )

    def signed(self, proposal: Proposal, name: str, **other: object) -> bytes:
        """A signature of *name* under a statement that differs in *other*."""
        values = {key: getattr(proposal.change(self.origin), key) for key in Change.__slots__}
        return sign(Change(**{**values, **other}), key_of(name))

    def entries(self) -> list[bytes]:
        """The log."""
        with reading(self.engine) as connection:
            rows = connection.scalars(sa.select(LOG.c.entry).order_by(LOG.c.number))
            return [bytes(row) for row in rows]
