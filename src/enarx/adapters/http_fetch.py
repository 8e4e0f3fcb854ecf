"""A bounded HTTP client (``ports.Fetch``): what a server does costs limited bytes and time.

TLS is verified against certifi's authorities, and those of a file.  Redirects are refused: the
services that we ask do not redirect, and an API key would travel along.  A body is counted while
it arrives, gzip is unpacked only up to the limit, other encodings are refused.  Proxies of the
environment are used (they see host names, not contents), never for this machine.  Answers that say
"later" are asked for again, with waits that grow, up to a total deadline; a host that stayed
unreachable rests, so that the next questions to it fail at once instead of waiting again.

The deadline is looked at before each attempt and with each piece of a body; headers are bounded by
the library (100 KiB) and by the time-out of each read.
"""

from __future__ import annotations

import ssl
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import certifi
import httpx

from enarx import __version__
from enarx.adapters.http_boundary import TransientError, boundary
from enarx.adapters.http_retry import Backoff, retry_after_s
from enarx.adapters.service_url import LOOPBACK_NAMES, host_of
from enarx.errors import MisconfiguredError, UnavailableError
from enarx.ports import Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType
    from typing import Self

    from enarx.ports import Clock

_OK = 200
_REDIRECTS = range(300, 400)
_LATER = (408, 425, 429)
_SERVER_ERRORS = range(500, 600)
_GZIP = 16 + zlib.MAX_WBITS
_SHOWN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one question may cost.

    Args:
        connect_s: for a connection, TLS included.
        read_s: for each piece of an answer to arrive.
        deadline_s: for everything, waits included.
        rest_s: how long a host that stayed unreachable is not asked again.
    """

    connect_s: float = 10.0
    read_s: float = 20.0
    deadline_s: float = 120.0
    rest_s: float = 60.0
    backoff: Backoff = field(default_factory=Backoff)


def open_fetch(
    *,
    clock: Clock,
    chance: Callable[[], float],
    ca_file: str = "",
    limits: Limits | None = None,
    tell: Callable[[str], None] | None = None,
) -> HttpFetch:
    """A client with the environment's proxies; the caller must close it.

    Args:
        chance: a number from 0 to 1 at each call, for jitter.
        ca_file: PEM of authorities to trust beside certifi's.
        tell: is told, in a few words, why it takes long.

    Raises:
        MisconfiguredError: *ca_file* is not there or not PEM, or a proxy's variable is wrong.
    """
    verify = trust(ca_file)
    limit = httpx.Limits(max_connections=8, max_keepalive_connections=4)
    try:
        client = httpx.Client(
            verify=verify,
            follow_redirects=False,
            limits=limit,
            headers={"user-agent": f"enarx/{__version__}", "accept-encoding": "identity"},
            mounts={f"all://{name}": None for name in LOOPBACK_NAMES},
        )
    except (ValueError, ImportError, httpx.InvalidURL) as e:
        hint = "write it like http://proxy.example:3128"
        source = "HTTPS_PROXY, HTTP_PROXY or ALL_PROXY"
        raise MisconfiguredError(source, "names no proxy that can be used", hints=(hint,)) from e
    return HttpFetch(client, clock=clock, chance=chance, limits=limits or Limits(), tell=tell)


class HttpFetch:
    """Made by ``open_fetch``; threads may share it."""

    def __init__(
        self,
        client: httpx.Client,
        *,
        clock: Clock,
        chance: Callable[[], float],
        limits: Limits,
        tell: Callable[[str], None] | None,
    ) -> None:
        self._client = client
        self._clock = clock
        self._chance = chance
        self._limits = limits
        self._tell = tell
        self._resting: dict[str, tuple[float, TransientError]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._client.close()

    def get(self, url: str, *, most_bytes: int, headers: Mapping[str, str] | None = None) -> Reply:
        """GET *url*, again if the server says "later"; see ``ports.Fetch``."""
        host = host_of(url, "URL")
        self._must_not_rest(host)
        deadline = self._clock.monotonic() + self._limits.deadline_s
        attempt = 1
        while True:
            try:
                with boundary(host):
                    return self._ask(url, host, headers or {}, most_bytes, deadline=deadline)
            except TransientError as e:
                wait = self._limits.backoff.wait_s(attempt, self._chance(), e.retry_after_s)
                if wait is None or self._clock.monotonic() + wait > deadline:
                    self._rest(host, e)
                    raise
                if self._tell is not None:
                    self._tell(f"{e}; asking again in {wait:.0f} s")
                self._clock.sleep(wait)
                attempt += 1

    def _ask(
        self, url: str, host: str, headers: Mapping[str, str], most: int, *, deadline: float
    ) -> Reply:
        left = max(0.001, deadline - self._clock.monotonic())
        timeout = httpx.Timeout(
            min(self._limits.read_s, left), connect=min(self._limits.connect_s, left)
        )
        with self._client.stream("GET", url, headers=headers, timeout=timeout) as response:
            status = response.status_code
            found = dict(response.headers.items())
            if status == _OK:
                return Reply(
                    status=status, headers=found, body=self._body(response, host, most, deadline)
                )
            if status in _REDIRECTS:
                raise _redirect(host, status, found.get("location", ""))
            if status in _LATER or status in _SERVER_ERRORS:
                asked_s = retry_after_s(found.get("retry-after"), self._clock.now())
                raise TransientError(host, f"answers {status}", retry_after_s=asked_s)
            return Reply(status=status, headers=found, body=b"")

    def _body(self, response: httpx.Response, host: str, most: int, deadline: float) -> bytes:
        encoding = response.headers.get("content-encoding", "identity").lower()
        if encoding not in ("identity", "gzip"):
            raise UnavailableError(host, f"sent the encoding {encoding[:40]!r}, want none")
        pieces: list[bytes] = []
        size = 0
        for piece in response.iter_raw():
            size += len(piece)
            if size > most:
                raise _too_much(host, most)
            if self._clock.monotonic() > deadline:
                raise UnavailableError(host, f"sent too slowly: {size} bytes before the deadline")
            pieces.append(piece)
        body = b"".join(pieces)
        return _unpacked(body, host, most) if encoding == "gzip" else body

    def _rest(self, host: str, error: TransientError) -> None:
        wait = max(self._limits.rest_s, error.retry_after_s or 0.0)
        self._resting[host] = (self._clock.monotonic() + wait, error)

    def _must_not_rest(self, host: str) -> None:
        until, error = self._resting.get(host, (0.0, None))
        left = until - self._clock.monotonic()
        if error is not None and left > 0:
            raise TransientError(
                host, f"{error.problem}, and is not asked again yet", retry_after_s=left
            )


def trust(ca_file: str) -> ssl.SSLContext:
    """Certifi's authorities, and those in *ca_file* if it is not empty.

    Raises:
        MisconfiguredError: *ca_file* is not there or not PEM.
    """
    context = ssl.create_default_context(cafile=certifi.where())
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file:
        try:
            context.load_verify_locations(cafile=ca_file)
        except (OSError, ValueError) as e:  # ssl.SSLError is an OSError
            hint = "give certificates of authorities in PEM"
            text = getattr(e, "strerror", "") or "not a file of certificates"
            raise MisconfiguredError(ca_file, text.lower(), hints=(hint,)) from e
    return context


def show_certificate(context: ssl.SSLContext, certificate: str, key: str) -> None:
    """Have *context* show the certificate in the file *certificate* to servers that ask.

    Args:
        key: the file with its key; empty if it is in the same file.

    Raises:
        MisconfiguredError: they are not there, not PEM, or do not belong together.
    """
    where = certificate or key
    if not certificate:
        raise MisconfiguredError(where, "is a key without its certificate")
    try:
        context.load_cert_chain(certificate, key or None, _no_passphrase)
    except (OSError, ValueError) as e:  # ssl.SSLError is an OSError
        reason = getattr(e, "reason", None) or getattr(e, "strerror", None) or str(e)
        problem = f"cannot be shown to the host: {str(reason).lower().replace('_', ' ')}"
        hint = "give a certificate and its key in PEM, the key without a passphrase"
        raise MisconfiguredError(where, problem, hints=(hint,)) from e


def _no_passphrase() -> str:
    """Nobody is asked for one."""
    raise ValueError("the key has a passphrase")


def _redirect(host: str, status: int, location: str) -> UnavailableError:
    hint = "if that is the right service, name it: --kds, --pcs, --pccs or --root-crl"
    problem = f"answers {status} and points to {location[:_SHOWN] or 'nowhere'}"
    return UnavailableError(host, problem, hints=(hint,))


def _too_much(host: str, most: int) -> UnavailableError:
    return UnavailableError(host, f"sent more than the {most} bytes that this can have")


def _unpacked(body: bytes, host: str, most: int) -> bytes:
    unpacker = zlib.decompressobj(_GZIP)
    try:
        found = unpacker.decompress(body, most + 1)
    except zlib.error as e:
        raise UnavailableError(host, "sent damaged gzip") from e
    if len(found) > most:
        raise _too_much(host, most)
    if not unpacker.eof or unpacker.unused_data:
        raise UnavailableError(host, "sent damaged gzip")
    return found
