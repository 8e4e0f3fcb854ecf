"""The outermost layer: names each request, answers every error with a problem, logs, counts.

This is where an exception that nobody expected ends: its place is in the log, the caller is told
that there was one.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException

from enarx.errors import EnarxError
from enarx.web.problem import Problem, of_error, response

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send
    from structlog.typing import FilteringBoundLogger

    from enarx.web.counters import Counters

_ID_BYTES = 12
_MAX_PARAM = 256
_HTTP = {404: "not-found", 405: "method-not-allowed", 400: "malformed"}
_QUIET = frozenset(("/v1/health", "/metrics"))
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'",
    "X-Content-Type-Options": "nosniff",
}


class Edge:
    """An ASGI application around *app*."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        metrics: Counters,
        log: FilteringBoundLogger,
        monotonic: Callable[[], float],
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._log = log
        self._monotonic = monotonic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or connection."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        scope["app"] = self  # starlette's routes then raise what they would otherwise answer
        answer = _Answer(send, os.urandom(_ID_BYTES).hex())
        began = self._monotonic()
        try:
            await self._app(scope, receive, answer.send)
        except Exception as error:  # noqa: BLE001 - the outermost edge of a request
            await self._refuse(error, answer, scope, receive)
        self._note(scope, answer, self._monotonic() - began)

    async def _refuse(
        self, error: Exception, answer: _Answer, scope: Scope, receive: Receive
    ) -> None:
        problem, extra = _problem_of(error)
        if problem.code == "bug":
            self._log.error("bug", request=answer.id, error=type(error).__name__, exc_info=error)
        if answer.status:  # it has begun: nothing can be said any more
            return
        made = response(problem, answer.id, extra)
        if scope["type"] == "websocket":
            await _deny(made.status_code, made.raw_headers, bytes(made.body), answer)
        else:
            await made(scope, receive, answer.send)

    def _note(self, scope: Scope, answer: _Answer, seconds: float) -> None:
        route = _route_of(scope)
        method = scope.get("method", "WEBSOCKET")
        known = method if route != "unknown" else "ANY"  # a stranger's words are no labels
        self._metrics.requests.labels(known, route, str(answer.status)).inc()
        self._metrics.seconds.labels(route).observe(seconds)
        if route not in _QUIET:
            self._log.info(
                "request",
                request=answer.id,
                method=method[:16],
                route=route,
                status=answer.status,
                ms=round(seconds * 1000, 1),
                **_params_of(scope),
            )


class _Answer:
    """What is sent: the status is remembered, headers that all answers have are added."""

    def __init__(self, send: Send, request_id: str) -> None:
        self.id = request_id
        self.status = 0
        self._send = send
        self._headers = [(b"x-request-id", request_id.encode())] + [
            (name.lower().encode(), value.encode()) for name, value in _HEADERS.items()
        ]

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if kind in ("http.response.start", "websocket.http.response.start"):
            self.status = message["status"]
            said = list(message.get("headers", ()))
            known = {name for name, _ in said}  # a route that knows better is heard
            added = [header for header in self._headers if header[0] not in known]
            message = {**message, "headers": [*said, *added]}
        elif kind == "websocket.accept":
            self.status = 101
        elif kind == "websocket.close" and not self.status:
            self.status = 403
        await self._send(message)


def _problem_of(error: Exception) -> tuple[Problem, dict[str, str]]:
    if isinstance(error, Problem):
        return error, {}
    if isinstance(error, EnarxError):
        return of_error(error), {}
    if isinstance(error, HTTPException):
        return Problem(_HTTP.get(error.status_code, "bug")), dict(error.headers or {})
    return Problem("bug"), {}


def _route_of(scope: Scope) -> str:
    """The path as it was declared, without what a caller put in its places."""
    if "endpoint" not in scope:
        return "unknown"
    path = scope["path"]
    names = {str(value): f"{{{name}}}" for name, value in scope.get("path_params", {}).items()}
    for value, name in names.items():
        if "/" in value:  # the whole rest of the path
            path = path.removesuffix(value) + name
    return "/".join(names.get(part, part) for part in path.split("/"))


def _params_of(scope: Scope) -> dict[str, str]:
    """What a caller put in the places of the path."""
    found = scope.get("path_params", {})
    return {name: str(value)[:_MAX_PARAM] for name, value in found.items()}


async def _deny(
    status: int, headers: list[tuple[bytes, bytes]], body: bytes, answer: _Answer
) -> None:
    """Refuse an upgrade with an ordinary response."""
    await answer.send(
        {"type": "websocket.http.response.start", "status": status, "headers": headers}
    )
    await answer.send({"type": "websocket.http.response.body", "body": body})
