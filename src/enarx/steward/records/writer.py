"""Many small writes as few transactions: whoever asks while one is under way shares the next.

One commit, and one wait for the disk, for all of them: that is what a service that records every
decision lives on.
"""

from __future__ import annotations

import queue
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

from enarx.steward.records.database import retrying

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection, Engine

_Result = TypeVar("_Result")

MOST = 64
"""Works in one transaction."""

_Item = tuple["Callable[[Connection], Any]", "Future[Any]"]


class Writer:
    """Writes to *engine* in a thread of its own, until it is closed."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._waiting: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="steward-writer", daemon=True)
        self._thread.start()

    def write(self, work: Callable[[Connection], _Result]) -> Future[_Result]:
        """Run *work* in a transaction; the result is there when it was committed.

        *work* has no effect but on the connection: it may be run again.  What it raises undoes
        what it wrote, and nothing of others.
        """
        future: Future[_Result] = Future()
        self._waiting.put((work, future))
        return future

    def close(self) -> None:
        """Finish what was asked for, and end."""
        self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        going = True
        while going:
            batch: list[_Item] = []
            item = self._waiting.get()
            while item is not None and len(batch) < MOST:
                batch.append(item)
                try:
                    item = self._waiting.get_nowait()
                except queue.Empty:
                    break
            else:
                if item is None:
                    going = False
                else:
                    batch.append(item)
            if batch:
                self._write(batch)

    def _write(self, batch: list[_Item]) -> None:
        try:
            results = retrying(
                self._engine, lambda connection: [work(connection) for work, _ in batch]
            )
        except Exception as error:  # noqa: BLE001 - handed to whoever asked
            if len(batch) == 1:
                batch[0][1].set_exception(error)
                return
            for item in batch:  # one of them failed: each by itself, so that it fails alone
                self._write([item])
            return
        for (_, future), result in zip(batch, results, strict=True):
            future.set_result(result)
