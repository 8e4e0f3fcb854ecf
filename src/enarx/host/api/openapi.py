"""The API's description, OpenAPI 3.1: what is served at /openapi.json, and tested against."""
# exempt from the line budget: a table

from __future__ import annotations

from enarx import __version__
from enarx.host.api.keep_routes import ENVELOPE, MAX_NAME, MAX_PAGE, MAX_WAIT_S, OFFER, RECEIPT
from enarx.protocol.agent_link import MAX_GRACE_S
from enarx.protocol.states import STATES
from enarx.web.problem import CODES, MEDIA_TYPE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    Json: TypeAlias = dict[str, object]

_ID: Json = {"type": "string", "pattern": "^[a-z2-7]{26}$"}
_NONCE: Json = {
    "type": "string",
    "pattern": "^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$",
    "description": "32 bytes of the verifier, base64url without padding",
}
_TIME: Json = {"type": "string", "format": "date-time"}
_KEEP: Json = {
    "type": "object",
    "additionalProperties": False,
    "required": [
        "id", "name", "platform", "image", "state", "workload_digest", "created", "ended", "reason",
    ],
    "properties": {
        "id": _ID,
        "name": {"type": "string"},
        "platform": {"type": "string"},
        "image": {"type": "string"},
        "state": {"type": "string", "enum": list(STATES)},
        "workload_digest": {"type": ["string", "null"], "pattern": "^sha256:[0-9a-f]{64}$"},
        "created": _TIME,
        "ended": {"type": ["string", "null"], "format": "date-time"},
        "reason": {
            "type": "string",
            "description": "why it ended, in one word, if not by itself: crashed, deleted, "
            "interrupted, lost, refused, stopped, unused",
        },
        "offer": {"type": "string", "description": "base64url; in the answer to a creation"},
    },
}  # fmt: skip
_PROBLEM: Json = {
    "type": "object",
    "required": ["type", "title", "status", "code", "instance"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "enum": sorted(CODES)},
        "instance": {"type": "string"},
        "detail": {"type": "string"},
    },
}
_PATH_ID: Json = {"name": "keep", "in": "path", "required": True, "schema": _ID}


