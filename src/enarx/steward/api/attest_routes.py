"""Challenge, certificate, result: what keeps ask a Steward for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from enarx.errors import UnauthenticError
from enarx.pki import pki_path
from enarx.steward.attest.applicant import NoEvidenceError
from enarx.steward.attest.decision import shown
from enarx.steward.attest.service import NonceError
from enarx.web import bodies
from enarx.web.problem import Problem
from enarx.wire.text import to_base64url

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from structlog.typing import FilteringBoundLogger

    from enarx.steward.api.desk import Desk
    from enarx.steward.attest.service import Answer

PKCS10 = "application/pkcs10"
BUNDLE = "application/vnd.steward.pkcs10-bundle.v1"
PKI_PATH = "application/pkix-pkipath"
EVIDENCE = "application/cmw+cbor"
RENEW_AFTER = 0.5
"""Of a certificate's life."""


class AttestRoutes:
    """The routes."""

    def __init__(self, desk: Desk, log: FilteringBoundLogger) -> None:
        self._desk = desk
        self._log = log

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route("/", self._root, methods=["GET", "POST"]),
            Route("/v1/challenge", self._challenge, methods=["POST"]),
            Route("/v1/certificate", self._certificate, methods=["POST"]),
            Route("/v1/attest", self._attest, methods=["POST"]),
        ]

    async def _root(self, request: Request) -> Response:
        """What Enarx 0.7 asks for: GET whether there is a Steward, POST everything else."""
        return await self._enarx07(request) if request.method == "POST" else Response()

    async def _challenge(self, request: Request) -> Response:
        self._desk.count(request)
        nonce, expires = await self._desk.run(self._desk.service.challenge)
        return JSONResponse({"nonce": to_base64url(nonce), "expires": expires}, status_code=201)

    async def _certificate(self, request: Request) -> Response:
        body = await self._body(request, PKCS10)
        answer = await self._decide(self._desk.service.certify, body)
        return JSONResponse(_granted(answer), status_code=201)

    async def _attest(self, request: Request) -> Response:
        body = await self._body(request, EVIDENCE)
        answer = await self._decide(self._desk.service.appraise, body)
        return JSONResponse(_granted(answer), status_code=201)

    async def _enarx07(self, request: Request) -> Response:
        """One request, or a bundle of which all must pass, as Enarx 0.7 sends them."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in {PKCS10, BUNDLE}:
            raise Problem("malformed", f"want the media type {PKCS10} or {BUNDLE}")
        body = await self._body(request, kind)
        requests = (body,) if kind == PKCS10 else pki_path.decode_requests(body)
        answers = [await self._decide_unasked(one) for one in requests]
        issued = [answer.chain[0] for answer in answers]
        above = tuple(reversed(answers[0].chain[1:]))
        if kind == PKCS10:
            return Response(pki_path.encode_path((*above, issued[0])), media_type=PKI_PATH)
        return Response(pki_path.encode_answer(above, issued), media_type=BUNDLE)

    async def _decide_unasked(self, request: bytes) -> Answer:
        """Enarx 0.7 knows 401 for a request without evidence, and 400 for everything else."""
        try:
            return await self._decide(self._desk.service.certify_unasked, request)
        except Problem as problem:
            if problem.code == "evidence-refused":
                raise Problem("malformed", problem.detail, more=problem.more) from problem
            raise

    async def _body(self, request: Request, kind: str) -> bytes:
        self._desk.count(request)
        bodies.check_media_type(request, kind)
        limits = self._desk.settings.limits
        return await bodies.read(request, most=limits.request_bytes, seconds=limits.request_s)

    async def _decide(self, decide: Callable[[bytes], Answer], body: bytes) -> Answer:
        """Have *body* judged.

        Raises:
            Problem: it is refused; with every failure.
        """
        try:
            answer = await self._desk.run(decide, body)
        except NonceError as error:
            self._log.warning("nonce", problem=error.problem)
            raise Problem("nonce", error.message, more={"hints": list(error.hints)}) from error
        except NoEvidenceError as error:
            raise Problem(
                "no-evidence", error.message, more={"hints": list(error.hints)}
            ) from error
        except UnauthenticError as error:  # the request itself: its own key did not sign it
            raise Problem("malformed", error.message) from error
        self._note(answer)
        if not answer.decision.accepted:
            raise _refused(answer)
        return answer

    def _note(self, answer: Answer) -> None:
        decision, finding = answer.decision, answer.finding
        result = "accepted" if decision.accepted else "refused"
        self._desk.metrics.decisions.labels(
            decision.purpose, finding.platform or "unknown", result
        ).inc()
        self._log.info(
            "decision",
            decision=decision.id,
            purpose=decision.purpose,
            result=result,
            platform=finding.platform,
            simulated=finding.simulated,
            policy=decision.policy[1],
            policy_version=decision.policy[0],
            workload=decision.applicant.workload_digest,
            key=decision.applicant.key_sha256,
            serial=f"{decision.serial:x}" if answer.chain else "",
            failed=[one.claim for one in decision.failures],
            log_index=answer.recorded.index,
        )


def _common(answer: Answer) -> dict[str, object]:
    decision = answer.decision
    number, name, digest = decision.policy
    return {
        "decision": decision.id,
        "token": answer.token,
        "policy": {"name": name, "version": number, "digest": digest},
        "simulated": answer.finding.simulated,
        "result": answer.result,
        "log": {
            "index": answer.recorded.index,
            "proof": answer.proof.decode(),
            "salt": to_base64url(decision.salt),
            "payload": answer.recorded.payload.decode(),
        },
    }


def _granted(answer: Answer) -> dict[str, object]:
    decision = answer.decision
    granted = _common(answer) | {"not_after": decision.not_after}
    if answer.chain:
        life = decision.not_after - decision.time
        granted["renew_after"] = decision.time + int(life * RENEW_AFTER)
        granted["chain"] = [_pem(one) for one in answer.chain]
        granted["names"] = list(answer.finding.names)
    return granted


def _refused(answer: Answer) -> Problem:
    failures = answer.decision.failures
    text = "; ".join(str(one) for one in failures)
    return Problem("evidence-refused", text, more=_common(answer) | {"failures": shown(failures)})


def _pem(der: bytes) -> str:
    return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM).decode()
