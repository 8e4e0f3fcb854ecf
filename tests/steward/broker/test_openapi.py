"""The broker's part of the OpenAPI document says what is served, and what is served keeps to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
from sqlalchemy import create_engine
from starlette.routing import Route
from tests.steward.broker.kbs.guests import Guest
from tests.steward.broker.kbs.test_protocol import INIT_DATA, NAME, Steward, issue, judge, verify
from tests.steward.broker.test_release import KEY, accept, broker
from tests.steward.broker.test_routes import Limits, admit

from enarx.steward.broker import routes as broker_routes
from enarx.steward.broker.kbs import routes as kbs_routes
from enarx.steward.broker.kbs.resources import Resources
from enarx.steward.broker.openapi import paths
from enarx.steward.broker.routes import shown
from enarx.steward.broker.vault import Rules, Vault, entries
from enarx.steward.records.database import open_engine, reading
from enarx.steward.records.writer import Writer

METHODS = {"get", "put", "post", "delete"}


def served() -> list[Route]:
    """Every route."""
    engine = create_engine("sqlite://")
    writer, store = Writer(engine), Vault(KEY)
    writer.close()
    resources = Resources(store, allowed=lambda _: (), log=lambda *_: 0)
    verdicts = kbs_routes.Verdicts(judge=judge, issue=issue, verify=verify)
    return [
        *broker_routes.routes(
            broker(accept), store, engine=engine, writer=writer, admit=admit, now=lambda: 0,
            limits=Limits(),
        ),
        *kbs_routes.routes(
            resources, verdicts, engine=engine, writer=writer, now=lambda: 0, limits=Limits()
        ),
    ]  # fmt: skip


def schema(path: str, method: str, status: str) -> Any:  # noqa: ANN401 - JSON
    """What an answer has to be."""
    document: Any = paths()
    return document[path][method]["responses"][status]["content"]["application/json"]["schema"]


def test_every_operation_is_described_and_served() -> None:
    """No more, no less."""
    routed = {
        (route.path, method.lower())
        for route in served()
        for method in route.methods or ()
        if method != "HEAD"
    }
    described: Any = paths()
    assert {(path, m) for path, item in described.items() for m in item if m in METHODS} == routed
    names = [item[m]["operationId"] for item in described.values() for m in item if m in METHODS]
    assert len(names) == len(set(names))


def test_every_schema_is_one() -> None:
    """A draft 2020-12 schema, as OpenAPI 3.1 has them."""

    def walk(value: object) -> None:
        if isinstance(value, dict):
            if "schema" in value:
                jsonschema.Draft202012Validator.check_schema(value["schema"])
            for item in value.values():
                walk(item)
        elif isinstance(value, list):
            for item in value:
                walk(item)

    walk(paths())


@pytest.mark.parametrize("tee", ["snp", "tdx"])
def test_answers_keep_to_it(tmp_path: Path, tee: str) -> None:
    """Those of the key broker, refusals included, and what is said of a secret."""
    steward = Steward(open_engine(f"sqlite:///{tmp_path}/steward.sqlite"))
    steward.put("plain", Rules(uses=3, not_before=1, not_after=2))
    guest = Guest(steward.ask, tee, INIT_DATA)
    resource = "/kbs/v0/resource/{repository}/{type}/{tag}"
    sent: Any = paths()
    jsonschema.validate(guest.get(NAME).json(), schema(resource, "get", "401"))
    jsonschema.validate(guest.auth().json(), schema("/kbs/v0/auth", "post", "200"))
    body = sent["/kbs/v0/attest"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    jsonschema.validate(guest.attestation(), body)
    jsonschema.validate(guest.attest().json(), schema("/kbs/v0/attest", "post", "200"))
    jsonschema.validate(guest.get(NAME).json(), schema(resource, "get", "200"))
    with reading(steward.engine) as connection:
        found = [shown(entry) for entry in entries(connection)]
    assert len(found) == 3
    jsonschema.validate({"secrets": found}, schema("/v1/secrets", "get", "200"))
    steward.writer.close()
    steward.engine.dispose()
