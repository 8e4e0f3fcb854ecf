"""The Steward as one ASGI application: which paths there are, and what they share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Router

from enarx.steward.api.attest_routes import AttestRoutes
from enarx.steward.api.openapi import document
from enarx.steward.api.others import paths
from enarx.steward.api.record_routes import RecordRoutes
from enarx.web.edge import Edge

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp
    from structlog.typing import FilteringBoundLogger

    from enarx.steward.api.desk import Desk


def application(desk: Desk, log: FilteringBoundLogger, others: Iterable[BaseRoute] = ()) -> ASGIApp:
    """The application at *desk*.

    Args:
        others: routes of other parts.
    """
    # No Starlette around the router: its outermost layer answers errors in its own way.
    router = Router(
        [
            *AttestRoutes(desk, log).routes(),
            *RecordRoutes(desk, document(paths()), log).routes(),
            *others,
        ],
        redirect_slashes=False,
    )
    return Edge(router, metrics=desk.metrics, log=log, monotonic=desk.monotonic)
