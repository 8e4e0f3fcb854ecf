"""The API for policies, as a client sees it: tokens, documents, refusals, and its description."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import jsonschema
import pytest
import structlog
from prometheus_client import CollectorRegistry
from starlette.requests import Request
from starlette.routing import Router
from tests.steward.policies.stewards import Steward

from enarx.steward.policies import document, openapi
from enarx.steward.policies.routes import PolicyService, routes
from enarx.steward.records.writer import Writer
from enarx.web import counters
from enarx.web.edge import Edge
from enarx.web.problem import Problem
from enarx.wire.text import to_base64url

ADMIN = {"Authorization": "Bearer root"}


@dataclass(frozen=True)
class Limits:
    """Bounds of a service."""

    json_bytes: int = 4096
    json_s: float = 5.0
    head_s: float = 5.0
    connections: int = 10


@dataclass(frozen=True)
class Metrics:
    """Counters of a service."""

    registry: CollectorRegistry

    def __post_init__(self) -> None:
        """Make them once."""
        object.__setattr__(self, "requests", counters.requests("test", self.registry))
        object.__setattr__(self, "seconds", counters.seconds("test", self.registry))


@dataclass(frozen=True)
class Client:
    """Asks an application without a network."""

    app: Any

    def get(self, path: str, **options: Any) -> httpx.Response:  # noqa: ANN401 - httpx's
        """GET."""
        return self._ask("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:  # noqa: ANN401 - httpx's
        """POST."""
        return self._ask("POST", path, **options)

    def _ask(self, method: str, path: str, **options: Any) -> httpx.Response:  # noqa: ANN401
        async def run() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
                return await client.request(method, path, **options)

        return asyncio.run(run())


async def admin(request: Request) -> str:
    """An operator is who has this token."""
    if request.headers.get("authorization") != ADMIN["Authorization"]:
        raise Problem("unauthorized", "want a token")
    return "root"


async def anybody(_request: Request) -> None:
    """Policies are no secret here."""


@pytest.fixture
def client(steward: Steward) -> Iterator[Client]:
    """A client of a Steward where two of alice, bob and carol must approve."""
    writer = Writer(steward.engine)
    service = PolicyService(
        engine=steward.engine, writer=writer, policies=steward.policies, now=lambda: 1_800_000_100,
        admin=admin, reader=anybody, limits=Limits(), anchors=(),
    )  # fmt: skip
    router = Router(routes(service), redirect_slashes=False)
    log = structlog.get_logger()
    made: Any = Metrics(CollectorRegistry())
    edge = Edge(router, metrics=made, log=log, monotonic=lambda: 0.0)
    yield Client(edge)
    writer.close()


Policy = Callable[[str], bytes]


def proposed(client: Client, data: bytes, **more: str) -> dict[str, Any]:
    """A proposal to replace what counts."""
    seen = client.get("/v1/policy").json()["sha256"]
    body = {"kind": "policy", "document": data.decode(), "replaces": seen, **more}
    answer = client.post("/v1/policy/proposals", json=body, headers=ADMIN)
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/v1/policy/proposals/{answer.json()['number']}"
    found: dict[str, Any] = answer.json()
    return found


def approval(approver_key: Any, name: str, statement: str) -> dict[str, str]:  # noqa: ANN401
    """What an approver sends."""
    signature = approver_key(name).sign(statement.encode())
    return {"name": name, "signature": to_base64url(signature)}


def code(answer: Any) -> tuple[int, str]:  # noqa: ANN401 - a response
    """What kind of refusal it is."""
    return answer.status_code, answer.json()["code"]


def test_the_policy_is_told_in_short_or_whole(client: Client, make_policy: Policy) -> None:
    """JSON says what it is about, and the document itself comes where it is asked for."""
    found = client.get("/v1/policy").json()
    assert (found["version"], found["name"], found["platforms"]) == (1, "one", ["snp"])
    assert found["sha256"] == document.digest(make_policy("one"))
    assert found["unapproved"] is True
    whole = client.get("/v1/policy", headers={"Accept": "application/toml"})
    assert whole.content == make_policy("one")
    assert whole.headers["content-type"].startswith("application/toml")
    assert client.get("/v1/policy/1").json() == found


def test_a_change_goes_all_the_way(
    client: Client, make_policy: Policy, approver_key: object
) -> None:
    """Proposed with a token, approved with signatures, and then it counts."""
    one = proposed(client, make_policy("two"), note="stricter")
    assert [p["number"] for p in client.get("/v1/policy/proposals").json()["proposals"]] == [
        one["number"]
    ]
    where = f"/v1/policy/proposals/{one['number']}"
    assert client.get(where).json() == one
    for name, version in (("alice", None), ("bob", 2)):
        body = approval(approver_key, name, one["statement"])
        answer = client.post(f"{where}/approvals", json=body)
        assert answer.status_code == 200, answer.text
        assert answer.json()["version"] == version
    found = client.get("/v1/policy").json()
    assert (found["version"], found["note"], found["by"]) == (2, "stricter", "root")
    assert found["unapproved"] is False
    history = client.get("/v1/policy/history").json()
    assert [one["version"] for one in history["versions"]] == [2, 1]
    assert history["next"] is None
    assert client.get("/v1/policy/history?before=2").json()["versions"][0]["version"] == 1
    assert client.get("/v1/policy/proposals").json()["proposals"] == []
    late = client.post(f"{where}/approvals", json=approval(approver_key, "carol", one["statement"]))
    assert code(late) == (409, "stale")


def test_the_approvers_are_told(client: Client) -> None:
    """How many it takes, of whom."""
    found = client.get("/v1/policy/approvers").json()
    assert (found["version"], found["threshold"]) == (1, 2)
    assert sorted(found["keys"]) == ["alice", "bob", "carol"]


def test_a_token_does_not_approve(
    client: Client, make_policy: Policy, approver_key: object
) -> None:
    """Whoever may propose cannot decide with it: another's signature is refused."""
    one = proposed(client, make_policy("two"))
    where = f"/v1/policy/proposals/{one['number']}/approvals"
    body = approval(approver_key, "mallory", one["statement"])
    for name in ("mallory", "alice"):
        answer = client.post(where, json={**body, "name": name}, headers=ADMIN)
        assert code(answer) == (403, "forbidden")
    assert client.get("/v1/policy").json()["version"] == 1


