"""A client's connection to its keep: WebSocket messages on one side, a socket on the other.

What travels is TLS between the client and the keep; nothing here could read it.  The socket's
other end is the keep's own, so that the keeper has no part in the copying, and a slow end makes
the other one wait: no more than a message is held in between.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocketDisconnect

from enarx.web.problem import Problem

if TYPE_CHECKING:
    import socket

    from starlette.websockets import WebSocket

    from enarx.host.api.keep_routes import KeepRoutes
    from enarx.host.api.metrics import Metrics
    from enarx.host.api.service import Service

SUBPROTOCOL = "enarx.channel.v1"
MAX_MESSAGE = 64 * 1024

_NORMAL = 1000
_POLICY = 1008


class ChannelRoute:
    """The one path that is a WebSocket."""

    def __init__(self, service: Service, keeps: KeepRoutes, metrics: Metrics) -> None:
        self._service = service
        self._keeps = keeps
        self._metrics = metrics

    def route(self) -> WebSocketRoute:
        """What starlette is to route."""
        return WebSocketRoute("/v1/keeps/{keep}/channel", self._serve)

    async def _serve(self, websocket: WebSocket) -> None:
        """Refuse before the upgrade, or relay to the end."""
        if SUBPROTOCOL not in websocket.scope["subprotocols"]:
            raise Problem("malformed", f"want the subprotocol {SUBPROTOCOL}")
        if "origin" in websocket.headers:  # a browser sends one, and its page is not the owner
            raise Problem("forbidden", "not for web pages")
        record = await self._keeps.record_of(websocket)
        with self._service.open_channel(record):
            sock = await self._service.channel(record)
            try:
                await websocket.accept(subprotocol=SUBPROTOCOL)
                with self._metrics.channels.track_inprogress():
                    await self._relay(websocket, sock)
            finally:
                sock.close()

    async def _relay(self, websocket: WebSocket, sock: socket.socket) -> None:
        up = asyncio.create_task(self._up(websocket, sock))
        down = asyncio.create_task(self._down(websocket, sock))
        try:
            await asyncio.wait((up, down), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (up, down):
                task.cancel()
                with suppress(asyncio.CancelledError, OSError, WebSocketDisconnect):
                    await task

    async def _up(self, websocket: WebSocket, sock: socket.socket) -> None:
        """Client to keep, until the client has gone away or sends something else than bytes."""
        loop = asyncio.get_running_loop()
        count = self._metrics.channel_bytes.labels("up")
        while (message := await websocket.receive())["type"] == "websocket.receive":
            data = message.get("bytes")
            if data is None:
                await websocket.close(_POLICY, "want binary messages")
                return
            await loop.sock_sendall(sock, data)
            count.inc(len(data))

    async def _down(self, websocket: WebSocket, sock: socket.socket) -> None:
        """Keep to client, until the keep closes."""
        loop = asyncio.get_running_loop()
        count = self._metrics.channel_bytes.labels("down")
        while data := await loop.sock_recv(sock, MAX_MESSAGE):
            await websocket.send_bytes(data)
            count.inc(len(data))
        await websocket.close(_NORMAL)
