"""The log for everybody: checkpoint and tiles below /log (C2SP tlog-tiles, "APIs")."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import Response
from starlette.routing import Route

from enarx.errors import MalformedError
from enarx.transparency.tiles import CHECKPOINT, parse_path
from enarx.web.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from enarx.steward.log.log import Log

    Run = Callable[..., Awaitable[Any]]

PREFIX = "/log"
_FOREVER = {"Cache-Control": "public, max-age=31536000, immutable"}
_NEVER = {"Cache-Control": "no-cache"}


def routes(log: Log, run: Run) -> list[Route]:
    """What starlette is to route; who asks need not be known.

    Args:
        run: ``await run(function, *arguments)`` calls what waits for the database in a thread.
    """

    async def checkpoint(_request: Request) -> Response:
        signed: bytes = await run(log.checkpoint)
        return Response(signed, media_type="text/plain; charset=utf-8", headers=_NEVER)

    async def tile(request: Request) -> Response:
        try:
            wanted = parse_path(f"tile/{request.path_params['tile']}")
        except MalformedError as error:
            raise Problem("not-found", error.message) from error
        found: bytes | None = await run(log.tile, wanted)
        if found is None:
            raise Problem("not-found", "the log is not as large as that")
        return Response(found, media_type="application/octet-stream", headers=_FOREVER)

    return [
        Route(f"{PREFIX}/{CHECKPOINT}", checkpoint),
        Route(f"{PREFIX}/tile/{{tile:path}}", tile),
    ]
