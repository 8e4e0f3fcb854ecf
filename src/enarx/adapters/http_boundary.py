"""Where the HTTP library's exceptions end: every one of them becomes an error of ours.

The boundary is a context manager that encloses the request *and* the reading of its body, because
a generator raises where it is consumed.  A test walks through all exception classes that the
library has.  Texts of exceptions are shown only where they cannot hold what was sent (an API key
is quoted by the library when it is no header value).
"""

from __future__ import annotations

import ssl
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx

from enarx.errors import EnarxError, MisconfiguredError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

CA_HINT = "a private authority is given with --ca-file; do not go on without TLS"


class TransientError(UnavailableError):
    """A server that is not there, is too busy or broke off: asking again later may help."""


@contextmanager
def boundary(host: str) -> Iterator[None]:
    """Turn what the library raises about *host* into errors of ours.

    Raises:
        TransientError: asking again may help.
        UnavailableError: it would not.
        MisconfiguredError: the URL is not one.
    """
    try:
        yield
    except httpx.InvalidURL as e:
        raise MisconfiguredError(host, "is not a URL") from e
    except (httpx.HTTPError, httpx.CookieConflict, httpx.StreamError) as e:
        raise _mapped(host, e) from e


def _mapped(host: str, error: Exception) -> EnarxError:
    if isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout):
        return TransientError(host, "no connection in time")
    if isinstance(error, httpx.TimeoutException):
        return TransientError(host, "no answer in time")
    if isinstance(error, httpx.ProxyError):
        hint = "proxies are named by HTTPS_PROXY and ALL_PROXY, exceptions by NO_PROXY"
        return UnavailableError(host, "the proxy refused to connect", hints=(hint,))
    if isinstance(error, httpx.ConnectError):
        return _no_connection(host, error)
    if isinstance(error, httpx.NetworkError):
        return TransientError(host, "the connection broke off")
    if isinstance(error, httpx.RemoteProtocolError):
        return TransientError(host, "broke off its answer, or did not speak HTTP")
    return UnavailableError(host, f"could not be asked ({type(error).__name__})")


def _no_connection(host: str, error: httpx.ConnectError) -> EnarxError:
    cause = _tls_cause(error)
    if isinstance(cause, ssl.SSLCertVerificationError):
        problem = f"its certificate is not trusted: {cause.verify_message.lower().rstrip('.')}"
        return UnavailableError(host, problem, hints=(CA_HINT,))
    if cause is not None:
        problem = f"no TLS: {(cause.reason or 'handshake failed').lower().replace('_', ' ')}"
        return UnavailableError(host, problem, hints=(CA_HINT,))
    text = str(error).partition("] ")[2] or str(error) or "refused"
    return TransientError(host, f"no connection: {text.lower()}")


def _tls_cause(error: BaseException) -> ssl.SSLError | None:
    """What TLS said; the library raises some of its exceptions "from None", with a context only."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLError):
            return seen
        seen = seen.__cause__ or seen.__context__
    return None
