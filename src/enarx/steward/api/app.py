"""The Steward as one ASGI application: which paths there are, and what they share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route, Router

from enarx.steward.api.attest_routes import AttestRoutes
from enarx.steward.api.openapi import document
from enarx.steward.api.record_routes import RecordRoutes
from enarx.steward.broker import openapi as broker
from enarx.steward.log import openapi as log_paths
from enarx.steward.policies import openapi as policies
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
        others: routes of other parts; the document describes those that there are.
    """
    # No Starlette around the router: its outermost layer answers errors in its own way.
    others = tuple(others)
    described = document(described_paths(others))
    router = Router(
        [
            *AttestRoutes(desk, log).routes(),
            *RecordRoutes(desk, described, log).routes(),
            *others,
        ],
        redirect_slashes=False,
    )
    return Edge(router, metrics=desk.metrics, log=log, monotonic=desk.monotonic)


def described_paths(routes: Iterable[BaseRoute]) -> dict[str, object]:
    """What the document says about *routes*, which other parts have."""
    there = {route.path_format for route in routes if isinstance(route, Route)}
    known = {**log_paths.paths(), **policies.paths(), **broker.paths()}
    return {path: what for path, what in known.items() if path in there}
