"""The Steward's log: entries are appended with what they are about, in one transaction.

The database has the entries and the tree, and is asked anew each time; this process keeps nothing
of it but its last signature, so any number of instances may share a log.  A log that lost entries,
as an old backup has, would tell people something else than it told them before.  Therefore a
checkpoint is remembered, outside the database, before anybody gets it, and whatever is signed must
extend what is remembered.

Source: docs/design/formats/log.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from enarx.errors import MalformedError, MisconfiguredError, UnauthenticError
from enarx.steward.log import tables
from enarx.steward.log.nodes import computed, hashes, size_of
from enarx.steward.records.database import reading
from enarx.transparency.checkpoint import Checkpoint, open_checkpoint, sign
from enarx.transparency.note import verifier_of
from enarx.transparency.proof import Proof
from enarx.transparency.tiles import HEIGHT, MAX_ENTRY_BYTES, WIDTH, Tile, encode_entries
from enarx.transparency.tree import Frontier, inclusion_proof, leaf_hash, root_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from sqlalchemy import Connection, Engine

    from enarx.steward.log.memory import Memory
    from enarx.transparency.note import Verifier
    from enarx.transparency.tree import Node


class Log:
    """A log in the database of *engine*; threads may share it."""

    def __init__(self, engine: Engine, origin: str, key: Ed25519PrivateKey) -> None:
        """The log *origin*, whose checkpoints *key* signs; its tables are there.

        Raises:
            MalformedError: *origin* is no name of a log.
        """
        self.origin = origin
        self.verifier: Verifier = verifier_of(origin, key)
        self._engine = engine
        self._key = key
        self._memory: Memory | None = None
        self._signed: tuple[Checkpoint, bytes] | None = None

    def remember(self, memory: Memory) -> None:
        """From now on keep what is handed out in *memory*; what is in it must be true.

        Raises:
            MisconfiguredError: the log is another than the one that is remembered, or smaller.
            UnavailableError: the database or the memory cannot be read.
        """
        known = self._known(memory)
        if known is not None:
            self.must_extend(known)
        self._memory = memory

    def must_extend(self, known: Checkpoint) -> None:
        """Insist that the log begins with the one that *known* is of.

        Raises:
            MisconfiguredError: it is another, or smaller.
            UnavailableError: the database does not answer.
        """
        with reading(self._engine) as connection:
            _must_reach(known, size_of(connection))
            _must_be(known, computed(connection, lambda node: root_at(known.size, node)))

    def append(self, connection: Connection, entries: Sequence[bytes]) -> Sequence[int]:
        """Add *entries* in the transaction of ``writing``; their numbers, if it is committed.

        Raises:
            ValueError: an entry is too long for a bundle.
        """
        if any(len(entry) > MAX_ENTRY_BYTES for entry in entries):
            raise ValueError(f"want entries of at most {MAX_ENTRY_BYTES} bytes")
        size = size_of(connection)
        numbers = range(size, size + len(entries))
        if not entries:
            return numbers
        frontier = computed(connection, lambda node: Frontier(size, node))
        made = [node for entry in entries for node in frontier.append(leaf_hash(entry))]
        connection.execute(
            sa.insert(tables.entries),
            [
                {"number": number, "entry": entry}
                for number, entry in zip(numbers, entries, strict=True)
            ],
        )
        connection.execute(
            sa.insert(tables.nodes),
            [
                {"position": tables.position(level, index), "hash": found}
                for level, index, found in made
            ],
        )
        return numbers

    def checkpoint(self) -> bytes:
        """The signed checkpoint of everything that is committed.

        Raises:
            MisconfiguredError: the log lost entries, or has others than it once had.
            UnavailableError: the database or the memory does not answer.
        """
        return self._prove(())[1]

    def proofs(self, indexes: Sequence[int]) -> tuple[bytes, ...]:
        """For each entry the proof that it is in the log, all with the same checkpoint.

        Raises:
            ValueError: there is no such entry, or it is not committed.
            MisconfiguredError, UnavailableError: as ``checkpoint``.
        """
        paths, checkpoint = self._prove(indexes)
        return tuple(
            Proof(index=index, hashes=path, checkpoint=checkpoint).encode()
            for index, path in zip(indexes, paths, strict=True)
        )

    def entry(self, index: int) -> bytes:
        """Entry *index*.

        Raises:
            ValueError: there is no such entry.
            UnavailableError: the database does not answer.
        """
        found = self._entries(index, 1)
        if not found:
            raise ValueError(f"no entry {index}")
        return found[0]

    def tile(self, tile: Tile) -> bytes | None:
        """The contents of *tile*; None if the log is not as large as that.

        Raises:
            UnavailableError: the database does not answer.
        """
        begin = tile.number * WIDTH
        if tile.level < 0:
            found = self._entries(begin, tile.width)
            return encode_entries(found) if len(found) == tile.width else None
        level = tile.level * HEIGHT
        wanted = [tables.position(level, index) for index in range(begin, begin + tile.width)]
        if wanted[-1] > _MAX_POSITION:
            return None
        with reading(self._engine) as connection:
            nodes = hashes(connection, wanted)
        return b"".join(nodes[at] for at in wanted) if len(nodes) == tile.width else None

    def _entries(self, begin: int, count: int) -> list[bytes]:
        columns = tables.entries.c
        query = sa.select(columns.entry).where(columns.number.between(begin, begin + count - 1))
        if not 0 <= begin <= _MAX_POSITION:
            return []
        with reading(self._engine) as connection:
            return [bytes(entry) for entry in connection.scalars(query.order_by(columns.number))]

    def _prove(self, indexes: Sequence[int]) -> tuple[list[tuple[bytes, ...]], bytes]:
        """Inclusion proofs, and a checkpoint of the size that they are for: one state of all."""
        memory = self._memory
        known = self._known(memory) if memory else None  # before the snapshot: that is newer then
        with reading(self._engine) as connection:
            size = size_of(connection)
            if known is not None:
                _must_reach(known, size)

            def compute(node: Node) -> tuple[list[tuple[bytes, ...]], bytes, bytes]:
                paths = [inclusion_proof(index, size, node) for index in indexes]
                return paths, root_at(size, node), root_at(known.size if known else 0, node)

            paths, root, old_root = computed(connection, compute)
        if known is not None:
            _must_be(known, old_root)
        checkpoint = Checkpoint(origin=self.origin, size=size, root=root)
        signed = self._sign(checkpoint)
        if memory and known != checkpoint:
            memory.save(signed)
        return paths, signed

    def _sign(self, checkpoint: Checkpoint) -> bytes:
        last = self._signed
        if last is None or last[0] != checkpoint:
            last = self._signed = (checkpoint, sign(checkpoint, self._key))
        return last[1]

    def _known(self, memory: Memory) -> Checkpoint | None:
        data = memory.load()
        if data is None:
            return None
        last = self._signed
        if last is not None and last[1] == data:
            return last[0]
        try:
            return open_checkpoint(data, self.origin, (self.verifier,))
        except (MalformedError, UnauthenticError) as error:
            raise MisconfiguredError(
                "log",
                f"the remembered checkpoint is not this log's: {error}",
                hints=("was the origin or the key of the log changed? then it is another log",),
            ) from error


_MAX_POSITION = (1 << 63) - 1
"""What a BIGINT holds."""


_ROLLED_BACK = (
    "the database is older than what the log told others: restore its newest backup",
    "if there is none, the log is broken: start another, with another origin, and say so",
)


def _must_reach(known: Checkpoint, size: int) -> None:
    if size < known.size:
        problem = f"got {size} entries, want at least the {known.size} that were shown to others"
        raise MisconfiguredError("log", problem, hints=_ROLLED_BACK)


def _must_be(known: Checkpoint, root: bytes) -> None:
    if root != known.root:
        problem = f"the first {known.size} entries are others than those that were shown to others"
        raise MisconfiguredError("log", problem, hints=_ROLLED_BACK)