def document(platforms: tuple[str, ...]) -> Json:
    """The whole document, of a host with *platforms*."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Enarx host",
            "version": __version__,
            "description": "Makes keeps, hands offers out and envelopes in, and relays bytes. "
            "It is not trusted: whoever uses it verifies the offer.",
        },
        "security": [{"token": []}],
        "paths": {**_host_paths(), **_keep_paths(platforms), **_one_keep_paths()},
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Keep": _KEEP, "Problem": _PROBLEM},
            "responses": {
                "Problem": {
                    "description": "a refusal (RFC 9457)",
                    "content": {MEDIA_TYPE: {"schema": _ref("Problem")}},
                }
            },
        },
    }


def _host_paths() -> Json:
    return {
        "/v1/health": {
            "get": _operation("health", "Whether keeps can be made now", {}, _HEALTH, open_=True)
        },
        "/openapi.json": {
            "get": _operation("document", "This document", {}, {"type": "object"}, open_=True)
        },
        "/metrics": {"get": _metrics()},
        "/v1/platforms": {"get": _operation("platforms", "What keeps can be", {}, _PLATFORMS)},
    }


def _keep_paths(platforms: tuple[str, ...]) -> Json:
    one = "/v1/keeps/{keep}"
    return {
        "/v1/keeps": {
            "get": {
                **_operation("list", "The tenant's keeps, oldest first", {}, _PAGE),
                "parameters": [
                    _query("limit", {"type": "integer", "minimum": 1, "maximum": MAX_PAGE}),
                    _query("after", _ID),
                ],
            },
            "post": _creation(platforms),
        },
        one: {
            "parameters": [_PATH_ID],
            "get": {
                **_operation(
                    "find", "One keep, perhaps at the end of its application", {}, _ref("Keep")
                ),
                "parameters": [
                    _query("wait", {"type": "integer", "minimum": 0, "maximum": MAX_WAIT_S})
                ],
            },
            "delete": _deletion(),
        },
    }


def _one_keep_paths() -> Json:
    one = "/v1/keeps/{keep}"
    return {
        f"{one}/offer": {
            "parameters": [_PATH_ID],
            "post": _operation("offer", "A new offer", _body(_OFFER_REQUEST), {}, media=OFFER),
        },
        f"{one}/envelope": {
            "parameters": [_PATH_ID],
            "post": _operation("envelope", "Hand an envelope in", _SEALED, {}, media=RECEIPT),
        },
        f"{one}/receipt": {
            "parameters": [_PATH_ID],
            "get": _operation("receipt", "The receipt, once more", {}, {}, media=RECEIPT),
        },
        f"{one}/stop": {
            "parameters": [_PATH_ID],
            "post": _operation(
                "stop", "Ask the keep to end", _body(_STOP), _ref("Keep"), status="202"
            ),
        },
        f"{one}/channel": {"parameters": [_PATH_ID], "get": _upgrade()},
    }


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _query(name: str, schema: Json) -> Json:
    return {"name": name, "in": "query", "required": False, "schema": schema}


def _operation(  # one argument for each thing that differs
    name: str,
    summary: str,
    more: Json,
    schema: Json,
    *,
    status: str = "200",
    media: str = "application/json",
    open_: bool = False,
) -> Json:
    made: Json = {
        "operationId": name,
        "summary": summary,
        "responses": {
            status: {"description": summary, "content": {media: {"schema": schema}}},
            **_refusals(),
        },
        **more,
    }
    if open_:
        made["security"] = []
    return made


def _refusals() -> Json:
    return {
        str(status): {"$ref": "#/components/responses/Problem"}
        for status in sorted({status for status, _ in CODES.values()})
    }


def _body(schema: Json) -> Json:
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def _creation(platforms: tuple[str, ...]) -> Json:
    body: Json = {
        "type": "object",
        "additionalProperties": False,
        "required": ["platform"],
        "properties": {
            "platform": {"type": "string", "enum": [*platforms]},
            "image": {"type": "string", "enum": [""]},
            "name": {"type": "string", "maxLength": MAX_NAME, "pattern": "^[ -~]*$"},
            "nonce": _NONCE,
        },
    }
    return _operation("create", "Make a keep", _body(body), _ref("Keep"), status="201")


def _deletion() -> Json:
    return {
        "operationId": "delete",
        "summary": "End a keep now, and forget it",
        "responses": {"204": {"description": "it is gone"}, **_refusals()},
    }


def _metrics() -> Json:
    made = _operation("metrics", "Numbers for Prometheus", {}, {"type": "string"})
    return {
        **made,
        "responses": {
            "200": {"description": "the exposition", "content": {"text/plain": {}}},
            **_refusals(),
        },
    }


def _upgrade() -> Json:
    return {
        "operationId": "channel",
        "summary": "A WebSocket (subprotocol enarx.channel.v1) of TLS bytes to the keep",
        "responses": {"101": {"description": "the bytes' way is open"}, **_refusals()},
    }


_HEALTH: Json = {
    "type": "object",
    "required": ["status", "version"],
    "properties": {"status": {"const": "ok"}, "version": {"type": "string"}},
}
_PLATFORMS: Json = {
    "type": "object",
    "required": ["platforms", "image"],
    "properties": {
        "image": {"type": "string"},
        "platforms": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "simulated", "isolation", "image"],
                "properties": {
                    "name": {"type": "string"},
                    "simulated": {"type": "boolean"},
                    "isolation": {"type": "string", "enum": ["process", "vm"]},
                    "image": {"type": "string"},
                },
            },
        },
    },
}
_PAGE: Json = {
    "type": "object",
    "required": ["keeps", "next"],
    "properties": {
        "keeps": {"type": "array", "items": _ref("Keep")},
        "next": {"type": ["string", "null"]},
    },
}
_OFFER_REQUEST: Json = {
    "type": "object",
    "additionalProperties": False,
    "required": ["nonce"],
    "properties": {"nonce": _NONCE},
}
_STOP: Json = {
    "type": "object",
    "additionalProperties": False,
    "properties": {"grace_s": {"type": "number", "minimum": 0, "maximum": MAX_GRACE_S}},
}
_SEALED: Json = {
    "requestBody": {
        "required": True,
        "content": {ENVELOPE: {"schema": {"type": "string", "format": "binary"}}},
    }
}
