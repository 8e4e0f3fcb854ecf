"""The API as a process: records, a connection to the keeper, and a listening socket.

It may be killed at any moment; keeps go on, and the next one finds them again.
"""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

from enarx.host.api.app import application
from enarx.host.api.metrics import Metrics
from enarx.host.api.service import Service
from enarx.host.api.store import Store
from enarx.host.api.watch import Watch
from enarx.host.records.database import open_database
from enarx.web.server import Server, configured, json_log
from enarx.web.tls import tls_context

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    import uvicorn

    from enarx.host.api.settings import Settings
    from enarx.host.keeper.messages import KeepStatus

_PING_S = 20.0


def serve(
    directory: str,
    listener: socket.socket,
    settings: Settings,
    *,
    now: Callable[[], float],
    monotonic: Callable[[], float],
    start_keeper: Callable[[], None],
    ready: Callable[[], None],
) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        directory: the state directory, private, whose lock the caller holds.
        listener: is bound, and closed at the end.
        now: the wall clock, in seconds since 1970.
        start_keeper: starts a keeper, unless one is starting; called while there is none.
        ready: called once requests are answered.

    Raises:
        UnavailableError, MisconfiguredError: the records cannot be used.
    """
    asyncio.run(
        _Api(directory, settings, now=now, monotonic=monotonic, start_keeper=start_keeper).run(
            listener, ready
        )
    )


class _Api:
    def __init__(
        self,
        directory: str,
        settings: Settings,
        *,
        now: Callable[[], float],
        monotonic: Callable[[], float],
        start_keeper: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._log = json_log()
        self._metrics = Metrics()
        self._store = Store(open_database(directory), open_database(directory))
        self._watch = Watch(directory, self._store, now=now, start=start_keeper, noted=self._note)
        self._service = Service(self._store, self._watch, settings, now=now, monotonic=monotonic)

    async def run(self, listener: socket.socket, ready: Callable[[], None]) -> None:
        server = Server(self._config(), ready)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, server.stop)
        watching = asyncio.create_task(self._watch.run())
        watching.add_done_callback(lambda _: server.stop())
        try:
            await server.serve(sockets=[listener])
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
            self._store.close()

    def _config(self) -> uvicorn.Config:
        limits, tls = self._settings.limits, self._settings.tls
        return configured(
            application(self._service, self._metrics, self._log),
            limits,
            tls_context(tls) if tls else None,
            ws="websockets-sansio",
            ws_max_size=limits.message_bytes,
            ws_ping_interval=_PING_S,
            ws_ping_timeout=_PING_S,
            ws_per_message_deflate=False,
        )

    def _note(self, status: KeepStatus) -> None:
        if status.over:
            self._metrics.ends.labels(status.state).inc()
        self._log.info(
            "keep",
            keep=status.keep,
            state=status.state,
            platform=status.platform,
            over=status.over,
            reason=status.reason,
        )
