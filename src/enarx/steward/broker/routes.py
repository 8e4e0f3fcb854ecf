"""Secrets over HTTP: released to keeps, and looked after by who has a token for it.

    POST   /v1/secrets/release                {"claims", "evidence"}, base64url
    POST   /v1/secrets/release/{id}/receipt   the keep's signed receipt
    PUT    /v1/secrets/{name}                 the value, as it is; uses, not_before, not_after
    GET    /v1/secrets, /v1/secrets/{name}, /v1/secrets/{name}/ledger
    DELETE /v1/secrets/{name}

A *name* is one part, or three (repository/type/tag).  A value goes in and comes out
sealed only; no answer has one.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from enarx.protocol import claims as protocol
from enarx.seal import receipt as receipts
from enarx.steward.broker import ledger, vault
from enarx.steward.broker.vault import MAX_USES, MAX_VALUE_BYTES, Entry, Rules
from enarx.steward.records.database import reading
from enarx.web.bodies import check_media_type, read
from enarx.web.problem import Problem
from enarx.wire.document import load
from enarx.wire.text import base64url, to_base64url

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sqlalchemy import Connection, Engine
    from starlette.requests import Request

    from enarx.steward.broker.release import Broker
    from enarx.steward.broker.vault import Vault
    from enarx.steward.records.writer import Writer
    from enarx.web.bounds import Bounds

VALUE = "application/octet-stream"
RECEIPT = "application/vnd.enarx.receipt.v1+json"
MAX_EVIDENCE_BYTES = 512 * 1024

_MAX_BODY = (MAX_EVIDENCE_BYTES + protocol.MAX_BYTES) * 4 // 3 + 1024
_Result = TypeVar("_Result")


def routes(
    broker: Broker,
    store: Vault,
    *,
    engine: Engine,
    writer: Writer,
    admit: Callable[[Request], Awaitable[object]],
    now: Callable[[], int],
    limits: Bounds,
) -> list[Route]:
    """The routes of *broker* and of the secrets in *store*.

    Args:
        admit: raises a Problem where who asks may not look after secrets.
        now: seconds since 1970.
    """
    made = _Routes(broker, store, engine=engine, writer=writer, admit=admit, now=now, limits=limits)
    return [
        Route("/v1/secrets/release", made.release, methods=["POST"]),
        Route("/v1/secrets/release/{id}/receipt", made.receipt, methods=["POST"]),
        Route("/v1/secrets", made.all, methods=["GET"]),
        *(
            route
            for name in ("{name}", "{repository}/{type}/{tag}")
            for route in (
                Route(f"/v1/secrets/{name}", made.one, methods=["GET", "PUT", "DELETE"]),
                Route(f"/v1/secrets/{name}/ledger", made.ledger, methods=["GET"]),
            )
        ),
    ]


class _Routes:
    def __init__(
        self,
        broker: Broker,
        store: Vault,
        *,
        engine: Engine,
        writer: Writer,
        admit: Callable[[Request], Awaitable[object]],
        now: Callable[[], int],
        limits: Bounds,
    ) -> None:
        self._broker, self._vault, self._engine, self._writer = broker, store, engine, writer
        self._admit, self._now, self._limits = admit, now, limits

    async def release(self, request: Request) -> Response:
        check_media_type(request, "application/json")
        data = await read(request, most=_MAX_BODY, seconds=self._limits.json_s)
        fields = load(data, "body")
        claims, evidence = (
            base64url(fields.text(key, most=_MAX_BODY), f"body: {key}")
            for key in ("claims", "evidence")
        )
        fields.done()
        asked = await asyncio.to_thread(self._broker.check, claims, evidence)
        now = self._now()
        made = await self._write(lambda connection: self._broker.release(connection, asked, now))
        document = {
            "release": made.id,
            "kem": made.kem,
            "sealed": to_base64url(made.sealed),
            "decision": made.decision,
            "log_index": made.log_index,
        }
        return JSONResponse(document, status_code=201, headers={"Cache-Control": "no-store"})

    async def receipt(self, request: Request) -> Response:
        check_media_type(request, RECEIPT)
        data = await read(request, most=receipts.MAX_BYTES, seconds=self._limits.json_s)
        release, now = request.path_params["id"], self._now()
        await self._write(lambda connection: ledger.receive(connection, release, data, now))
        return Response(status_code=204)

    async def all(self, request: Request) -> Response:
        await self._admit(request)
        found = await self._read(vault.entries)
        return JSONResponse({"secrets": [shown(entry) for entry in found]})

    async def one(self, request: Request) -> Response:
        await self._admit(request)
        name, now = _name(request), self._now()
        if request.method == "DELETE":
            if not await self._write(lambda connection: vault.remove(connection, name, now)):
                raise _missing(name)
            return Response(status_code=204)
        if request.method == "PUT":
            await self._put(request, name, now)
        found = await self._read(vault.entries)
        entry = next((entry for entry in found if entry.name == name), None)
        if entry is None:
            raise _missing(name)
        return JSONResponse(shown(entry))

    async def ledger(self, request: Request) -> Response:
        await self._admit(request)
        name = _name(request)
        found = await self._read(lambda connection: ledger.of_secret(connection, name))
        keys = ("id", "time", "workload", "key", "decision", "log_index", "received")
        return JSONResponse(
            {
                "releases": [
                    {"version": version, **{key: getattr(made, key) for key in keys}}
                    for version, made in found
                ]
            }
        )

    async def _put(self, request: Request, name: str, now: int) -> None:
        check_media_type(request, VALUE)
        unknown = set(request.query_params) - set(Rules.__slots__)
        if unknown:
            raise Problem("malformed", f"unknown parameter {min(unknown)[:64]}")
        rules = Rules(**{key: _number(request, key) for key in Rules.__slots__})
        value = await read(request, most=MAX_VALUE_BYTES, seconds=self._limits.json_s)
        await self._write(
            lambda connection: self._vault.put(connection, name, value, rules=rules, now=now)
        )

    async def _write(self, work: Callable[[Connection], _Result]) -> _Result:
        return await asyncio.wrap_future(self._writer.write(work))

    async def _read(self, work: Callable[[Connection], _Result]) -> _Result:
        def run() -> _Result:
            with reading(self._engine) as connection:
                return work(connection)

        return await asyncio.to_thread(run)


def shown(entry: Entry) -> dict[str, object]:
    """*entry* as a document."""
    return {
        "name": entry.name,
        "version": entry.version,
        "uses": entry.rules.uses,
        "used": entry.used,
        "not_before": entry.rules.not_before,
        "not_after": entry.rules.not_after,
        "created": entry.created,
    }


def _name(request: Request) -> str:
    return vault.check_name("/".join(request.path_params.values()))


def _number(request: Request, key: str) -> int | None:
    text = request.query_params.get(key)
    if text is None:
        return None
    digits = text.isascii() and text.isdecimal() and len(text) <= len(str(MAX_USES))
    if not digits or int(text) > MAX_USES:
        raise Problem("malformed", f"{key}: want a number of at most {MAX_USES}")
    return int(text)


def _missing(name: str) -> Problem:
    return Problem("not-found", f"no secret {name}")
