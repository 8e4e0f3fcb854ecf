"""The broker's part of the Steward's OpenAPI document: secrets, and the key broker's protocol.

The whole document has the components that are referred to: the response ``Problem``, and ``token``,
the security scheme of operators.
"""
# exempt from the line budget: a table

from __future__ import annotations

from enarx.protocol import claims
from enarx.seal.suite import KEMS
from enarx.steward.broker.kbs import evidence, messages, session
from enarx.steward.broker.kbs.jwe import A256GCM, CURVES, ECDH_ES_A256KW, RSA_OAEP_256
from enarx.steward.broker.kbs.routes import ERRORS, PREFIX
from enarx.steward.broker.routes import RECEIPT, VALUE
from enarx.steward.broker.vault import MAX_USES, MAX_VALUE_BYTES
from enarx.web.problem import CODES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    Json: TypeAlias = dict[str, object]

_BASE64URL: Json = {"type": "string", "pattern": "^[A-Za-z0-9_-]*$"}
_TEXT: Json = {"type": "string"}
_COUNT: Json = {"type": "integer", "minimum": 0}
_TIME: Json = {"type": "integer", "minimum": 0, "description": "seconds since 1970"}
_LIMIT: Json = {"type": "integer", "minimum": 0, "maximum": MAX_USES}
_DIGEST: Json = {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"}
_PART: Json = {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"}
_ID: Json = {"type": "string", "pattern": "^[0-9a-f]{32}$"}


def _or_null(schema: Json) -> Json:
    return {**schema, "type": [schema["type"], "null"]}


def _object(properties: Json, optional: tuple[str, ...] = ()) -> Json:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [name for name in properties if name not in optional],
        "properties": properties,
    }


def _list(name: str, item: Json) -> Json:
    return _object({name: {"type": "array", "items": item}})


_SECRET = _object(
    {
        "name": _TEXT,
        "version": {"type": "integer", "minimum": 1},
        "uses": _or_null(_LIMIT),
        "used": _COUNT,
        "not_before": _or_null(_TIME),
        "not_after": _or_null(_TIME),
        "created": _TIME,
    }
)
_RELEASE = _object(
    {
        "version": {"type": "integer", "minimum": 1},
        "id": _ID,
        "time": _TIME,
        "workload": _DIGEST,
        "key": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        "decision": _TEXT,
        "log_index": _COUNT,
        "received": _or_null(_TIME),
    }
)
_SEALED = _object(
    {
        "release": _ID,
        "kem": {"type": "string", "enum": list(KEMS)},
        "sealed": _BASE64URL,
        "decision": _TEXT,
        "log_index": _COUNT,
    }
)
_EC_KEY = _object(
    {
        "kty": {"const": "EC"},
        "crv": {"enum": list(CURVES)},
        "alg": {"const": ECDH_ES_A256KW},
        "x": _BASE64URL,
        "y": _BASE64URL,
    }
)
_RSA_KEY = _object(
    {"kty": {"const": "RSA"}, "alg": {"const": RSA_OAEP_256}, "n": _BASE64URL, "e": _BASE64URL}
)
_HELLO = _object(
    {
        "version": {"const": messages.VERSION},
        "tee": {"enum": list(evidence.TEES)},
        "extra-params": {
            "description": "a text, or an object; of the latter supported-hash-algorithms counts"
        },
    }
)
_CHALLENGE = _object(
    {
        "nonce": {"type": "string", "description": "32 bytes, base64"},
        "extra-params": {
            "oneOf": [
                {"const": ""},
                _object({"selected-hash-algorithm": {"enum": list(messages.HASHES)}}),
            ]
        },
    }
)
_ATTESTATION = _object(
    {
        "init-data": {
            "oneOf": [{"type": "null"}, _object({"format": {"const": "toml"}, "body": _TEXT})]
        },
        "runtime-data": _object({"nonce": _TEXT, "tee-pubkey": {"oneOf": [_EC_KEY, _RSA_KEY]}}),
        "tee-evidence": _object(
            {
                "primary_evidence": {
                    "type": "object",
                    "description": "as guest-components' attester for the TEE writes it",
                },
                "additional_evidence": {"enum": ["", "{}"]},
            }
        ),
    },
    optional=("init-data",),
)
_JWE = _object(
    {
        "protected": {
            **_BASE64URL,
            "description": f"alg ({RSA_OAEP_256} or {ECDH_ES_A256KW}), enc ({A256GCM}), epk",
        },
        "encrypted_key": _BASE64URL,
        "iv": _BASE64URL,
        "ciphertext": _BASE64URL,
        "tag": _BASE64URL,
    }
)
_ERROR = _object({"type": {"type": "string", "pattern": f"^{ERRORS}[A-Za-z]+$"}, "detail": _TEXT})


def paths() -> Json:
    """The paths of the broker and of the key broker's protocol, each with its operations."""
    one, ledger = "/v1/secrets/{name}", "/v1/secrets/{name}/ledger"
    resource = "/v1/secrets/{repository}/{type}/{tag}"
    named = [_in_path("name", {"type": "string", "pattern": "^[a-z0-9._-]{1,128}$"})]
    parts = [_in_path(name, _PART) for name in ("repository", "type", "tag")]
    return {
        "/v1/secrets/release": {"post": _release()},
        "/v1/secrets/release/{id}/receipt": {
            "parameters": [_in_path("id", _ID)],
            "post": _receipt(),
        },
        "/v1/secrets": {
            "get": _operation("secrets", "Every secret, never its value", _list("secrets", _SECRET))
        },
        one: {"parameters": named, **_one("Secret")},
        ledger: {"parameters": named, "get": _ledger("secretLedger")},
        resource: {"parameters": parts, **_one("Resource")},
        f"{resource}/ledger": {"parameters": parts, "get": _ledger("resourceLedger")},
        **_kbs(parts),
    }


def _release() -> Json:
    claims_ = {**_BASE64URL, "maxLength": claims.MAX_BYTES * 4 // 3 + 4}
    body = _object({"claims": claims_, "evidence": _BASE64URL})
    made = _operation("releaseSecrets", "Release secrets to a keep, sealed", _SEALED, status="201")
    return {**made, "security": [], **_body("application/json", body)}


def _receipt() -> Json:
    made = _operation("confirmRelease", "The keep has the secrets", None, status="204")
    return {**made, "security": [], **_body(RECEIPT, {"type": "object"})}


def _one(what: str) -> Json:
    value: Json = {"type": "string", "format": "binary", "maxLength": MAX_VALUE_BYTES}
    summary = "A new version; those before it are removed"
    return {
        "get": _operation(f"find{what}", "One secret, never its value", _SECRET),
        "put": {
            **_operation(f"put{what}", summary, _SECRET),
            "parameters": [
                {"name": name, "in": "query", "required": False, "schema": schema}
                for name, schema in (
                    ("uses", {**_LIMIT, "minimum": 1}),
                    ("not_before", _LIMIT),
                    ("not_after", _LIMIT),
                )
            ],
            **_body(VALUE, value),
        },
        "delete": _operation(f"remove{what}", "Forget the value", None, status="204"),
    }


def _ledger(name: str) -> Json:
    return _operation(name, "To whom it was released", _list("releases", _RELEASE))


def _kbs(parts: list[Json]) -> Json:
    auth = {
        **_operation("kbsAuth", "A challenge and a cookie (RCAR 0.4.0)", _CHALLENGE, kbs=True),
        **_body("application/json", _HELLO),
    }
    attest = {
        **_operation("kbsAttest", "The answer to it", _object({"token": _TEXT}), kbs=True),
        **_body("application/json", _ATTESTATION),
        "parameters": [_cookie(required=True)],
    }
    resource = {
        **_operation("kbsResource", "A secret as a JWE for the guest's key", _JWE, kbs=True),
        "parameters": [_cookie(required=False)],
        "description": "with the cookie of an attested session, or its token as bearer",
    }
    return {
        f"{PREFIX}/auth": {"post": auth},
        f"{PREFIX}/attest": {"post": attest},
        f"{PREFIX}/resource/{{repository}}/{{type}}/{{tag}}": {
            "parameters": parts,
            "get": resource,
        },
    }


def _cookie(*, required: bool) -> Json:
    return {"name": session.COOKIE, "in": "cookie", "required": required, "schema": _TEXT}


def _in_path(name: str, schema: Json) -> Json:
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _body(media: str, schema: Json) -> Json:
    return {"requestBody": {"required": True, "content": {media: {"schema": schema}}}}


def _operation(
    name: str, summary: str, schema: Json | None, *, status: str = "200", kbs: bool = False
) -> Json:
    answer: Json = {"description": summary}
    if schema is not None:
        answer["content"] = {"application/json": {"schema": schema}}
    made: Json = {"operationId": name, "summary": summary}
    if kbs:
        made["security"] = []
    return {**made, "responses": {status: answer, **(_kbs_refusals() if kbs else _refusals())}}


def _refusals() -> Json:
    return {
        str(status): {"$ref": "#/components/responses/Problem"}
        for status in sorted({status for status, _ in CODES.values()})
    }


def _kbs_refusals() -> Json:
    content = {"application/json": {"schema": _ERROR}}
    said = {
        "401": "not now, not this, or not to this guest",
        "404": "there is no such resource",
        "503": "not possible at the moment",
    }
    return {status: {"description": what, "content": content} for status, what in said.items()}
