"""Many small writes as few transactions.

One commit, and one wait for the disk, for all of them: that is what a service that records every
decision lives on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

from enarx.steward.records.batches import MOST, Batches
from enarx.steward.records.database import retrying

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

    from sqlalchemy import Connection, Engine

__all__ = ["MOST", "Writer"]

_Result = TypeVar("_Result")


class Writer:
    """Writes to *engine* in a thread of its own, until it is closed."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._batches: Batches[Callable[[Connection], Any], Any] = Batches(
            "steward-writer", self._write
        )

    def write(self, work: Callable[[Connection], _Result]) -> Future[_Result]:
        """Run *work* in a transaction; the result is there when it was committed.

        *work* has no effect but on the connection: it may be run again.  What it raises undoes
        what it wrote, and nothing of others.
        """
        return cast("Future[_Result]", self._batches.submit(work))

    def close(self) -> None:
        """Finish what was asked for, and end."""
        self._batches.close()

    def _write(self, works: Sequence[Callable[[Connection], Any]]) -> Sequence[Any]:
        return retrying(self._engine, lambda connection: [work(connection) for work in works])
