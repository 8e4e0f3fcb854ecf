"""The key broker's protocol of Confidential Containers (RCAR 0.4.0) over HTTP.

    POST /kbs/v0/auth                                    which TEE; a challenge and a cookie
    POST /kbs/v0/attest                                  the answer; a token
    GET  /kbs/v0/resource/{repository}/{type}/{tag}      with cookie or token; a JWE

Errors are the documents that guests read: ``{"type", "detail"}`` with status 401, upon which they
attest anew, or 404.  There is no administration here; secrets are put in at ``/v1/secrets``.

Source: trustee, kbs/docs/kbs_attestation_protocol.md, kbs/src/{api_server,error}.rs.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, replace
from functools import wraps
from typing import TYPE_CHECKING, TypeVar

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from enarx.errors import EnarxError, MalformedError
from enarx.steward.broker import vault
from enarx.steward.broker.kbs import jwe, messages, session
from enarx.steward.broker.kbs.resources import Guest
from enarx.steward.records.database import reading
from enarx.web.bodies import JSON, check_media_type, read
from enarx.web.problem import CODES, Problem, of_error
from enarx.wire.document import Fields, dump

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from sqlalchemy import Connection, Engine
    from starlette.requests import Request

    from enarx.steward.broker.kbs.resources import Resources
    from enarx.steward.broker.release import Judged
    from enarx.steward.records.writer import Writer
    from enarx.web.bounds import Bounds

PREFIX = "/kbs/v0"
ERRORS = "https://github.com/confidential-containers/kbs/errors/"
MAX_ATTESTATION = 1 << 20

_MAX_COOKIE = 64
_MAX_TOKEN = 16 * 1024
_MAX_DETAIL = 500
_KEPT = frozenset({404, 405, 500, 503})
"""Statuses that say something else to a guest than to attest anew."""

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """What is decided elsewhere.

    Args:
        judge: authenticates and appraises evidence that must be bound to 64 bytes of report data;
            what it returns has the evidence's ``host_data`` (`evidence.host_data`).
        issue: an attestation result (EAR, a JWT) of what was judged, for the guest's key; *judged*
            is what *judge* returned, with the digest of the guest's workload, or none.
        verify: the same two again from a token that *issue* made and that has not expired.
    """

    judge: Callable[[bytes, bytes], Judged]
    issue: Callable[[Judged, Mapping[str, str]], str]
    verify: Callable[[str], tuple[Judged, Mapping[str, str]]]


def routes(
    resources: Resources,
    verdicts: Verdicts,
    *,
    engine: Engine,
    writer: Writer,
    now: Callable[[], int],
    limits: Bounds,
) -> list[Route]:
    """The routes of a key broker.

    Args:
        now: seconds since 1970.
    """
    made = _Routes(resources, verdicts, engine=engine, writer=writer, now=now, limits=limits)
    resource = f"{PREFIX}/resource/{{repository}}/{{type}}/{{tag}}"
    return [
        Route(f"{PREFIX}/auth", _answered("AttestationError", made.auth), methods=["POST"]),
        Route(f"{PREFIX}/attest", _answered("AttestationError", made.attest), methods=["POST"]),
        Route(resource, _answered("PolicyDeny", made.resource), methods=["GET"]),
    ]


class Refusal(Exception):  # noqa: N818 - a decision, not a mistake
    """A refusal by the name that Trustee has for it."""

    def __init__(self, name: str, detail: str, *, status: int = 401) -> None:
        super().__init__(name)
        self.name, self.detail, self.status = name, detail, status


class _Routes:
    def __init__(
        self,
        resources: Resources,
        verdicts: Verdicts,
        *,
        engine: Engine,
        writer: Writer,
        now: Callable[[], int],
        limits: Bounds,
    ) -> None:
        self._resources, self._verdicts, self._engine = resources, verdicts, engine
        self._writer, self._now, self._limits = writer, now, limits

    async def auth(self, request: Request) -> Response:
        hello = messages.read_hello(await self._body(request, self._limits.json_bytes))
        now = self._now()
        cookie, made = session.make(hello.tee, hello.hash, now)
        await self._write(lambda connection: session.begin(connection, made, now))
        extra = {"selected-hash-algorithm": hello.hash} if hello.told else ""
        answer = JSONResponse({"nonce": made.nonce, "extra-params": extra})
        return _with_cookie(answer, request, cookie)

    async def attest(self, request: Request) -> Response:
        cookie = _cookie(request)
        found = await self._session(cookie)
        if found is None:
            raise Refusal("AttestationError", "no session: ask for a challenge")
        data = await self._body(request, MAX_ATTESTATION)
        answer = hashlib.sha256(data).hexdigest()
        token = found.token if found.answer == answer else None
        if token is None:
            if found.token is not None:
                raise Refusal("AttestationError", "the challenge was answered before")
            made = await asyncio.to_thread(self._judge, data, found)
            token = await self._write(
                lambda connection: session.complete(
                    connection, cookie, answer=answer, token=made, now=self._now()
                )
            )
        if token is None:
            raise Refusal("AttestationError", "the challenge was answered before, or has expired")
        return _with_cookie(JSONResponse({"token": token}), request, cookie)

    def _judge(self, data: bytes, found: session.Session) -> str:
        sent = messages.read_attestation(data, found.tee)
        if sent.nonce != found.nonce:
            raise Refusal("AttestationError", "the nonce is not the one of the session")
        judged = self._verdicts.judge(sent.evidence, sent.report_data(found.hash))
        if not judged.accepted:
            raise Refusal("AttestationError", judged.why or "the evidence is not accepted")
        workload = messages.workload_of(sent.init_data, judged.host_data)
        return self._verdicts.issue(replace(judged, workload_digest=workload), sent.key.jwk)

    async def resource(self, request: Request) -> Response:
        name = vault.check_name("/".join(request.path_params.values()))
        guest = await self._guest(request)
        await asyncio.to_thread(self._resources.check, guest, name)
        now = self._now()
        sealed = await self._write(
            lambda connection: self._resources.release(connection, guest, name, now)
        )
        headers = {"Cache-Control": "no-store"}
        return Response(sealed, media_type=JSON, headers=headers)

    async def _guest(self, request: Request) -> Guest:
        """Who asks, by the token of its session, or else by the one that it shows."""
        cookie = request.cookies.get(session.COOKIE, "")
        found = await self._session(cookie) if cookie else None
        token = (found.token if found is not None else None) or _bearer(request)
        try:
            judged, jwk = await asyncio.to_thread(self._verdicts.verify, token)
            key = jwe.read_key(Fields(dict(jwk), "token: tee-pubkey"))
        except EnarxError as error:
            raise Refusal("TokenVerifierError", of_error(error).detail) from error
        return Guest(judged=judged, key=key, token=token)

    async def _body(self, request: Request, most: int) -> bytes:
        check_media_type(request, JSON)
        return await read(request, most=most, seconds=self._limits.json_s)

    async def _session(self, cookie: str) -> session.Session | None:
        now = self._now()

        def look() -> session.Session | None:
            with reading(self._engine) as connection:
                return session.find(connection, cookie, now)

        return await asyncio.to_thread(look)

    async def _write(self, work: Callable[[Connection], _Result]) -> _Result:
        return await asyncio.wrap_future(self._writer.write(work))


def _answered(
    name: str, answer: Callable[[Request], Awaitable[Response]]
) -> Callable[[Request], Awaitable[Response]]:
    """*answer*, whose refusals are documents that guests read, of type *name* by default."""

    @wraps(answer)
    async def answered(request: Request) -> Response:
        try:
            return await answer(request)
        except Refusal as refusal:
            return _document(refusal)
        except (Problem, EnarxError) as error:
            return _document(_refusal(name, error))

    return answered


def _refusal(name: str, error: Problem | EnarxError) -> Refusal:
    if isinstance(error, MalformedError) and error.where == vault.NAME:
        return Refusal("InvalidRequestPath", error.message, status=404)
    problem = of_error(error) if isinstance(error, EnarxError) else error
    status = CODES[problem.code][0]
    if problem.code in ("not-found", "unavailable", "bug"):
        name = "PluginInternalError"
    return Refusal(name, problem.detail, status=status if status in _KEPT else 401)


def _document(refusal: Refusal) -> Response:
    fields = {"type": ERRORS + refusal.name, "detail": refusal.detail[:_MAX_DETAIL]}
    return Response(dump(fields), status_code=refusal.status, media_type=JSON)


def _with_cookie(answer: Response, request: Request, cookie: str) -> Response:
    answer.headers["Cache-Control"] = "no-store"
    answer.set_cookie(
        session.COOKIE, cookie, max_age=session.LIFETIME_S, path=PREFIX, httponly=True,
        secure=request.url.scheme == "https", samesite="strict",
    )  # fmt: skip
    return answer


def _cookie(request: Request) -> str:
    found = request.cookies.get(session.COOKIE, "")
    if not 0 < len(found) <= _MAX_COOKIE:
        raise Refusal("AttestationError", "cookie not found")
    return found


def _bearer(request: Request) -> str:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not 0 < len(token) <= _MAX_TOKEN:
        raise Refusal("TokenNotFound", "Attestation Token not found")
    return token
