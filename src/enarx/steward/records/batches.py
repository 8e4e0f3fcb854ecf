"""Many small works as few large ones: whoever asks while one is under way shares the next."""

from __future__ import annotations

import queue
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

MOST = 64
"""Items in one batch."""


class Batches(Generic[_Item, _Result]):
    """Works in a thread of its own, until it is closed.

    Args:
        work: the results of some items, in their order.  What it raises for several is tried again
            for each by itself, so that one item fails alone.
    """

    def __init__(self, name: str, work: Callable[[Sequence[_Item]], Sequence[_Result]]) -> None:
        self._work = work
        self._waiting: queue.SimpleQueue[tuple[_Item, Future[_Result]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, item: _Item) -> Future[_Result]:
        """Have *item* worked on."""
        future: Future[_Result] = Future()
        self._waiting.put((item, future))
        return future

    def close(self) -> None:
        """Finish what was asked for, and end."""
        self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        going = True
        while going:
            batch = []
            found = self._waiting.get()
            while found is not None:
                batch.append(found)
                if len(batch) == MOST:
                    break
                try:
                    found = self._waiting.get_nowait()
                except queue.Empty:
                    break
            going = found is not None
            if batch:
                self._do(batch)

    def _do(self, batch: Sequence[tuple[_Item, Future[_Result]]]) -> None:
        try:
            results = self._work([item for item, _ in batch])
        except Exception as error:  # noqa: BLE001 - handed to whoever asked
            if len(batch) == 1:
                batch[0][1].set_exception(error)
                return
            for one in batch:
                self._do([one])
            return
        for (_, future), result in zip(batch, results, strict=True):
            future.set_result(result)
