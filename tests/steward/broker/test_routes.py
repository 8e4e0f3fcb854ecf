"""The broker over HTTP: what keeps and operators see of it, which is never a value."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from functools import partial
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from tests.steward.broker.test_release import (
    CANARY,
    KEY,
    NOW,
    Keep,
    accept,
    broker,
    evidence_for,
    nonce,
    prepare,
)

from enarx.errors import EnarxError
from enarx.steward.broker.ledger import find
from enarx.steward.broker.routes import RECEIPT, VALUE, routes
from enarx.steward.broker.vault import Rules, Vault
from enarx.steward.records.database import reading
from enarx.steward.records.writer import Writer
from enarx.web.problem import Problem, of_error, response
from enarx.wire.text import base64url, to_base64url

ADMIN = {"Authorization": "Bearer admin"}


class Limits:
    """Bounds of requests."""

    json_bytes, json_s, head_s, connections = 65536, 10.0, 10.0, 16


async def admit(request: Request) -> None:
    """Let in who has the token."""
    if request.headers.get("authorization") != ADMIN["Authorization"]:
        raise Problem("unauthorized")


async def refused(_request: Request, error: Exception) -> Response:
    """The document for an error."""
    problem = of_error(error) if isinstance(error, EnarxError) else error
    assert isinstance(problem, Problem)
    return response(problem, "0")


class Client:
    """Asks an application, each time on a connection of its own."""

    def __init__(self, app: Starlette) -> None:
        self._app = app
        self.get, self.put = partial(self.request, "GET"), partial(self.request, "PUT")
        self.post, self.delete = partial(self.request, "POST"), partial(self.request, "DELETE")

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:  # noqa: ANN401 - as httpx
        """Send one request."""

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
                return await client.request(method, path, **more)

        return asyncio.run(send())


@pytest.fixture
def client(engine: Engine) -> Iterator[Client]:
    """A client of a broker on an otherwise empty database."""
    prepare(engine, Rules(uses=1))
    writer = Writer(engine)
    served = routes(
        broker(accept), Vault(KEY), engine=engine, writer=writer, admit=admit,
        now=lambda: NOW, limits=Limits(),
    )  # fmt: skip
    app = Starlette(routes=served, exception_handlers={Problem: refused, EnarxError: refused})
    yield Client(app)
    writer.close()


def test_a_keep_asks_opens_and_confirms(client: Client, engine: Engine) -> None:
    """The whole way, and what the ledger then says."""
    keep = Keep(nonce(0))
    evidence = evidence_for(keep.claims)
    body = {"claims": to_base64url(keep.claims), "evidence": to_base64url(evidence)}
    answer = client.post("/v1/secrets/release", json=body)
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    assert client.post("/v1/secrets/release", json=body).json() == answer.json()
    digest = hashlib.sha256(keep.claims)
    opened = keep.key.open(base64url(answer.json()["sealed"], "x"), digest.digest())
    assert to_base64url(CANARY).encode() in opened
    with reading(engine) as connection:
        found = find(connection, digest.hexdigest())
    assert found is not None
    url = f"/v1/secrets/release/{found.id}/receipt"
    signed = keep.receipt(found)
    assert client.post(url, content=signed, headers={"Content-Type": RECEIPT}).status_code == 204
    (entry,) = client.get("/v1/secrets/db/ledger", headers=ADMIN).json()["releases"]
    assert (entry["id"], entry["received"], "sealed" in entry) == (found.id, NOW, False)
    other = Keep(nonce(1))
    body = {"claims": to_base64url(other.claims), "evidence": ""}
    assert client.post("/v1/secrets/release", json=body).json()["code"] == "already-used"


def test_operators_put_list_and_remove(client: Client) -> None:
    """Values go in only."""
    headers = {**ADMIN, "Content-Type": VALUE}
    put = client.put("/v1/secrets/a?uses=2&not_after=9", content=CANARY, headers=headers)
    assert put.json() == {
        "name": "a", "version": 1, "uses": 2, "used": 0, "not_before": None, "not_after": 9,
        "created": NOW,
    }  # fmt: skip
    listed = client.get("/v1/secrets", headers=ADMIN)
    assert [one["name"] for one in listed.json()["secrets"]] == ["a", "db"]
    assert CANARY.decode() not in listed.text
    assert client.get("/v1/secrets/a", headers=ADMIN).json() == put.json()
    assert client.delete("/v1/secrets/a", headers=ADMIN).status_code == 204
    assert client.delete("/v1/secrets/a", headers=ADMIN).status_code == 404
    assert client.get("/v1/secrets/a", headers=ADMIN).status_code == 404


def test_a_resource_has_a_name_of_three_parts(client: Client) -> None:
    """Repository, type and tag; what the paths of requests use is no name, nor are two parts."""
    headers = {**ADMIN, "Content-Type": VALUE}
    put = partial(client.put, content=b"x", headers=headers)
    assert put("/v1/secrets/default/Key/ledger").json()["name"] == "default/Key/ledger"
    assert client.get("/v1/secrets/default/Key/ledger/ledger", headers=ADMIN).status_code == 200
    assert client.get("/v1/secrets/default/Key/ledger", headers=ADMIN).status_code == 200
    assert put("/v1/secrets/release").json()["code"] == "malformed"
    assert put("/v1/secrets/default/.key/1").json()["code"] == "malformed"


@pytest.mark.parametrize("query", ["uses=x", "uses=0", "other=1", "not_before=-1"])
def test_rules_that_are_none(client: Client, query: str) -> None:
    """Numbers, and known names."""
    headers = {**ADMIN, "Content-Type": VALUE}
    assert client.put(f"/v1/secrets/a?{query}", content=b"", headers=headers).status_code == 400


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("GET", "/db"),
        ("PUT", "/db"),
        ("DELETE", "/db"),
        ("GET", "/db/ledger"),
    ],
)
def test_strangers_see_nothing(client: Client, method: str, path: str) -> None:
    """Without a token."""
    assert client.request(method, f"/v1/secrets{path}").status_code == 401
