"""What ``[tls]`` of Enarx.toml says about one socket, as plain values.

Shapes and types were checked by `enarx.package`; whether certificates can be used (PEM, CA,
in their time of validity) is decided in `anchors` and `tls_context`, which load cryptography.
"""

from __future__ import annotations

from enarx.errors import MisconfiguredError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

MOZILLA = "mozilla"  # trust_anchors: the bundle of certifi
CLIENT_AUTH = ("none", "request", "require")
HANDSHAKE_TIMEOUT_S = 10.0
_LONGEST_PROTOCOL = 255  # RFC 7301, section 3.1: opaque ProtocolName<1..2^8-1>


class TlsSettings:
    """How TLS is spoken on one socket.

    Args:
        trust_anchors: whom a server must be certified by; PEM bytes or ``"mozilla"``.
        alpn: protocols, best first; empty: not negotiated.
        client_auth: ``none``, ``request`` (checked if shown) or ``require``.
        client_trust_anchors: whom a client must be certified by, as *trust_anchors*.
        server_name: connect: the name to ask for and to verify instead of the host's.
        server_names: listen: the only names served; ``*.`` stands for one label.  Empty: any.
        certificate: PEM chain, leaf first, instead of the keep's own; with *private_key*.
        private_key: PEM, not encrypted.
        handshake_timeout_s: seconds after which an unfinished handshake is dropped.
        source: the file these came from, for messages.
        path: the table in it, for messages ("tls", "tls.socket.https").

    Raises:
        MisconfiguredError: values that contradict each other.
    """

    __slots__ = (
        "alpn",
        "certificate",
        "client_auth",
        "client_trust_anchors",
        "handshake_timeout_s",
        "path",
        "private_key",
        "server_name",
        "server_names",
        "source",
        "trust_anchors",
    )

    def __init__(
        self,
        *,
        trust_anchors: Sequence[bytes | str] = (MOZILLA,),
        alpn: Sequence[str] = (),
        client_auth: str = "none",
        client_trust_anchors: Sequence[bytes | str] = (),
        server_name: str | None = None,
        server_names: Sequence[str] = (),
        certificate: bytes | None = None,
        private_key: bytes | None = None,
        handshake_timeout_s: float = HANDSHAKE_TIMEOUT_S,
        source: str = "Enarx.toml",
        path: str = "tls",
    ) -> None:
        self.trust_anchors = tuple(trust_anchors)
        self.alpn = tuple(name.encode() for name in alpn)
        self.client_auth = client_auth
        self.client_trust_anchors = tuple(client_trust_anchors)
        self.server_name = server_name
        self.server_names = tuple(name.rstrip(".").lower() for name in server_names)
        self.certificate = certificate
        self.private_key = private_key
        self.handshake_timeout_s = handshake_timeout_s
        self.source = source
        self.path = path
        self._check()

    def wrong(self, key: str, problem: str, *hints: str) -> MisconfiguredError:
        """The error for *key* of this table."""
        return MisconfiguredError(self.source, problem, path=f"{self.path}.{key}", hints=hints)

    def _check(self) -> None:
        if self.client_auth not in CLIENT_AUTH:
            wanted = ", ".join(CLIENT_AUTH)
            raise self.wrong("client_auth", f"got {self.client_auth!r}, want one of {wanted}")
        if self.client_auth != "none" and not self.client_trust_anchors:
            raise self.wrong(
                "client_trust_anchors",
                f"empty, but client_auth is {self.client_auth!r}: no client could be accepted",
                "name the certificate authorities whose clients may connect",
            )
        for index, name in enumerate(self.alpn):
            if not 1 <= len(name) <= _LONGEST_PROTOCOL:
                raise self.wrong(
                    f"alpn[{index}]", f"got {len(name)} bytes, want 1 to {_LONGEST_PROTOCOL}"
                )
        if self.server_name is not None:
            self._check_server_name(self.server_name)
        if (self.certificate is None) != (self.private_key is None):
            missing = "certificate" if self.certificate is None else "private_key"
            raise self.wrong(missing, "missing: certificate and private_key go together")
        if self.handshake_timeout_s <= 0:
            raise self.wrong(
                "handshake_timeout", f"got {self.handshake_timeout_s:g} s, want more than 0"
            )

    def _check_server_name(self, name: str) -> None:
        from enarx.keep.net.tls_names import ip_address, to_ascii

        if ip_address(name) is not None:
            return
        try:
            to_ascii(name)
        except ValueError as e:
            raise self.wrong("server_name", f"not a DNS name or an address: {name!r}") from e
