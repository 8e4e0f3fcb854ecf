"""What all routes of a Steward share: threads for long work, and who may ask for what."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from enarx.steward.records import tokens
from enarx.steward.records.database import reading
from enarx.web.problem import Problem
from enarx.web.rates import Rate

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import HTTPConnection

    from enarx.steward.api.metrics import Metrics
    from enarx.steward.api.settings import Settings
    from enarx.steward.attest.service import Service

_Result = TypeVar("_Result")
_Args = ParamSpec("_Args")
_SCHEME = "bearer"


class Desk:
    """One process's way to the service.

    Args:
        monotonic: seconds, for rates and durations.
    """

    def __init__(
        self,
        service: Service,
        settings: Settings,
        metrics: Metrics,
        monotonic: Callable[[], float],
    ) -> None:
        self.service, self.settings, self.metrics = service, settings, metrics
        self.monotonic = monotonic
        self._threads = ThreadPoolExecutor(settings.limits.threads, "steward")
        self._judged = Rate(settings.limits.judged)
        self._strangers = Rate(settings.limits.strangers)

    def close(self) -> None:
        """Wait for what is under way."""
        self._threads.shutdown()

    async def run(
        self, work: Callable[_Args, _Result], *args: _Args.args, **kwargs: _Args.kwargs
    ) -> _Result:
        """The result of *work*, done in another thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, lambda: work(*args, **kwargs))

    def count(self, connection: HTTPConnection) -> None:
        """Let an address ask for one more thing that costs.

        Raises:
            Problem: it asks too often.
        """
        self._judged.take(address_of(connection), self.monotonic(), "this address asks too often")

    async def operator_of(self, connection: HTTPConnection) -> str:
        """The operator whose token *connection* shows.

        Raises:
            Problem: there is none that is valid.
        """
        token = bearer_of(connection)
        name = await self.run(self._name_of, token) if token else None
        if name is None:
            self._strangers.take(
                address_of(connection), self.monotonic(), "too many requests without a valid token"
            )
            raise Problem("unauthorized", "want Authorization: Bearer with an operator's token")
        return name

    def _name_of(self, token: str) -> str | None:
        now = int(self.service.now().timestamp())
        with reading(self.service.engine) as connection:
            return tokens.name_of(connection, token, now)


def bearer_of(connection: HTTPConnection) -> str:
    """The bearer token that *connection* shows; empty for none."""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == _SCHEME else ""


def address_of(connection: HTTPConnection) -> str:
    """Where *connection* comes from."""
    return connection.client.host if connection.client else ""
