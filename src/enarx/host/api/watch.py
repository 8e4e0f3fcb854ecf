"""Between the keeper, which knows what is, and the records, which know what was promised.

At each connection the records are adapted to the keeper's list, whatever was killed before:

    in the records    at the keeper
    alive             not there                   failed: lost, with a keeper or before it was made
    alive             there                       its state is recorded
    alive             consumed, but not given     ended: its envelope got lost on the way
    ended, or none    there                       ended and forgotten

Then events are recorded one after the other.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager, suppress

from enarx.errors import EnarxError, UnavailableError
from enarx.host.api.keeper_link import KeeperLink
from enarx.host.keeper.messages import (
    MAX_KEEPS,
    KeeperRequest,
    decode_statuses,
)
from enarx.host.records import keeps, ledger
from enarx.protocol.states import ENDS
from enarx.seal import receipt
from enarx.web.problem import Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from enarx.host.api.store import Store
    from enarx.host.keeper.messages import KeepStatus

INTERRUPTED = "interrupted"
LOST = "lost"

_PAUSE_S = 0.2
_MAX_LIST = MAX_KEEPS * 400


class Watch:
    """Keeps a connection to the keeper of *directory*, and the records true.

    Args:
        now: the time of the wall clock, in seconds since 1970.
        start: called, at most once per attempt, when no keeper listens.
        noted: told each status that was recorded, for metrics and logs.
    """

    def __init__(
        self,
        directory: str,
        store: Store,
        *,
        now: Callable[[], float],
        start: Callable[[], None],
        noted: Callable[[KeepStatus], None],
    ) -> None:
        self.platforms: tuple[str, ...] = ()
        self._directory = directory
        self._store = store
        self._now = now
        self._start = start
        self._noted = noted
        self._link: KeeperLink | None = None
        self._waiting: dict[str, set[asyncio.Future[None]]] = {}

    @property
    def link(self) -> KeeperLink:
        """The connection.

        Raises:
            UnavailableError: there is none now.
        """
        if self._link is None or self._link.lost.is_set():
            raise UnavailableError("keeper", "the keeper is not there", retry_after_s=1)
        return self._link

    async def run(self) -> None:
        """Connect, again and again, until cancelled."""
        while True:
            events: asyncio.Queue[KeepStatus] = asyncio.Queue()
            try:
                link = KeeperLink(self._directory, events.put_nowait)
            except UnavailableError:
                self._start()
                await asyncio.sleep(_PAUSE_S)
                continue
            try:
                with suppress(EnarxError, Problem):
                    await self._serve(link, events)
            finally:
                self._link = None
                link.close()
            await asyncio.sleep(_PAUSE_S)

    @contextmanager
    def waiting(self, keep: str) -> Iterator[Callable[[float], Awaitable[None]]]:
        """For whoever waits for the end of *keep*: call the result to wait for some seconds.

        What is recorded from here on ends the wait, so look at the record in between.
        """
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(keep, set()).add(future)

        async def wait(seconds: float) -> None:
            with suppress(TimeoutError):
                await asyncio.wait_for(future, seconds)

        try:
            yield wait
        finally:
            waiting = self._waiting.get(keep, set())
            waiting.discard(future)
            if not waiting:
                self._waiting.pop(keep, None)

    async def _serve(self, link: KeeperLink, events: asyncio.Queue[KeepStatus]) -> None:
        await self._reconcile(link)
        self._link = link
        lost = asyncio.create_task(link.lost.wait())
        try:
            while not lost.done() or not events.empty():
                take = asyncio.create_task(events.get())
                await asyncio.wait((take, lost), return_when=asyncio.FIRST_COMPLETED)
                if not take.done():
                    take.cancel()
                    return
                await self._record(link, take.result())
        finally:
            lost.cancel()

    async def _reconcile(self, link: KeeperLink) -> None:
        hello, _ = await link.ask(KeeperRequest(op="hello"))
        data = await link.ask_for_file(KeeperRequest(op="list"), _MAX_LIST)
        there = {status.keep: status for status in decode_statuses(data)}
        alive = await self._store.run(keeps.alive)
        for record in alive:
            if record.id not in there:
                await self._end(record.id, LOST)
        known = {record.id for record in alive}
        for status in there.values():
            if status.keep not in known:
                await _discard(link, status)
            elif await self._was_interrupted(status):
                await link.ask(KeeperRequest(op="end", keep=status.keep, reason=INTERRUPTED))
            else:
                await self._record(link, status)
        self.platforms = hello.platforms

    async def _was_interrupted(self, status: KeepStatus) -> bool:
        if status.given or status.over:
            return False
        return self._store.read(ledger.is_consumed, status.keep)

    async def _record(self, link: KeeperLink, status: KeepStatus) -> None:
        await self._store.run(keeps.advance, status.keep, status.state, status.workload_digest)
        if status.state in ENDS:
            self._wake(status.keep)
        if status.over:
            if status.given:
                await self._save_receipt(link, status.keep)
            await self._end(status.keep, status.reason)
            with suppress(Problem):
                await link.ask(KeeperRequest(op="forget", keep=status.keep))
        self._noted(status)

    async def _save_receipt(self, link: KeeperLink, keep: str) -> None:
        """The keeper forgets it with the keep."""
        if self._store.read(ledger.find_receipt, keep) is None:
            with suppress(Problem):
                request = KeeperRequest(op="receipt", keep=keep)
                found = await link.ask_for_file(request, receipt.MAX_BYTES)
                await self._store.run(ledger.save_receipt, keep, found)

    async def _end(self, keep: str, reason: str) -> None:
        await self._store.run(keeps.end, keep, reason, self._now())
        self._wake(keep)

    def _wake(self, keep: str) -> None:
        for future in self._waiting.get(keep, ()):
            if not future.done():
                future.set_result(None)


async def _discard(link: KeeperLink, status: KeepStatus) -> None:
    """A keep that nobody is to know of; its end is an event, which then forgets it."""
    op = "forget" if status.over else "end"
    with suppress(Problem):
        await link.ask(KeeperRequest(op=op, keep=status.keep, reason="deleted"))
