"""One process of a Steward: a listening socket, until it is told to end.

It may be killed at any moment: what was answered is recorded, and what is recorded once is.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

import uvicorn

from enarx.steward.api.app import application
from enarx.web.connections import protocol
from enarx.web.server import Server, json_log
from enarx.web.tls import tls_context

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Callable, Iterable

    from starlette.routing import BaseRoute

    from enarx.steward.api.desk import Desk
    from enarx.steward.api.own_certificate import OwnCertificate

_GRACE_S = 3
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
    limits = desk.settings.limits
    context = own.context if own else None
    if context is None and desk.settings.tls is not None:
        context = tls_context(desk.settings.tls)
    config = uvicorn.Config(
        application(desk, log, others),
        http=protocol(limits),
        ws="none",
        loop="asyncio",
        lifespan="off",
        log_config=None,
        log_level=logging.CRITICAL,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=int(limits.idle_s),
        timeout_graceful_shutdown=_GRACE_S,
        h11_max_incomplete_event_size=limits.head_bytes,
        ssl_certfile="named by the factory" if context else None,
        ssl_context_factory=_factory(context),
    )
    server = Server(config, ready)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    renewing = asyncio.create_task(_renew(own))
    try:
        await server.serve(sockets=[listener])
    finally:
        renewing.cancel()
        with suppress(asyncio.CancelledError):
            await renewing
        desk.close()


def _factory(context: ssl.SSLContext | None) -> Callable[..., ssl.SSLContext] | None:
    return None if context is None else lambda _config, _default: context


async def _renew(own: OwnCertificate | None) -> None:
    while own is not None:
        await asyncio.sleep(_RENEWAL_S)
        own.refresh()
