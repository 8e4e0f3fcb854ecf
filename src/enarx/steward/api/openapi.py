"""The Steward's description, OpenAPI 3.1: what is served at /openapi.json, and tested against."""
# exempt from the line budget: a table

from __future__ import annotations

from enarx import __version__
from enarx.steward.api.attest_routes import BUNDLE, EVIDENCE, PKCS10, PKI_PATH
from enarx.steward.api.record_routes import CRL
from enarx.steward.records.denials import KINDS
from enarx.web.problem import CODES, MEDIA_TYPE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeAlias

    Json: TypeAlias = dict[str, object]

_TEXT: Json = {"type": "string"}
_INTEGER: Json = {"type": "integer"}
_POLICY: Json = {
    "type": "object",
    "required": ["name", "version", "digest"],
    "properties": {"name": _TEXT, "version": _INTEGER, "digest": _TEXT},
}
_LOGGED: Json = {
    "type": "object",
    "required": ["index", "proof"],
    "properties": {
        "index": {"type": "integer", "minimum": 0},
        "proof": {"type": "string", "description": "C2SP tlog-proof"},
        "salt": {"type": "string", "description": "base64url; with the payload it opens the entry"},
        "payload": {"type": "string", "description": "the decision, canonical JSON"},
    },
}
_RESULT: Json = {
    "type": "object",
    "required": ["decision", "token", "policy", "simulated", "result", "log", "not_after"],
    "properties": {
        "decision": _TEXT,
        "token": {"type": "string", "description": "with it, the decision can be asked for"},
        "policy": _POLICY,
        "simulated": {"type": "boolean"},
        "result": {"type": "string", "description": "EAR, a signed JWT"},
        "log": _LOGGED,
        "not_after": {"type": "integer", "description": "seconds since 1970"},
    },
}
_GRANTED: Json = {
    "allOf": [
        {"$ref": "#/components/schemas/Result"},
        {
            "type": "object",
            "required": ["chain", "renew_after", "names"],
            "properties": {
                "chain": {"type": "array", "items": _TEXT, "description": "PEM, the keep's first"},
                "renew_after": {"type": "integer", "description": "seconds since 1970"},
                "names": {"type": "array", "items": _TEXT},
            },
        },
    ]
}
_PROBLEM: Json = {
    "type": "object",
    "required": ["type", "title", "status", "code", "instance"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": _TEXT,
        "status": _INTEGER,
        "code": {"type": "string", "enum": sorted(CODES)},
        "instance": _TEXT,
        "detail": _TEXT,
        "failures": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["claim", "want", "got", "hint"],
                "properties": dict.fromkeys(("claim", "want", "got", "hint"), _TEXT),
            },
        },
    },
}
_DENIAL: Json = {
    "type": "object",
    "additionalProperties": False,
    "required": ["kind", "value", "reason"],
    "properties": {
        "kind": {"type": "string", "enum": list(KINDS)},
        "value": {"type": "string", "maxLength": 256},
        "reason": {"type": "string", "maxLength": 200},
    },
}


def document(*others: Mapping[str, object]) -> Json:
    """The whole document.

    Args:
        others: the paths of other parts.
    """
    paths: Json = {**_attest_paths(), **_record_paths(), **_decision_paths()}
    for other in others:
        paths |= other
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Enarx Steward",
            "version": __version__,
            "description": "Verifies evidence, certifies keys that are bound to it, and keeps a "
            "log of its decisions that anyone can check.",
        },
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Problem": _PROBLEM, "Result": _RESULT},
            "responses": {
                "Problem": {
                    "description": "a refusal (RFC 9457)",
                    "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
                }
            },
        },
    }


