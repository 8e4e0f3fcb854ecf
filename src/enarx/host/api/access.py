"""Who asks: a bearer token for each request, and a bound for those who have none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from enarx.host.records import tokens
from enarx.web.problem import Problem
from enarx.web.rates import Rate

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

    from enarx.host.api.service import Service

_SCHEME = "bearer"


class Access:
    """Decides whose a request is."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._strangers = Rate(service.settings.limits.strangers)
        self._requests = Rate(service.settings.quotas.requests)

    async def tenant_of(self, connection: HTTPConnection) -> str:
        """The tenant whose token *connection* shows.

        Raises:
            Problem: there is none that is valid, or it asks too often.
        """
        scheme, _, token = connection.headers.get("authorization", "").partition(" ")
        tenant = None
        if scheme.lower() == _SCHEME:
            service = self._service
            tenant = service.store.read(tokens.tenant_of, token.strip(), service.now())
        now = self._service.monotonic()
        if tenant is None:
            address = connection.client.host if connection.client else ""
            self._strangers.take(address, now, "too many requests without a valid token")
            raise Problem("unauthorized", "want Authorization: Bearer with a valid token")
        self._requests.take(tenant, now, "the tenant asks too often")
        return tenant
