"""Outgoing connections: TLS over a socket the broker has connected, and words for what failed.

The broker resolves and connects, and is not trusted: whoever answers must show a certificate for
the name that was asked for, verified here.
"""

from __future__ import annotations

import errno

from enarx.errors import UnavailableError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enarx.keep.net.tls import TlsStream
    from enarx.keep.net.tls_context import TlsContext
    from enarx.keep.net.wait import Background


def tls_connect(
    fd: int,
    peer: tuple[str, int],
    context: TlsContext,
    *,
    server_name: str,
    deadline: float,
    now_s: float,
    background: Background,
) -> TlsStream:
    """Complete the handshake on a connected socket, verifying chain and name.

    Args:
        fd: the socket, owned from here on.
        peer: host and port as asked for.
        context: `tls_context.client_context`.
        server_name: DNS name or address, unless the settings name another.
        deadline: an instant of `time.monotonic`.
        now_s: seconds since 1970, for the validity of certificates.
        background: what goes on meanwhile.

    Raises:
        OSError: the handshake failed; its text says why.
    """
    from enarx.keep.net.handshake import Handshake

    handshake = Handshake(
        fd,
        peer,
        context,
        deadline=deadline,
        now_s=now_s,
        server_name=context.settings.server_name or server_name,
    )
    try:
        return handshake.complete(background)
    except BaseException:
        handshake.close()
        raise


_PROBLEMS = {
    errno.ECONNREFUSED: "connection refused",
    errno.ECONNRESET: "the other side closed the connection",
    errno.EHOSTUNREACH: "host unreachable",
    errno.ENETUNREACH: "network unreachable",
}

_HINTS = {
    errno.ECONNREFUSED: "is the server running, and is the port right?",
    errno.EHOSTUNREACH: "check the host's name and the network between",
    errno.ENETUNREACH: "check the network of this machine",
    errno.ETIMEDOUT: "is a firewall in between, or the server overloaded?",
}

_TLS_HINTS = (
    ("trust anchors", "name the authority of this server in tls.trust_anchors"),
    ("is not for", "ask for the server by a name in its certificate, or set tls.server_name"),
    ("has expired", "the server must renew its certificate; or check the clock of this machine"),
    ("does not speak TLS 1.3", "Enarx speaks TLS 1.3 only; update the server"),
    ("does not speak TLS at all", 'if this port is not TLS, say prot = "tcp"'),
    ("plain HTTP", 'if this port is not TLS, say prot = "tcp"'),
)


def unavailable(host: str, port: int, error: OSError) -> UnavailableError:
    """The error for a connection that is needed at the start."""
    text = error.strerror or str(error)
    problem = _PROBLEMS.get(error.errno or 0, text)
    if error.errno == errno.ETIMEDOUT and "TLS" not in text:
        problem = "timed out"
    hints = [hint for part, hint in _TLS_HINTS if part in problem]
    if error.errno in _HINTS:
        hints.append(_HINTS[error.errno])
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return UnavailableError(f"connect {place}", problem, hints=tuple(hints))
