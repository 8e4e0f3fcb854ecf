"""What tenants can do with their keeps; knows the records and the keeper, and no HTTP.

Each step is recorded before the next one begins (``records.ledger``, ``watch``), so that this
process may be killed anywhere.
"""

from __future__ import annotations

import asyncio
import base64
import os
import socket
from contextlib import contextmanager

from enarx.errors import MalformedError
from enarx.host.keeper.messages import KeeperRequest
from enarx.host.records import keeps, ledger
from enarx.host.records.keeps import KeepRecord
from enarx.seal import envelope, offer, receipt
from enarx.web.problem import Problem
from enarx.web.rates import Gauge, Rate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from enarx.host.api.settings import Settings
    from enarx.host.api.store import Store
    from enarx.host.api.watch import Watch
    from enarx.host.records.ledger import Verdict

_ID_BYTES = 16
_REFUSALS: dict[Verdict, tuple[str, str]] = {
    "envelope-used": ("already-used", "this envelope was used before"),
    "key-used": ("already-used", "an envelope was handed to this keep before"),
    "not-issued": ("out-of-order", "the envelope is not for the newest offer of this keep"),
}


class Service:
    """All of it, for every tenant.

    Args:
        now: the time of the wall clock, in seconds since 1970.
        monotonic: that of a clock that never goes back.
    """

    def __init__(
        self,
        store: Store,
        watch: Watch,
        settings: Settings,
        *,
        now: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self.store = store
        self.watch = watch
        self.settings = settings
        self.now = now
        self.monotonic = monotonic
        self.uploads = Gauge(settings.quotas.upload_bytes)
        self.channels = Gauge(settings.quotas.channels)
        self._keep_channels = Gauge(settings.limits.keep_channels)
        self._creations = Rate(settings.quotas.creations)

    async def create(self, tenant: str, *, platform: str, image: str, name: str) -> KeepRecord:
        """Make a keep.

        Raises:
            Problem: the tenant may not, or no such keep can be made here.
            UnavailableError: not now.
        """
        link = self.watch.link
        if platform not in self.watch.platforms:
            raise Problem("malformed", f"no platform {platform!r} here")
        if image not in ("", self.settings.image_of(platform)):
            raise Problem("malformed", f"no image {image!r} here")
        self._creations.take(tenant, self.monotonic(), "too many keeps were made in a minute")
        record = KeepRecord(
            id=_new_id(),
            tenant=tenant,
            name=name,
            platform=platform,
            image=self.settings.image_of(platform),
            created=self.now(),
        )
        if not await self.store.run(keeps.insert, record, most=self.settings.quotas.keeps):
            raise Problem("quota", "the tenant has all the keeps that it may have")
        try:
            await link.ask(KeeperRequest(op="create", keep=record.id, platform=platform))
        except BaseException:
            await self.store.run(keeps.end, record.id, "refused", self.now())
            raise
        return record

    async def find(self, tenant: str, keep: str) -> KeepRecord:
        """The keep *keep*.

        Raises:
            Problem: *tenant* has none of that name.
        """
        record = self.store.read(keeps.find, keep, tenant)
        if record is None:
            raise Problem("not-found", "there is no such keep")
        return record

    async def offer(self, record: KeepRecord, nonce: bytes) -> bytes:
        """A new offer of the keep, for *nonce*.

        Raises:
            Problem: it has none to make any more.
        """
        self._check_alive(record)
        request = KeeperRequest(op="offer", keep=record.id, nonce=nonce)
        data = await self._answer(request, offer.MAX_BYTES)
        try:
            made = offer.parse(data)
        except MalformedError as error:
            raise Problem("bug") from error
        await self.store.run(ledger.issue, record.id, made.sha256, self.now())
        return data

    async def provision(self, record: KeepRecord, data: bytes) -> bytes:
        """Hand an envelope to the keep, which answers with the receipt.

        Raises:
            Problem: it was used before, is not for this keep, or the keep refuses.
            MalformedError: it is no envelope.
        """
        claims_sha256 = envelope.parse(data).claims_sha256  # an end is no excuse: ask the ledger
        work = self._provision(record, data, claims_sha256)
        return await asyncio.shield(asyncio.create_task(work))  # to the end, whoever goes away

    async def receipt(self, record: KeepRecord) -> bytes:
        """The keep's answer to its envelope, once more.

        Raises:
            Problem: it has given none.
        """
        found = self.store.read(ledger.find_receipt, record.id)
        if found is None and record.ended is None:
            request = KeeperRequest(op="receipt", keep=record.id)
            found = await self.watch.link.ask_for_file(request, receipt.MAX_BYTES)
        if found is None:
            raise Problem("out-of-order", "the keep has given no receipt")
        return found

    async def channel(self, record: KeepRecord) -> socket.socket:
        """A socket whose bytes are those of a connection to the keep.

        Raises:
            Problem: the keep knows no owner yet, or has ended.
        """
        self._check_alive(record)
        ours, theirs = socket.socketpair()
        ours.settimeout(0)
        try:
            await self.watch.link.ask(KeeperRequest(op="channel", keep=record.id), theirs.detach())
        except BaseException:
            ours.close()
            raise
        return ours

    async def stop(self, record: KeepRecord, grace_s: float) -> KeepRecord:
        """Ask the keep to end; one that has ended is left alone."""
        if record.ended is None:
            request = KeeperRequest(op="stop", keep=record.id, grace_s=grace_s)
            await self.watch.link.ask(request)
        return await self.find(record.tenant, record.id)

    async def delete(self, record: KeepRecord) -> None:
        """End the keep now, if it lives, and forget it."""
        if record.ended is None:
            request = KeeperRequest(op="end", keep=record.id, reason="deleted")
            try:
                await self.watch.link.ask(request)
            except Problem as problem:
                if problem.code != "out-of-order":  # the keeper has forgotten it: it has ended
                    raise
        await self.store.run(keeps.delete, record.id)

    @contextmanager
    def open_channel(self, record: KeepRecord) -> Iterator[None]:
        """Count a channel while it is open.

        Raises:
            Problem: the tenant, or the keep, has too many.
        """
        with (
            self.channels.hold(record.tenant, 1, "too many channels are open"),
            self._keep_channels.hold(record.id, 1, "too many channels to this keep are open"),
        ):
            yield

    async def _provision(self, record: KeepRecord, data: bytes, claims_sha256: bytes) -> bytes:
        self.watch.link  # noqa: B018 - nothing is used up while there is no keeper
        verdict = await self.store.run(
            ledger.consume,
            record.id,
            tenant=record.tenant,
            envelope_sha256=envelope.digest(data),
            claims_sha256=claims_sha256,
            now=self.now(),
        )
        if verdict != "consumed":
            raise Problem(*_REFUSALS[verdict])
        request = KeeperRequest(op="envelope", keep=record.id, size=len(data))
        answer = await self._answer(request, receipt.MAX_BYTES, _file_of(data))
        await self.store.run(ledger.save_receipt, record.id, answer)
        return answer

    async def _answer(self, request: KeeperRequest, most: int, fd: int = -1) -> bytes:
        """The keep's answer, a file.

        Raises:
            Problem: it refuses, or does not answer in time.
            UnavailableError: there is no keeper now.
        """
        try:
            async with asyncio.timeout(self.settings.limits.answer_s):
                return await self.watch.link.ask_for_file(request, most, fd)
        except TimeoutError as error:
            raise Problem("unavailable", "the keep does not answer") from error

    def _check_alive(self, record: KeepRecord) -> None:
        if record.ended is not None:
            raise Problem("out-of-order", f"the keep has ended: it {record.state}")


def _new_id() -> str:
    """A name that nobody can guess."""
    return base64.b32encode(os.urandom(_ID_BYTES)).decode().rstrip("=").lower()


def _file_of(data: bytes) -> int:
    """A file in memory with *data* in it."""
    fd = os.memfd_create("envelope", os.MFD_CLOEXEC)
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
    return fd