def operation(
    name: str,
    summary: str,
    answers: Mapping[str, Json],
    *,
    status: str = "200",
    takes: Mapping[str, Json] | None = None,
    token: bool = False,
) -> Json:
    """One operation.

    Args:
        answers: schema by media type; empty for an answer without a body.
        takes: likewise, of what is sent.
        token: only operators may.
    """
    answer: Json = {"description": summary}
    if answers:
        answer["content"] = {media: {"schema": schema} for media, schema in answers.items()}
    problems = {
        str(number): {"$ref": "#/components/responses/Problem"}
        for number in sorted({number for number, _ in CODES.values()})
    }
    made: Json = {
        "operationId": name,
        "summary": summary,
        "responses": {status: answer, **problems},
    }
    if takes:
        content = {media: {"schema": schema} for media, schema in takes.items()}
        made["requestBody"] = {"required": True, "content": content}
    if token:
        made["security"] = [{"token": []}]
    return made


def parameter(name: str, schema: Json) -> Json:
    """A place in a path."""
    return {"name": name, "in": "path", "required": True, "schema": schema}


_CHALLENGE: Json = {
    "type": "object",
    "required": ["nonce", "expires"],
    "properties": {
        "nonce": {"type": "string", "description": "32 bytes, base64url"},
        "expires": {"type": "integer", "description": "seconds since 1970"},
    },
}
_ANYTHING: Json = {"type": "object"}
_BINARY: Json = {"type": "string", "format": "binary"}


def _attest_paths() -> Json:
    json = "application/json"
    return {
        "/": {
            "get": operation("alive", "Whether there is a Steward (Enarx 0.7)", {}),
            "post": operation(
                "enarx07",
                "Certify requests as Enarx 0.7 sends them",
                {PKI_PATH: _BINARY, BUNDLE: _BINARY},
                takes={PKCS10: _BINARY, BUNDLE: _BINARY},
            ),
        },
        "/v1/challenge": {
            "post": operation(
                "challenge", "A nonce for one use, within minutes", {json: _CHALLENGE}, status="201"
            )
        },
        "/v1/certificate": {
            "post": operation(
                "certify",
                "Certify the key of a request whose evidence is bound to it and to a nonce",
                {json: _GRANTED},
                status="201",
                takes={PKCS10: _BINARY},
            )
        },
        "/v1/attest": {
            "post": operation(
                "attest",
                "Judge evidence with identity claims beside it",
                {json: {"$ref": "#/components/schemas/Result"}},
                status="201",
                takes={EVIDENCE: _BINARY},
            )
        },
    }


def _record_paths() -> Json:
    json = "application/json"
    number = parameter("number", {"type": "integer", "minimum": 1, "maximum": 10**15})
    return {
        "/v1/health": {
            "get": operation("health", "Whether decisions can be made now", {json: _ANYTHING})
        },
        "/openapi.json": {"get": operation("document", "This document", {json: _ANYTHING})},
        "/metrics": {
            "get": operation("metrics", "Numbers for Prometheus", {"text/plain": _TEXT}, token=True)
        },
        "/v1/ca": {
            "get": operation("authority", "The chain, and the other keys", {json: _ANYTHING})
        },
        "/v1/crl": {"get": operation("crl", "The revoked certificates", {CRL: _BINARY})},
        "/v1/crl/{issuer}": {
            "parameters": [parameter("issuer", {"type": "string", "pattern": "^[0-9a-f]{16}$"})],
            "get": operation("crl-of", "Those of one intermediate", {CRL: _BINARY}),
        },
        "/v1/denials": {
            "get": operation("denials", "Everything that is denied", {json: _ANYTHING}, token=True),
            "post": operation(
                "deny",
                "Deny something at once, and revoke what was issued for it",
                {json: _ANYTHING},
                status="201",
                takes={json: _DENIAL},
                token=True,
            ),
        },
        "/v1/denials/{number}": {
            "parameters": [number],
            "delete": operation("lift", "End a denial", {}, status="204", token=True),
        },
    }


def _decision_paths() -> Json:
    identifier: Json = {"type": "string", "pattern": "^[a-z2-7]{26}$"}
    return {
        "/v1/decisions/{decision}": {
            "parameters": [parameter("decision", identifier)],
            "get": operation(
                "decision",
                "A decision, for its owner or an operator",
                {"application/json": _ANYTHING},
                token=True,
            ),
        },
    }
