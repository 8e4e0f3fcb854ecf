"""The records, from inside an event loop: one thread writes, one thing after the other.

What is looked up by its key is read at once, over a connection of its own: that takes less time
than to ask the other thread, and in a write-ahead log readers wait for nobody.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from typing import Concatenate, ParamSpec, TypeVar

    P = ParamSpec("P")
    T = TypeVar("T")


class Store:
    """Runs functions of ``host.records`` with two connections, which are its own from here on.

    Args:
        reader: to the same records.
    """

    def __init__(self, connection: sqlite3.Connection, reader: sqlite3.Connection) -> None:
        self._connection = connection
        self._reader = reader
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="records")

    def read(
        self,
        function: Callable[Concatenate[sqlite3.Connection, P], T],
        *args: P.args,
        **named: P.kwargs,
    ) -> T:
        """What *function* finds: it looks up a few rows by their keys, and changes nothing."""
        return function(self._reader, *args, **named)

    async def run(
        self,
        function: Callable[Concatenate[sqlite3.Connection, P], T],
        *args: P.args,
        **named: P.kwargs,
    ) -> T:
        """What *function* returns; it is done even if nobody waits for it any more."""
        loop = asyncio.get_running_loop()
        work = partial(function, self._connection, *args, **named)
        return await loop.run_in_executor(self._thread, work)

    def close(self) -> None:
        """Do what was asked for, and close the records."""
        self._thread.shutdown(wait=True)
        self._connection.close()
        self._reader.close()
