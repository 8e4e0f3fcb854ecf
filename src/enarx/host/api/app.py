"""The API as one ASGI application: which paths there are, and what they share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router

from enarx import __version__
from enarx.errors import UnavailableError
from enarx.host.api.access import Access
from enarx.host.api.channel import ChannelRoute
from enarx.host.api.keep_routes import KeepRoutes
from enarx.host.api.metrics import MEDIA_TYPE
from enarx.host.api.openapi import document
from enarx.host.records import keeps
from enarx.web.edge import Edge

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp
    from structlog.typing import FilteringBoundLogger

    from enarx.host.api.metrics import Metrics
    from enarx.host.api.service import Service


def application(service: Service, metrics: Metrics, log: FilteringBoundLogger) -> ASGIApp:
    """The application around *service*."""
    access = Access(service)
    keep_routes = KeepRoutes(service, access, metrics)
    host_routes = _HostRoutes(service, access, metrics)
    # No Starlette around the router: its outermost layer answers errors in its own way.
    router = Router(
        [
            *host_routes.routes(),
            *keep_routes.routes(),
            ChannelRoute(service, keep_routes, metrics).route(),
        ],
        redirect_slashes=False,
    )
    return Edge(router, metrics=metrics, log=log, monotonic=service.monotonic)


class _HostRoutes:
    """What is about the host, not about a keep."""

    def __init__(self, service: Service, access: Access, metrics: Metrics) -> None:
        self._service = service
        self._access = access
        self._metrics = metrics
        self._openapi = document(service.settings.platforms)

    def routes(self) -> list[Route]:
        return [
            Route("/v1/health", self._health),
            Route("/openapi.json", self._document),
            Route("/v1/platforms", self._platforms),
            Route("/metrics", self._exposition),
        ]

    async def _health(self, _request: Request) -> Response:
        """Whether keeps can be made and reached now."""
        _ = self._service.watch.link
        return JSONResponse({"status": "ok", "version": __version__})

    async def _document(self, _request: Request) -> Response:
        return JSONResponse(self._openapi)

    async def _platforms(self, request: Request) -> Response:
        await self._access.tenant_of(request)
        _ = self._service.watch.link
        settings = self._service.settings
        platforms = [
            {
                "name": name,
                "simulated": name != settings.hardware,
                "isolation": "vm" if settings.is_vm(name) else "process",
                "image": settings.image_of(name),
            }
            for name in self._service.watch.platforms
        ]
        return JSONResponse({"platforms": platforms, "image": settings.image})

    async def _exposition(self, request: Request) -> Response:
        await self._access.tenant_of(request)
        found = await self._service.store.run(keeps.count_by_state)
        return Response(self._metrics.text(found, keeper=self._is_up()), media_type=MEDIA_TYPE)

    def _is_up(self) -> bool:
        try:
            _ = self._service.watch.link
        except UnavailableError:
            return False
        return True
