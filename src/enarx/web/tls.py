"""TLS as every service of ours speaks it: 1.3 and nothing else."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Factory = Callable[[object, Callable[[], ssl.SSLContext]], ssl.SSLContext]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """How a service proves itself, and what its clients must show beside a token.

    Args:
        certificate, key: PEM files.
        client_authorities: PEM file of authorities; with it, only clients with a certificate of
            one of them get through.
    """

    certificate: str
    key: str
    client_authorities: str = ""


def tls_context(tls: Tls) -> ssl.SSLContext:
    """The server's side of TLS 1.3.

    Raises:
        OSError: a file cannot be read (``ssl.SSLError`` is one), or the key is another's.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(tls.certificate, tls.key)
    if tls.client_authorities:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(tls.client_authorities)
    return context
