"""Where pyOpenSSL's exceptions end: one function turns each of them into an `OSError`.

Nothing above this package knows OpenSSL's errors.  The text is for the operator's log or for
the error of a connection that is needed at the start; the guest sees the number only.
"""

from __future__ import annotations

import errno
import os
import select

from OpenSSL import SSL

TRUNCATED = "the TCP connection ended without the end of TLS (close_notify)"

# OpenSSL's reason texts (include/openssl/sslerr.h) that deserve better words.
_REASONS = {
    "tlsv1 alert protocol version": "the other side does not speak TLS 1.3",
    "unsupported protocol": "the other side does not speak TLS 1.3",
    "wrong version number": "the other side does not speak TLS at all",
    "http request": "the other side speaks plain HTTP, not TLS",
    "packet length too long": "the other side does not speak TLS at all",
    "record layer failure": "the other side does not speak TLS at all",
    "tlsv13 alert certificate required": "the other side wants a client certificate",
    "peer did not return a certificate": "no client certificate was shown",
    "tlsv1 alert unknown ca": "the other side does not trust our certificate's issuer",
    "ssl/tls alert certificate expired": "the other side finds our certificate expired",
    "ssl/tls alert bad certificate": "the other side refuses our certificate",
    "ssl/tls alert certificate unknown": "the other side refuses our certificate",
    "ssl/tls alert handshake failure": "the other side found nothing in common to negotiate",
    "tlsv1 unrecognized name": "the other side does not serve this server name",
    "ssl/tls alert unrecognized name": "the other side does not serve this server name",
    "tlsv1 alert no application protocol": "no application protocol (ALPN) in common",
    "no application protocol": "no application protocol (ALPN) in common",
}


class NoApplicationProtocolError(SSL.Error):
    """Raised inside OpenSSL's ALPN callback, which makes it send that alert."""

    def __init__(self) -> None:
        super().__init__([("SSL routines", "", "no application protocol")])


def wanted_events(error: SSL.Error) -> int:
    """The poll mask OpenSSL waits for, 0 if *error* is not about waiting."""
    if isinstance(error, SSL.WantReadError):
        return select.POLLIN
    if isinstance(error, SSL.WantWriteError):
        return select.POLLOUT
    return 0


def as_os_error(error: SSL.Error) -> OSError:
    """The `OSError` that means the same as *error*.

    `ZeroReturnError` is the clean end of TLS: a caller that reads has treated it before, for a
    writer it is EPIPE.
    """
    if wanted_events(error):
        return BlockingIOError(errno.EAGAIN, "TLS waits for the socket")
    if isinstance(error, SSL.ZeroReturnError):
        return BrokenPipeError(errno.EPIPE, "the other side has ended TLS")
    if isinstance(error, SSL.SysCallError):
        number = error.args[0] if error.args else -1
        if isinstance(number, int) and number > 0:
            return OSError(number, os.strerror(number))
        return ConnectionResetError(errno.ECONNRESET, TRUNCATED)
    return OSError(errno.EPROTO, describe(error))


def describe(error: SSL.Error) -> str:
    """OpenSSL's last reason, in words an operator understands."""
    queue = error.args[0] if error.args else ()
    reasons = [entry[-1] for entry in queue if isinstance(entry, tuple) and entry]
    for reason in reversed(reasons):
        if reason in _REASONS:
            return _REASONS[reason]
    return f"TLS: {reasons[-1]}" if reasons else f"TLS: {type(error).__name__}"
