"""The paths below /v1/keeps: from requests to ``Service``, and back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from enarx.host.keeper.messages import is_keep_id
from enarx.host.records import keeps
from enarx.protocol.agent_link import MAX_GRACE_S
from enarx.protocol.states import ENDS
from enarx.web.bodies import (
    check_media_type,
    declared_size,
    nonce_of,
    read,
    read_json,
)
from enarx.web.problem import Problem
from enarx.wire.text import to_base64url

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection, Request

    from enarx.host.api.access import Access
    from enarx.host.api.metrics import Metrics
    from enarx.host.api.service import Service
    from enarx.host.records.keeps import KeepRecord

OFFER = "application/vnd.enarx.offer.v1+json"
ENVELOPE = "application/vnd.enarx.envelope.v1"
RECEIPT = "application/vnd.enarx.receipt.v1+json"
MAX_PAGE = 200
MAX_WAIT_S = 60
MAX_NAME = 64
_MAX_WORD = 64
_DEFAULT_GRACE_S = 10.0
_MOST_DIGITS = 4


class KeepRoutes:
    """The handlers, for one service."""

    def __init__(self, service: Service, access: Access, metrics: Metrics) -> None:
        self._service = service
        self._access = access
        self._metrics = metrics

    def routes(self) -> list[Route]:
        """What starlette is to route."""
        one = "/v1/keeps/{keep}"
        return [
            Route("/v1/keeps", self._keeps, methods=["GET", "POST"]),
            Route(one, self._keep, methods=["GET", "DELETE"]),
            Route(f"{one}/offer", self._offer, methods=["POST"]),
            Route(f"{one}/envelope", self._envelope, methods=["POST"]),
            Route(f"{one}/receipt", self._receipt, methods=["GET"]),
            Route(f"{one}/stop", self._stop, methods=["POST"]),
        ]

    async def record_of(self, connection: HTTPConnection) -> KeepRecord:
        """The keep that the path names, if it is the tenant's who asks.

        Raises:
            Problem: it is not, or who asks is nobody.
        """
        tenant = await self._access.tenant_of(connection)
        keep = connection.path_params["keep"]
        if not is_keep_id(keep):
            raise Problem("not-found", "there is no such keep")
        return await self._service.find(tenant, keep)

    async def _keeps(self, request: Request) -> Response:
        tenant = await self._access.tenant_of(request)
        if request.method == "POST":
            return await self._create(request, tenant)
        most = _number(request, "limit", 1, MAX_PAGE, MAX_PAGE)
        after = request.query_params.get("after")
        if after is not None and not is_keep_id(after):
            raise Problem("malformed", "after: want the id of a keep")
        _only(request, "after", "limit")
        found = await self._service.store.run(keeps.page, tenant, after=after or "", most=most)
        full = len(found) == most
        return JSONResponse(
            {"keeps": [shown(one) for one in found], "next": found[-1].id if full else None}
        )

    async def _create(self, request: Request, tenant: str) -> Response:
        fields = await read_json(request, self._service.settings.limits)
        platform = fields.text("platform", least=1, most=_MAX_WORD)
        image = fields.text("image", most=_MAX_WORD) if "image" in fields else ""
        name = fields.text("name", most=MAX_NAME) if "name" in fields else ""
        nonce = nonce_of(fields) if "nonce" in fields else b""
        fields.done()
        if not name.isprintable():
            raise Problem("malformed", "name: want printable characters")
        record = await self._service.create(tenant, platform=platform, image=image, name=name)
        document = shown(record)
        if nonce:
            offer = await self._service.offer(record, nonce)
            record = await self._service.find(tenant, record.id)
            document = {**shown(record), "offer": to_base64url(offer)}
        headers = {"Location": f"/v1/keeps/{record.id}"}
        return JSONResponse(document, status_code=201, headers=headers)

    async def _keep(self, request: Request) -> Response:
        record = await self.record_of(request)
        if request.method == "DELETE":
            await self._service.delete(record)
            return Response(status_code=204)
        _only(request, "wait")
        wait = _number(request, "wait", 0, MAX_WAIT_S, 0)
        if wait:
            record = await self._wait(request, record, wait)
        return JSONResponse(shown(record))

    async def _wait(self, request: Request, record: KeepRecord, seconds: int) -> KeepRecord:
        """The keep when its application has ended, or after *seconds*."""
        with self._service.watch.waiting(record.id) as wait:
            record = await self.record_of(request)
            if record.ended is None and record.state not in ENDS:
                await wait(min(seconds, self._service.settings.limits.wait_s))
        return await self.record_of(request)

    async def _offer(self, request: Request) -> Response:
        record = await self.record_of(request)
        fields = await read_json(request, self._service.settings.limits)
        nonce = nonce_of(fields)
        fields.done()
        return Response(await self._service.offer(record, nonce), media_type=OFFER)

    async def _envelope(self, request: Request) -> Response:
        record = await self.record_of(request)
        check_media_type(request, ENVELOPE)
        limits = self._service.settings.limits
        size = declared_size(request, limits.envelope_bytes)
        with self._service.uploads.hold(record.tenant, size, "too much is under way already"):
            data = await read(request, most=limits.envelope_bytes, seconds=limits.envelope_s)
            try:
                receipt = await self._service.provision(record, data)
            except Problem as problem:
                self._metrics.envelopes.labels(problem.code).inc()
                raise
        self._metrics.envelopes.labels("opened").inc()
        return Response(receipt, media_type=RECEIPT)

    async def _receipt(self, request: Request) -> Response:
        record = await self.record_of(request)
        return Response(await self._service.receipt(record), media_type=RECEIPT)

    async def _stop(self, request: Request) -> Response:
        record = await self.record_of(request)
        fields = await read_json(request, self._service.settings.limits)
        grace_s = _DEFAULT_GRACE_S
        if "grace_s" in fields:
            grace_s = fields.number("grace_s", 0, MAX_GRACE_S)
        fields.done()
        record = await self._service.stop(record, grace_s)
        return JSONResponse(shown(record), status_code=202)


def shown(record: KeepRecord) -> dict[str, object]:
    """What a tenant sees of a keep."""
    return {
        "id": record.id,
        "name": record.name,
        "platform": record.platform,
        "image": record.image,
        "state": record.state,
        "workload_digest": record.workload_digest or None,
        "created": _time(record.created),
        "ended": None if record.ended is None else _time(record.ended),
        "reason": record.reason,
    }


def _time(seconds: float) -> str:
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def _only(request: Request, *names: str) -> None:
    """Refuse query parameters that mean nothing, and any given twice."""
    given = [name for name, _ in request.query_params.multi_items()]
    if set(given) - set(names) or len(given) != len(set(given)):
        raise Problem("malformed", f"query: want {', '.join(names)}, each once at most")


def _number(request: Request, name: str, least: int, most: int, default: int) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    good = text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS
    if not good or not least <= int(text) <= most:
        raise Problem("malformed", f"{name}: want {least} to {most}")
    return int(text)
