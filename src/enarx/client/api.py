"""A host agent's API, from the client's side.

The host is not trusted: its answers are bounded and checked for shape, and what they mean for the
owner's secrets is decided by evidence alone.

Source: docs/guides/host.md; RFC 9457 (problem details).
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import httpx
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI
from websockets.sync.client import connect

from enarx import __version__
from enarx.errors import MalformedError, MisconfiguredError, RejectedError, UnavailableError
from enarx.seal import envelope, offer
from enarx.wire.document import Fields, load, load_any
from enarx.wire.text import base64url, to_base64url

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping
    from types import TracebackType

    from websockets.sync.connection import Connection

SUBPROTOCOL = "enarx.channel.v1"

_TIMEOUT_S = 60.0
_MAX_ANSWER = 4 * 1024 * 1024
_MAX_MESSAGE = 1024 * 1024
_MAX_TEXT = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """What a host says of a keep; nothing of it is proven."""

    id: str
    name: str
    platform: str
    state: str
    workload_digest: str
    created: str
    ended: str
    reason: str
    offer: bytes = b""


class HostRefusedError(RejectedError):
    """A host agent refuses a request, for a reason that asking again does not change.

    Args:
        code: its stable word ("already-used", "not-found").
    """

    def __init__(self, url: str, code: str, detail: str) -> None:
        super().__init__(f"{url}: {code}: {detail}" if detail else f"{url}: {code}")
        self.code = code


class Host:
    """One host agent.

    Args:
        url: "https://host:port"; http only to this machine is what ``cli`` allows.
        token: a bearer token; empty for none.
        tls: the context of connections; None for http.
        patience_s: how long a host is asked again that says when to come back.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str = "",
        tls: ssl.SSLContext | None = None,
        patience_s: float = 30.0,
    ) -> None:
        self._url = url.rstrip("/")
        self._patience_s = patience_s
        self._tls = tls
        self._headers = {"User-Agent": f"enarx/{__version__}"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._http = httpx.Client(
            headers=self._headers,
            timeout=httpx.Timeout(_TIMEOUT_S, connect=10.0),
            verify=tls if tls is not None else False,
            follow_redirects=False,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the connections."""
        self._http.close()

    def create(self, platform: str, nonce: bytes, name: str) -> Keep:
        """A new keep with an offer for *nonce*.

        Raises: as ``_ask``.
        """
        asked = {
            "platform": platform,
            "nonce": to_base64url(nonce),
            **({"name": name} if name else {}),
        }
        return _keep(load(self._ask_again("POST", "/v1/keeps", asked), "keep"))

    def offer(self, keep: str, nonce: bytes) -> bytes:
        """Another offer of *keep*, for *nonce*."""
        return self._ask_again("POST", f"/v1/keeps/{keep}/offer", {"nonce": to_base64url(nonce)})

    def envelope(self, keep: str, sealed: bytes) -> bytes:
        """Hand *sealed* to *keep*; its receipt."""
        return self._ask("POST", f"/v1/keeps/{keep}/envelope", sealed)

    def receipt(self, keep: str) -> bytes:
        """The receipt that *keep* gave."""
        return self._ask("GET", f"/v1/keeps/{keep}/receipt")

    def keeps(self) -> tuple[Keep, ...]:
        """Every keep of the token's owner."""
        found: list[Keep] = []
        after = ""
        while True:
            query = f"?after={after}" if after else ""
            fields = load(self._ask_again("GET", f"/v1/keeps{query}"), "keeps")
            found += [_keep(one) for one in fields.objects("keeps", 1000)]
            following = fields.take("next")
            if not isinstance(following, str) or not following:
                return tuple(found)
            after = following

    def keep(self, keep: str, *, wait_s: int = 0) -> Keep:
        """What the host says of *keep* now, or after at most *wait_s* seconds when it has ended."""
        query = f"?wait={wait_s}" if wait_s else ""
        return _keep(load(self._ask("GET", f"/v1/keeps/{keep}{query}"), "keep"))

    def platforms(self) -> tuple[str, ...]:
        """The platforms that it offers."""
        fields = load(self._ask_again("GET", "/v1/platforms"), "platforms")
        return tuple(one.text("name", most=64) for one in fields.objects("platforms", 64))

    def stop(self, keep: str, grace_s: float) -> None:
        """Ask for the end of *keep*."""
        self._ask("POST", f"/v1/keeps/{keep}/stop", {"grace_s": grace_s})

    def delete(self, keep: str) -> None:
        """End *keep* if it lives, and forget it."""
        self._ask("DELETE", f"/v1/keeps/{keep}")

    def channel(self, keep: str) -> WebSocketPipe:
        """A pipe to *keep*.

        Raises:
            UnavailableError: there is none.
            HostRefusedError: the host refuses it.
        """
        url = f"{self._url}/v1/keeps/{keep}/channel".replace("http", "ws", 1)
        try:
            return WebSocketPipe(
                connect(
                    url,
                    ssl=self._tls,
                    additional_headers=self._headers,
                    subprotocols=[SUBPROTOCOL],  # type: ignore[list-item]
                    compression=None,
                    open_timeout=_TIMEOUT_S,
                    max_size=_MAX_MESSAGE,
                    proxy=None,
                )
            )
        except (InvalidHandshake, InvalidURI, OSError, TimeoutError) as e:
            raise UnavailableError(url, f"no channel: {str(e)[:200]}") from e

    def _ask_again(self, method: str, path: str, body: Mapping[str, object] | None = None) -> bytes:
        """The answer's body; a host that says when to come back is asked again, for a while.

        Only for what the host has not begun when it says so.

        Raises: as ``_ask``.
        """
        end = time.monotonic() + self._patience_s
        while True:
            try:
                return self._ask(method, path, body)
            except UnavailableError as error:
                wait_s = error.retry_after_s
                if wait_s is None or time.monotonic() + wait_s > end:
                    raise
                time.sleep(wait_s)

    def _ask(
        self, method: str, path: str, body: Mapping[str, object] | bytes | None = None
    ) -> bytes:
        """The answer's body.

        Raises:
            UnavailableError: no answer, or "later".
            MisconfiguredError: the token is refused.
            HostRefusedError: anything else is.
            MalformedError: too much of an answer.
        """
        headers, content = {}, body if isinstance(body, bytes) else None
        if content is not None:
            headers["Content-Type"] = envelope.MEDIA_TYPE
        elif body is not None:
            headers["Content-Type"], content = "application/json", json.dumps(body).encode()
        try:
            request = self._http.build_request(
                method, f"{self._url}{path}", content=content, headers=headers
            )
            answer = self._http.send(request, stream=True)
            try:
                data = _read(answer)
            finally:
                answer.close()
        except httpx.InvalidURL as e:
            raise MisconfiguredError("--host", f"got {self._url!r}: {e}") from e
        except httpx.HTTPError as e:
            reason = str(e)[:200] or type(e).__name__
            raise UnavailableError(self._url, f"no answer: {reason}") from e
        if answer.is_success:
            return data
        raise self._refusal(answer, data)

    def _refusal(self, answer: httpx.Response, data: bytes) -> Exception:
        code, detail = _problem(answer.status_code, data)
        if answer.status_code in (401, 403):
            hint = "check the token: enarx context show; on the host: enarx host token list"
            return MisconfiguredError(self._url, f"the token is refused ({code})", hints=(hint,))
        if answer.status_code in (408, 429) or answer.status_code >= 500:  # noqa: PLR2004 - HTTP
            after = answer.headers.get("Retry-After", "")
            seconds = float(after) if after.isdigit() else None
            return UnavailableError(self._url, f"{code}: {detail}", retry_after_s=seconds)
        refused = HostRefusedError(self._url, code, detail)
        if code == "too-large":
            refused.hints = (
                "the host decides: enarx host serve --max-envelope; or leave files out",
            )
        return refused


class WebSocketPipe:
    """Bytes over a WebSocket's binary messages."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def send(self, data: bytes) -> None:
        """Send all of *data*, in messages of at most 64 KiB."""
        try:
            for at in range(0, len(data), 65_536):
                self._connection.send(data[at : at + 65_536])
        except (ConnectionClosed, OSError) as e:
            raise UnavailableError("channel", "the connection was cut") from e

    def receive(self) -> bytes:
        """The next message; empty when the other end has closed."""
        try:
            message = self._connection.recv()
        except ConnectionClosed as e:
            if e.rcvd is not None and e.rcvd.code == 1000:  # noqa: PLR2004 - closed in order
                return b""
            reason = f"{e.rcvd.code} {e.rcvd.reason}".strip() if e.rcvd is not None else "cut"
            raise UnavailableError("channel", f"the connection ended ({reason})") from e
        except OSError as e:
            raise UnavailableError("channel", "the connection was cut") from e
        if isinstance(message, str):
            raise MalformedError("channel", "got a text message, want bytes")
        return message

    def close(self) -> None:
        """Let go."""
        self._connection.close()


def _read(answer: httpx.Response) -> bytes:
    parts, size = [], 0
    for part in answer.iter_bytes():
        size += len(part)
        if size > _MAX_ANSWER:
            raise MalformedError("answer of the host", f"want at most {_MAX_ANSWER} bytes")
        parts.append(part)
    return b"".join(parts)


def _problem(status: int, data: bytes) -> tuple[str, str]:
    """Code and detail of a problem document; of anything else the status."""
    try:
        value = load_any(data, "problem")
    except MalformedError:
        value = None
    if not isinstance(value, dict):
        return f"HTTP {status}", ""
    code, detail = (value.get(key) for key in ("code", "detail"))
    return (
        str(code)[:_MAX_TEXT] if isinstance(code, str) else f"HTTP {status}",
        str(detail)[:_MAX_TEXT] if isinstance(detail, str) else "",
    )


def _keep(fields: Fields) -> Keep:
    """A keep; what else a newer host says of it is not looked at."""

    def text(key: str) -> str:
        value = fields.take(key) if key in fields else None
        if value is not None and not isinstance(value, str):
            raise MalformedError(f"{fields.where}: {key}", "want a text or null")
        return (value or "")[:_MAX_TEXT]

    made = fields.text("offer", most=offer.MAX_BYTES * 2) if "offer" in fields else ""
    return Keep(
        id=fields.text("id", least=1, most=128),
        name=text("name"),
        platform=text("platform"),
        state=text("state"),
        workload_digest=text("workload_digest"),
        created=text("created"),
        ended=text("ended"),
        reason=text("reason"),
        offer=base64url(made, "offer") if made else b"",
    )
