"""One process of a Steward: a listening socket, until it is told to end.

It may be killed at any moment: what was answered is recorded, and what is recorded once is.
"""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

from enarx.steward.api.app import application
from enarx.web.server import Server, configured, json_log
from enarx.web.tls import tls_context

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable

    from starlette.routing import BaseRoute

    from enarx.steward.api.desk import Desk
    from enarx.steward.api.own_certificate import OwnCertificate

_RENEWAL_S = 600.0


def serve(
    desk: Desk,
    listener: socket.socket,
    own: OwnCertificate | None,
    *,
    others: Iterable[BaseRoute] = (),
    ready: Callable[[], None],
) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        listener: is bound, and closed at the end.
        own: for TLS; None where the settings name files, or there is none.
        others: routes of other parts.
        ready: called once requests are answered.
    """
    asyncio.run(_serve(desk, listener, own, others=tuple(others), ready=ready))


async def _serve(
    desk: Desk,
    listener: socket.socket,
    own: OwnCertificate | None,
    *,
    others: tuple[BaseRoute, ...],
    ready: Callable[[], None],
) -> None:
    log = json_log()
    context = own.context if own else None
    if context is None and desk.settings.tls is not None:
        context = tls_context(desk.settings.tls)
    config = configured(application(desk, log, others), desk.settings.limits, context)
    server = Server(config, ready)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    await desk.run(desk.service.announce_keys)
    renewing = asyncio.create_task(_renew(desk, own))
    try:
        await server.serve(sockets=[listener])
    finally:
        renewing.cancel()
        with suppress(asyncio.CancelledError):
            await renewing
        desk.close()


async def _renew(desk: Desk, own: OwnCertificate | None) -> None:
    """Notice a renewed authority: in the log, and in our own certificate."""
    while True:
        await asyncio.sleep(_RENEWAL_S)
        await desk.run(desk.service.announce_keys)
        if own is not None:
            own.refresh()