@pytest.mark.parametrize("path", ["/v1/policy/proposals", "/v1/policy/dry-run"])
def test_a_stranger_cannot_propose(client: Client, path: str) -> None:
    """Nor have the Steward compute for nothing."""
    assert code(client.post(path, json={})) == (401, "unauthorized")


@pytest.mark.parametrize(
    ("change", "want"),
    [
        ({"document": "version = 1"}, (400, "malformed")),
        ({"document": 'include = ["/etc/passwd"]'}, (400, "malformed")),
        ({"document": "x" * 1_000_001}, (400, "malformed")),
        ({"kind": "approvers"}, (400, "malformed")),
        ({"kind": "secret"}, (400, "malformed")),
        ({"replaces": ""}, (409, "stale")),
        ({"replaces": "sha256:" + "00" * 32}, (409, "stale")),
        ({"replaces": 1}, (400, "malformed")),
        ({"note": "x" * 501}, (400, "malformed")),
        ({"more": ""}, (400, "malformed")),
    ],
)
def test_what_cannot_be_proposed(
    client: Client, make_policy: Policy, change: dict[str, object], want: tuple[int, str]
) -> None:
    """The caller is told what is wrong, and nothing is stored."""
    seen = client.get("/v1/policy").json()["sha256"]
    body = {"kind": "policy", "document": make_policy("two").decode(), "replaces": seen, **change}
    answer = client.post("/v1/policy/proposals", json=body, headers=ADMIN)
    assert code(answer) == want
    assert answer.json()["detail"]
    assert client.get("/v1/policy/proposals").json()["proposals"] == []


@pytest.mark.parametrize(
    "path",
    [
        "/v1/policy/0", "/v1/policy/2", "/v1/policy/x", "/v1/policy/2147483648",
        "/v1/policy/" + "9" * 5000, "/v1/policy/-1", "/v1/policy/proposals/99",
        "/v1/policy/proposals/99999999999", "/v1/policy/proposals/%C2%B2",
    ],
)  # fmt: skip
def test_what_is_not_there(client: Client, path: str) -> None:
    """Numbers of any size end in the same answer."""
    assert code(client.get(path)) == (404, "not-found")


@pytest.mark.parametrize(
    "query", ["kind=x", "before=x", "before=-1", "after=1", "before=99999999999"]
)
def test_a_history_is_asked_for_rightly(client: Client, query: str) -> None:
    """Unknown parameters are no wish that is silently not granted."""
    assert code(client.get(f"/v1/policy/history?{query}")) == (400, "malformed")


@pytest.mark.parametrize("signature", ["", "AA", "*" * 86, "A" * 200, 1])
def test_what_is_no_signature(client: Client, make_policy: Policy, signature: object) -> None:
    """It is refused before a key is looked at."""
    one = proposed(client, make_policy("two"))
    body = {"name": "alice", "signature": signature}
    answer = client.post(f"/v1/policy/proposals/{one['number']}/approvals", json=body)
    assert code(answer) == (400, "malformed")


def test_a_dry_run_over_nothing(client: Client, make_policy: Policy) -> None:
    """Without past decisions, nothing would change; what is no policy is refused."""
    body = {"document": make_policy("two").decode()}
    found = client.post("/v1/policy/dry-run", json=body, headers=ADMIN).json()
    assert (found["decisions"], found["newly_refused"], found["changes"]) == (0, 0, [])
    answer = client.post("/v1/policy/dry-run", json={"document": "x = 1"}, headers=ADMIN)
    assert code(answer) == (400, "malformed")


def test_answers_are_as_they_are_described(
    client: Client, make_policy: Policy, approver_key: object
) -> None:
    """Every answer of a whole change is one that the OpenAPI document allows."""
    one = proposed(client, make_policy("two"))
    where = f"/v1/policy/proposals/{one['number']}"
    body = approval(approver_key, "alice", one["statement"])
    dry = {"document": make_policy("two").decode()}
    asked = [
        ("/v1/policy", client.get("/v1/policy")),
        ("/v1/policy/{version}", client.get("/v1/policy/1")),
        ("/v1/policy/approvers", client.get("/v1/policy/approvers")),
        ("/v1/policy/history", client.get("/v1/policy/history?kind=approvers")),
        ("/v1/policy/proposals", client.get("/v1/policy/proposals")),
        ("/v1/policy/proposals/{number}", client.get(where)),
        ("/v1/policy/proposals/{number}/approvals", client.post(f"{where}/approvals", json=body)),
        ("/v1/policy/dry-run", client.post("/v1/policy/dry-run", json=dry, headers=ADMIN)),
    ]
    paths: Any = openapi.paths()
    assert {path for path, _ in asked} == set(paths)
    for path, answer in asked:
        operation = paths[path][answer.request.method.lower()]
        content = operation["responses"][str(answer.status_code)]["content"]
        schema = content["application/json"]["schema"]
        jsonschema.Draft202012Validator(schema).validate(answer.json())
