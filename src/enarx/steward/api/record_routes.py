"""What a Steward tells about itself and its records: authority, revocations, decisions, denials."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from enarx import __version__
from enarx.pki.crl import Entry
from enarx.steward.api.desk import bearer_of
from enarx.steward.api.metrics import MEDIA_TYPE
from enarx.steward.records import certificates, denials
from enarx.steward.records.database import reading
from enarx.steward.records.tables import decisions
from enarx.transparency.note import verifier_of
from enarx.web import bodies
from enarx.web.problem import Problem
from enarx.wire.text import to_base64url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from structlog.typing import FilteringBoundLogger

    from enarx.appraisal import ear_token
    from enarx.steward.api.desk import Desk
    from enarx.steward.records.denials import Kind

CRL = "application/pkix-crl"
PEM = "application/pem-certificate-chain"
_MAX_VALUE = 256
_MAX_REASON = 200
_MAX_NUMBER = 18


class RecordRoutes:
    """The routes.

    Args:
        document: the OpenAPI document.
        log: where audit events go.
    """

    def __init__(self, desk: Desk, document: dict[str, object], log: FilteringBoundLogger) -> None:
        self._desk = desk
        self._openapi = document
        self._log = log

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route("/v1/health", self._health),
            Route("/openapi.json", self._document),
            Route("/metrics", self._exposition),
            Route("/v1/ca", self._authority),
            Route("/v1/crl", self._crl),
            Route("/v1/crl/{issuer}", self._crl),
            Route("/v1/decisions/{decision}", self._decision),
            Route("/v1/denials", self._denials, methods=["GET", "POST"]),
            Route("/v1/denials/{number}", self._lift, methods=["DELETE"]),
        ]

    async def _health(self, _request: Request) -> Response:
        """Whether decisions can be made now."""
        number, policy = await self._desk.run(self._desk.service.policy)
        return JSONResponse(
            {
                "status": "ok",
                "version": __version__,
                "policy": {
                    "name": policy.appraisal.name,
                    "version": number,
                    "digest": policy.digest,
                },
                "simulated": self._desk.service.means.accept_simulated,
            }
        )

    async def _document(self, _request: Request) -> Response:
        return JSONResponse(self._openapi)

    async def _exposition(self, request: Request) -> Response:
        await self._desk.operator_of(request)
        return Response(self._desk.metrics.text(), media_type=MEDIA_TYPE)

    async def _authority(self, _request: Request) -> Response:
        """The chain, its intermediate first, and the keys that sign results and log.

        Whoever believes this answer must have it from the operator in another way as well.
        """
        authority = self._desk.service.authority
        log = self._desk.service.log
        return JSONResponse(
            {
                "chain": [_pem(one) for one in authority.chain],
                "trust_domain": authority.trust_domain,
                "result_key": _public_pem(authority.result_key.public_key()),
                "log_key": str(verifier_of(log.origin, authority.log_key)),
            }
        )

    async def _crl(self, request: Request) -> Response:
        """The list of one intermediate, by default of the one that issues."""
        lists = await self._desk.run(self._lists)
        issuer = request.path_params.get("issuer", self._desk.service.authority.issuer_id)
        if issuer not in lists:
            raise Problem("not-found", "no such authority, or nothing of it is valid any more")
        return Response(lists[issuer], media_type=CRL)

    def _lists(self) -> Mapping[str, bytes]:
        service = self._desk.service
        now = service.now().replace(microsecond=0)
        seconds = int(now.timestamp())
        with reading(service.engine) as connection:
            found = certificates.revoked(connection, seconds)
        entries = [Entry(one.serial, one.at) for one in found]
        return service.authority.crls(entries, number=seconds, now=now)

    async def _decision(self, request: Request) -> Response:
        """A decision, for whoever holds its token, or an operator."""
        identifier = request.path_params["decision"]
        token = bearer_of(request)
        row = await self._desk.run(self._find, identifier)
        digest = hashlib.sha256(token.encode("utf-8", "replace")).digest()
        if row is None or not hmac.compare_digest(digest, row.token_sha256):
            await self._desk.operator_of(request)
        if row is None:
            raise Problem("not-found", "no such decision")
        (proof,) = await self._desk.run(self._desk.service.log.proofs, [row.log_index])
        return JSONResponse(
            {
                "payload": row.payload.decode(),
                "salt": to_base64url(row.salt),
                "log": {"index": row.log_index, "proof": proof.decode()},
            }
        )

    def _find(self, identifier: str) -> sa.Row[tuple[object, ...]] | None:
        with reading(self._desk.service.engine) as connection:
            return connection.execute(
                sa.select(decisions).where(decisions.c.id == identifier)
            ).one_or_none()

    async def _denials(self, request: Request) -> Response:
        operator = await self._desk.operator_of(request)
        if request.method == "POST":
            return await self._deny(request, operator)
        return JSONResponse({"denials": await self._desk.run(self._all_denials)})

    def _all_denials(self) -> list[dict[str, object]]:
        with reading(self._desk.service.engine) as connection:
            return [
                {
                    "number": one.number,
                    "kind": one.kind,
                    "value": one.value,
                    "reason": one.reason,
                    "by": one.by,
                    "time": _instant(one.time),
                    "lifted": None if one.lifted is None else _instant(one.lifted),
                }
                for one in denials.every(connection)
            ]

    async def _deny(self, request: Request, operator: str) -> Response:
        """Deny something from now on, and revoke what was issued for it."""
        fields = await bodies.read_json(request, self._desk.settings.limits)
        kind = cast("Kind", fields.one_of("kind", denials.KINDS))
        value = fields.text("value", most=_MAX_VALUE)
        reason = fields.text("reason", most=_MAX_REASON)
        fields.done()
        problem = denials.value_problem(kind, value)
        if problem:
            fields.refuse("value", problem)
        service = self._desk.service
        now = int(service.now().timestamp())
        revoked = await self._desk.run(
            lambda: service.writer.write(
                lambda connection: denials.deny(
                    connection, kind, value, reason=reason, by=operator, now=now
                )
            ).result()
        )
        self._log.warning(
            "denied", kind=kind, value=value, by=operator, revoked=len(revoked), reason=reason
        )
        return JSONResponse({"revoked": list(revoked)}, status_code=201)

    async def _lift(self, request: Request) -> Response:
        operator = await self._desk.operator_of(request)
        text = request.path_params["number"]
        if not (text.isascii() and text.isdecimal()) or len(text) > _MAX_NUMBER:
            raise Problem("not-found", "no such denial")
        service = self._desk.service
        now = int(service.now().timestamp())
        done = await self._desk.run(
            lambda: service.writer.write(
                lambda connection: denials.lift(connection, int(text), now)
            ).result()
        )
        if not done:
            raise Problem("not-found", "no such denial, or it is lifted already")
        self._log.warning("lifted", number=int(text), by=operator)
        return Response(status_code=204)


def _instant(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _pem(der: bytes) -> str:
    return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM).decode()


def _public_pem(key: ear_token.PublicKey) -> str:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
