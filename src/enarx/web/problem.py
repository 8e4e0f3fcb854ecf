"""Every refusal of our services, as a problem document (RFC 9457): one table, no stack traces.

A document says what kind of problem it is (``code``), and what the caller can do about it; never
a path of this machine, a secret or a line of code.  ``instance`` is the request's id, which the
log has too.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

from starlette.responses import Response

from enarx.errors import (
    EnarxError,
    MalformedError,
    MisconfiguredError,
    UnacceptableError,
    UnauthenticError,
    UnavailableError,
)
from enarx.protocol.states import OutOfOrderError
from enarx.seal.suite import CannotOpenError

if TYPE_CHECKING:
    from collections.abc import Mapping

MEDIA_TYPE = "application/problem+json"
_TYPE = "https://enarx.dev/problems/"
_MAX_DETAIL = 500

CODES: Mapping[str, tuple[int, str]] = {
    "already-used": (409, "the one-time key or the envelope was used before"),
    "bug": (500, "the service has a bug"),
    "cannot-open": (422, "the keep cannot open the envelope"),
    "evidence-refused": (403, "the evidence is refused"),
    "forbidden": (403, "not allowed"),
    "malformed": (400, "the request is malformed"),
    "method-not-allowed": (405, "no such method here"),
    "no-evidence": (401, "the request has no evidence"),
    "not-found": (404, "there is no such thing"),
    "out-of-order": (409, "not possible in the keep's state"),
    "nonce": (409, "the nonce does not count"),
    "quota": (429, "the tenant has all that it may have"),
    "rate": (429, "too many requests"),
    "stale": (409, "something else came in between"),
    "timeout": (408, "the request did not arrive in time"),
    "too-large": (413, "the request is too large"),
    "unauthorized": (401, "a valid token is needed"),
    "unavailable": (503, "not possible at the moment"),
    "unsupported-media-type": (415, "the body has the wrong media type"),
}
"""Code: status, and title."""

_ERRORS: tuple[tuple[type[EnarxError], str], ...] = (
    (MalformedError, "malformed"),
    (OutOfOrderError, "out-of-order"),
    (CannotOpenError, "cannot-open"),
    (UnauthenticError, "forbidden"),
    (UnacceptableError, "forbidden"),
    (UnavailableError, "unavailable"),
    (MisconfiguredError, "bug"),
)
_SILENT = frozenset(("bug",))


class Problem(Exception):  # noqa: N818 - RFC 9457's word
    """A refusal: *code* of ``CODES``, and what is particular about it.

    Args:
        more: extension members (RFC 9457, section 3.2).
    """

    def __init__(
        self,
        code: str,
        detail: str = "",
        *,
        retry_after_s: float | None = None,
        more: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail
        self.retry_after_s = retry_after_s
        self.more = more or {}


def of_error(error: EnarxError) -> Problem:
    """The problem that *error* is for a caller; what an operator should know is left out."""
    code = next((code for kind, code in _ERRORS if isinstance(error, kind)), "bug")
    detail = "" if code in _SILENT else error.message
    retry = error.retry_after_s if isinstance(error, UnavailableError) else None
    return Problem(code, detail, retry_after_s=retry)


def document(problem: Problem, request_id: str) -> bytes:
    """The problem document."""
    status, title = CODES[problem.code]
    fields: dict[str, object] = {
        "type": _TYPE + problem.code,
        "title": title,
        "status": status,
        "code": problem.code,
        "instance": f"urn:enarx:request:{request_id}",
    }
    fields |= problem.more
    if problem.detail:
        fields["detail"] = problem.detail[:_MAX_DETAIL]
    return json.dumps(fields).encode("ascii")


def response(problem: Problem, request_id: str, extra: Mapping[str, str] | None = None) -> Response:
    """The response for *problem*."""
    headers = dict(extra or {})
    if problem.code == "unauthorized":
        headers["WWW-Authenticate"] = 'Bearer realm="enarx"'
    if problem.code in ("quota", "rate", "unavailable"):
        headers["Retry-After"] = str(max(1, math.ceil(problem.retry_after_s or 1)))
    return Response(
        document(problem, request_id),
        status_code=CODES[problem.code][0],
        media_type=MEDIA_TYPE,
        headers=headers,
    )
