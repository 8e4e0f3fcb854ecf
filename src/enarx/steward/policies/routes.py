"""The paths below /v1/policy: what counts, what counted, and how the next version is agreed on.

To propose, and to run a proposal against past decisions, takes an operator's token.  To approve
takes a signature and nothing else: the token of the service is no approver's key.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar, cast

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from enarx.appraisal.composition import MAX_BYTES
from enarx.errors import MisconfiguredError
from enarx.steward.policies import dry_run, shown, store
from enarx.steward.policies.changes import MAX_NOTE, Draft, Policies, StaleError
from enarx.steward.policies.document import parse
from enarx.steward.policies.statement import KINDS, MAX_VERSION, SIGNATURE_BYTES, Kind
from enarx.steward.records.database import reading
from enarx.web.bodies import JSON, check_media_type, read, read_json
from enarx.web.problem import Problem
from enarx.wire.document import load
from enarx.wire.text import base64url

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from sqlalchemy import Connection, Engine
    from starlette.requests import Request

    from enarx.errors import EnarxError
    from enarx.steward.policies.store import Proposal
    from enarx.steward.records.writer import Writer
    from enarx.tee.anchors import TrustAnchor
    from enarx.web.bounds import Bounds
    from enarx.wire.document import Fields

_Result = TypeVar("_Result")

TOML = "application/toml"
MAX_PROPOSAL = 2 * MAX_BYTES
"""Of the body that proposes a document, in which quotes and lines are escaped."""

_MAX_DIGEST = 71
_MAX_NAME = 64
_MAX_SIGNATURE = 128
_MOST_DIGITS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyService:
    """What the routes stand on.

    Args:
        now: seconds since 1970.
        admin: the name of the operator who asks; raises Problem where there is none.
        reader: raises Problem where whoever asks may not read.
        anchors: whom the Steward believes, for dry runs.
        accept_simulated: whether the Steward accepts simulations, where the policy does too.
    """

    engine: Engine
    writer: Writer
    policies: Policies
    now: Callable[[], int]
    admin: Callable[[Request], Awaitable[str]]
    reader: Callable[[Request], Awaitable[None]]
    limits: Bounds
    anchors: tuple[TrustAnchor, ...]
    accept_simulated: bool = False


def routes(service: PolicyService) -> list[Route]:
    """What starlette is to route."""
    handlers = _Handlers(service)
    one = "/v1/policy/proposals/{number}"
    return [
        Route("/v1/policy", handlers.active),
        Route("/v1/policy/approvers", handlers.approvers),
        Route("/v1/policy/history", handlers.history),
        Route("/v1/policy/dry-run", handlers.dry_run, methods=["POST"]),
        Route("/v1/policy/proposals", handlers.proposals, methods=["GET", "POST"]),
        Route(one, handlers.proposal),
        Route(f"{one}/approvals", handlers.approve, methods=["POST"]),
        Route("/v1/policy/{version}", handlers.version),
    ]


class _Handlers:
    def __init__(self, service: PolicyService) -> None:
        self._service = service
        self._one_run = asyncio.Semaphore(1)

    async def active(self, request: Request) -> Response:
        """The policy that counts."""
        await self._service.reader(request)
        return self._answer(request, await self._read(_active))

    async def version(self, request: Request) -> Response:
        """A version of the policy."""
        await self._service.reader(request)
        number = _small(request.path_params["version"])
        found = None
        if number is not None:
            found = await self._read(lambda connection: store.version(connection, "policy", number))
        if found is None:
            raise Problem("not-found", "there is no such version")
        return self._answer(request, found)

    async def approvers(self, request: Request) -> Response:
        """Who approves."""
        await self._service.reader(request)
        document = await self._read(
            lambda connection: {
                "version": store.active(connection, "approvers").version,
                **shown.approvers_document(store.active_approvers(connection)),
            }
        )
        return JSONResponse(document)

    async def history(self, request: Request) -> Response:
        """The versions, the newest first."""
        await self._service.reader(request)
        _only(request, "before", "kind")
        kind = _kind(request.query_params.get("kind", "policy"))
        before = _number(request, "before")
        found = await self._read(lambda connection: store.history(connection, kind, before=before))
        last = found[-1].version if len(found) == store.MAX_LISTED else None
        versions = [shown.proposal_document(one) for one in found]
        return JSONResponse({"versions": versions, "next": last})

    async def proposals(self, request: Request) -> Response:
        """What can still be approved; or one more."""
        if request.method == "POST":
            return await self._propose(request)
        await self._service.reader(request)
        found = await self._read(store.pending)
        return JSONResponse({"proposals": [shown.proposal_document(one) for one in found]})

    async def proposal(self, request: Request) -> Response:
        """One proposal, with its document and what an approver signs."""
        await self._service.reader(request)
        return JSONResponse(self._whole(await self._find(request)))

    async def approve(self, request: Request) -> Response:
        """Add an approval."""
        await self._service.reader(request)
        number = (await self._find(request)).number
        fields = await read_json(request, self._service.limits)
        name = fields.text("name", least=1, most=_MAX_NAME)
        where = f"{fields.where}: signature"
        signature = base64url(fields.text("signature", most=_MAX_SIGNATURE), where)
        fields.done()
        if len(signature) != SIGNATURE_BYTES:
            raise Problem("malformed", f"signature: want {SIGNATURE_BYTES} bytes")
        now = self._service.now()
        done = await self._write(
            lambda connection: self._service.policies.approve(
                connection, number, name=name, signature=signature, now=now
            )
        )
        return JSONResponse(self._whole(done))

    async def dry_run(self, request: Request) -> Response:
        """A proposed policy over the last decisions."""
        await self._service.admin(request)
        fields = await self._document(request)
        text = fields.text("document", most=MAX_BYTES).encode()
        fields.done()
        with _as_problems():
            proposed = parse(text, "document")
        past, (_, current) = await self._read(
            lambda connection: (dry_run.past(connection), store.active_policy(connection))
        )
        async with self._one_run:
            found = await asyncio.to_thread(
                dry_run.compare,
                past,
                current=current,
                proposed=proposed,
                anchors=self._service.anchors,
                accept_simulated=self._service.accept_simulated,
            )
        return JSONResponse(shown.result_document(found))

    async def _propose(self, request: Request) -> Response:
        by = await self._service.admin(request)
        fields = await self._document(request)
        draft = Draft(
            kind=cast("Kind", fields.one_of("kind", KINDS)),
            document=fields.text("document", most=MAX_BYTES).encode(),
            replaces=fields.text("replaces", most=_MAX_DIGEST),
            note=fields.text("note", most=MAX_NOTE) if "note" in fields else "",
            by=by,
        )
        fields.done()
        now = self._service.now()
        done = await self._write(
            lambda connection: self._service.policies.propose(connection, draft, now=now)
        )
        headers = {"Location": f"/v1/policy/proposals/{done.number}"}
        return JSONResponse(self._whole(done), status_code=201, headers=headers)

    async def _document(self, request: Request) -> Fields:
        check_media_type(request, JSON)
        data = await read(request, most=MAX_PROPOSAL, seconds=self._service.limits.json_s)
        return load(data, "body")

    async def _find(self, request: Request) -> Proposal:
        number = _small(request.path_params["number"])
        found = None
        if number is not None:
            found = await self._read(lambda connection: store.find(connection, number))
        if found is None:
            raise Problem("not-found", "there is no such proposal")
        return found

    def _whole(self, one: Proposal) -> dict[str, object]:
        statement = one.change(self._service.policies.origin).encode().decode()
        return {
            **shown.proposal_document(one),
            "document": one.document.decode(),
            "statement": statement,
        }

    def _answer(self, request: Request, one: Proposal) -> Response:
        """The document itself where that is wanted, or what it is about."""
        if TOML in request.headers.get("accept", ""):
            return Response(one.document, media_type=TOML)
        summary = shown.policy_document(parse(one.document))
        return JSONResponse({**shown.proposal_document(one), **summary})

    async def _read(self, work: Callable[[Connection], _Result]) -> _Result:
        """What *work* reads; a Steward without a policy is not ready yet."""

        def run() -> _Result:
            with reading(self._service.engine) as connection:
                return work(connection)

        try:
            return await asyncio.to_thread(run)
        except MisconfiguredError as error:
            raise Problem("unavailable", error.message) from error

    async def _write(self, work: Callable[[Connection], _Result]) -> _Result:
        with _as_problems():
            return await asyncio.wrap_future(self._service.writer.write(work))


@contextmanager
def _as_problems() -> Iterator[None]:
    """A document that is none is the caller's mistake here, and not the operator's."""
    try:
        yield
    except StaleError as error:
        raise Problem("stale", _told(error)) from error
    except MisconfiguredError as error:
        raise Problem("malformed", _told(error)) from error


def _told(error: EnarxError) -> str:
    return "; ".join((error.message, *error.hints))


def _active(connection: Connection) -> Proposal:
    number = store.active(connection, "policy").version
    return cast("Proposal", store.version(connection, "policy", number))


def _kind(text: str) -> Kind:
    for kind in KINDS:
        if text == kind:
            return kind
    raise Problem("malformed", f"kind: want one of {', '.join(KINDS)}")


def _number(request: Request, key: str) -> int | None:
    text = request.query_params.get(key)
    if text is None:
        return None
    found = _small(text)
    if found is None:
        raise Problem("malformed", f"{key}: want a number")
    return found


def _small(text: str) -> int | None:
    """The number that *text* is, where a version or a proposal can have it."""
    if not text.isascii() or not text.isdecimal() or len(text) > _MOST_DIGITS:
        return None
    return int(text) if int(text) < MAX_VERSION else None


def _only(request: Request, *known: str) -> None:
    unknown = set(request.query_params) - set(known)
    if unknown:
        raise Problem("malformed", f"unknown parameter; known: {', '.join(known)}")
