"""Outgoing connections: TLS over a socket the broker has connected, and advice where that fails.

The broker resolves and connects, and is not trusted: whoever answers must show a certificate for
the name that was asked for, verified here.
"""

from __future__ import annotations

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


_HINTS = (
    ("trust anchors", "name the authority that certifies it in tls.trust_anchors"),
    ("is not for", "ask for it by a name in its certificate, or set tls.server_name"),
    ("has expired", "its certificate must be renewed; or check the clock of this machine"),
    ("is not valid yet", "check the clock of this machine"),
    ("does not speak TLS 1.3", "Enarx speaks TLS 1.3 only: update the other side"),
    ("does not speak TLS at all", 'say prot = "tcp" if this port is not TLS'),
    ("plain HTTP", 'say prot = "tcp" if this port is not TLS'),
    ("wants a client certificate", "set tls.certificate and tls.private_key"),
    ("does not trust our", "have the other side trust this certificate's issuer"),
    ("timed out", "is a firewall in between, or the other side overloaded?"),
)


def advice(error: OSError) -> str | None:
    """What the operator can do about a failed `tls_connect`; None if nobody knows."""
    problem = error.strerror or ""
    return next((hint for part, hint in _HINTS if part in problem), None)
