"""The paths below /v1/policy as OpenAPI 3.1, for the Steward's document.

Refers to the response ``Problem`` of the document that it becomes a part of.
"""
# exempt from the line budget: a table

from __future__ import annotations

from enarx.appraisal.composition import MAX_BYTES
from enarx.steward.policies.changes import MAX_NOTE
from enarx.steward.policies.routes import TOML
from enarx.steward.policies.statement import KINDS, MAX_VERSION
from enarx.web.problem import CODES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    Json: TypeAlias = dict[str, object]

_NUMBER: Json = {"type": "integer", "minimum": 0, "maximum": MAX_VERSION - 1}
_OR_NULL: Json = {"type": ["integer", "null"]}
_TEXT: Json = {"type": "string"}
_TEXTS: Json = {"type": "array", "items": _TEXT}
_COUNT: Json = {"type": "integer", "minimum": 0}
_SHA256: Json = {"type": "string", "pattern": "^(sha256:[0-9a-f]{64})?$"}
_SIGNATURE: Json = {
    "type": "string",
    "pattern": "^[A-Za-z0-9_-]{85}[AQgw]$",
    "description": "Ed25519 over the statement, 64 bytes, base64url without padding",
}
_NAME: Json = {
    "type": "string",
    "minLength": 1,
    "maxLength": 64,
    "pattern": "^[a-z0-9][a-z0-9._-]*$",
}


def _table(properties: Json, *, closed: bool = False, optional: tuple[str, ...] = ()) -> Json:
    made: Json = {
        "type": "object",
        "required": [key for key in properties if key not in optional],
        "properties": properties,
    }
    return {**made, "additionalProperties": False} if closed else made


_PROPOSAL: Json = {
    "number": _NUMBER,
    "kind": {"type": "string", "enum": list(KINDS)},
    "version": {**_OR_NULL, "description": "null while it is only proposed"},
    "sha256": _SHA256,
    "previous": {**_SHA256, "description": "of the version that it replaces"},
    "follows": {**_NUMBER, "description": "the number of that version"},
    "note": _TEXT,
    "by": _TEXT,
    "time": {"type": "integer", "description": "seconds since 1970"},
    "activated": _OR_NULL,
    "log_index": _OR_NULL,
    "unapproved": {"type": "boolean", "description": "it counts, and nobody approved it"},
    "approvals": {
        "type": "array",
        "items": _table({"name": _TEXT, "key": _TEXT, "signature": _TEXT, "time": _NUMBER}),
    },
}
_SUMMARY: Json = {
    "name": _TEXT,
    "platforms": _TEXTS,
    "appraisal_sha256": _TEXT,
    "lifetime_s": _COUNT,
    "dns_names": _TEXTS,
    "any_workload": {"type": "boolean"},
    "require_workload": {"type": "boolean"},
    "workloads": _COUNT,
}
_OUTCOME: Json = {
    "anyOf": [
        {"type": "null"},
        _table(
            {
                "accepted": {"type": "boolean"},
                "dns_names": _TEXTS,
                "secrets": _TEXTS,
                "failures": {
                    "type": "array",
                    "items": _table({"claim": _TEXT, "want": _TEXT, "got": _TEXT}),
                },
            }
        ),
    ]
}
_DRY_RUN: Json = _table(
    {
        "decisions": _COUNT,
        "newly_refused": _COUNT,
        "newly_accepted": _COUNT,
        "given_otherwise": _COUNT,
        "unverified": _COUNT,
        "reasons": {"type": "object", "additionalProperties": _COUNT},
        "changes": {
            "type": "array",
            "items": _table(
                {
                    "decision": _TEXT,
                    "time": _COUNT,
                    "platform": _TEXT,
                    "workload": _TEXT,
                    "recorded": {"type": "boolean"},
                    "error": _TEXT,
                    "current": _OUTCOME,
                    "proposed": _OUTCOME,
                }
            ),
        },
    }
)

_SHORT: Json = _table(_PROPOSAL)
_WHOLE: Json = _table(
    {
        **_PROPOSAL,
        "document": _TEXT,
        "statement": {**_TEXT, "description": "what an approver signs, byte for byte"},
    }
)
_POLICY: Json = _table({**_PROPOSAL, **_SUMMARY})


def paths() -> Json:
    """To stand among the document's paths."""
    return {**_version_paths(), **_proposal_paths()}


def _version_paths() -> Json:
    return {
        "/v1/policy": {"get": _policy("policy", "The policy that counts")},
        "/v1/policy/{version}": {
            "parameters": [_path("version")],
            "get": _policy("policyVersion", "A version of the policy"),
        },
        "/v1/policy/approvers": {
            "get": _operation("policyApprovers", "Whose approvals count", _APPROVERS)
        },
        "/v1/policy/history": {
            "get": {
                **_operation("policyHistory", "The versions, the newest first", _HISTORY),
                "parameters": [
                    _query("kind", {"type": "string", "enum": list(KINDS)}),
                    _query("before", _NUMBER),
                ],
            }
        },
    }


def _proposal_paths() -> Json:
    one = "/v1/policy/proposals/{number}"
    return {
        "/v1/policy/proposals": {
            "get": _operation("policyProposals", "What can be approved", _PROPOSALS),
            "post": _operation("propose", "Propose a document", _WHOLE, _DRAFT, status="201"),
        },
        one: {
            "parameters": [_path("number")],
            "get": _operation("proposal", "One proposal", _WHOLE),
        },
        f"{one}/approvals": {
            "parameters": [_path("number")],
            "post": _operation("approve", "Add an approval", _WHOLE, _APPROVAL),
        },
        "/v1/policy/dry-run": {
            "post": _operation("policyDryRun", "A policy over the last decisions", _DRY_RUN, _TRIED)
        },
    }


def _path(name: str) -> Json:
    return {"name": name, "in": "path", "required": True, "schema": _NUMBER}


def _query(name: str, schema: Json) -> Json:
    return {"name": name, "in": "query", "required": False, "schema": schema}


def _operation(
    name: str, summary: str, schema: Json, body: Json | None = None, *, status: str = "200"
) -> Json:
    content = {"application/json": {"schema": schema}}
    made: Json = {
        "operationId": name,
        "summary": summary,
        "responses": {status: {"description": summary, "content": content}, **_refusals()},
    }
    if body is not None:
        content = {"application/json": {"schema": body}}
        made["requestBody"] = {"required": True, "content": content}
    return made


def _policy(name: str, summary: str) -> Json:
    content = {"application/json": {"schema": _POLICY}, TOML: {"schema": _TEXT}}
    return {
        "operationId": name,
        "summary": summary,
        "responses": {"200": {"description": summary, "content": content}, **_refusals()},
    }


def _refusals() -> Json:
    return {
        str(status): {"$ref": "#/components/responses/Problem"}
        for status in sorted({status for status, _ in CODES.values()})
    }


_DOCUMENT: Json = {"type": "string", "maxLength": MAX_BYTES}
_APPROVERS: Json = _table(
    {
        "version": _NUMBER,
        "threshold": _COUNT,
        "keys": {"type": "object", "additionalProperties": _TEXT},
    }
)
_HISTORY: Json = _table(
    {
        "versions": {"type": "array", "items": _SHORT},
        "next": {**_OR_NULL, "description": "what `before` is for the next page"},
    }
)
_PROPOSALS: Json = _table({"proposals": {"type": "array", "items": _SHORT}})
_DRAFT: Json = _table(
    {
        "kind": {"type": "string", "enum": list(KINDS)},
        "document": _DOCUMENT,
        "replaces": _SHA256,
        "note": {"type": "string", "maxLength": MAX_NOTE},
    },
    closed=True,
    optional=("note",),
)
_APPROVAL: Json = _table({"name": _NAME, "signature": _SIGNATURE}, closed=True)
_TRIED: Json = _table({"document": _DOCUMENT}, closed=True)
