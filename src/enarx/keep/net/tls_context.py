"""OpenSSL contexts: what is offered, what is demanded, who is trusted.

TLS 1.3 and nothing below; the three suites of Enarx 0.7.  Key exchange groups are OpenSSL's own
list, which puts X25519MLKEM768 first and sends a share for it (a test decodes the ClientHello):
pyOpenSSL has no public call to set a list.

No session resumption: each connection checks certificates anew, a stolen ticket key decrypts
nothing, and the signature it would save costs 30 µs.  (OpenSSL still sends two short session
identifiers after a handshake; they lead nowhere.)
"""

from __future__ import annotations

import socket
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL import SSL, crypto

from enarx.keep.net.anchors import check_anchors, mozilla_bundle, subject_of
from enarx.keep.net.tls_errors import NoApplicationProtocolError
from enarx.keep.net.tls_names import certified_names, certifies, ip_address, matches, to_ascii

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from enarx.keep.identity import Identity
    from enarx.keep.net.anchors import Anchors
    from enarx.keep.net.settings import TlsSettings

    PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey

SUITES = b"TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256"

# SSL_MODE_ENABLE_PARTIAL_WRITE (openssl/ssl.h): pyOpenSSL sets it; without it one call writes
# as many records as it is given, which streams half as fast again.
_PARTIAL_WRITE = 0x1

# RFC 8446, section 6: TLSPlaintext{alert(21), legacy_record_version 0x0303, length 2, fatal(2)}
_FATAL_ALERT = b"\x15\x03\x03\x00\x02\x02"
_MISSING_EXTENSION = b"\x6d"
_UNRECOGNIZED_NAME = b"\x70"

_CODES = SSL.X509VerificationCodes
_VERIFICATION = {
    _CODES.ERR_CERT_HAS_EXPIRED: "has expired",
    _CODES.ERR_CERT_NOT_YET_VALID: "is not valid yet",
    _CODES.ERR_CERT_REVOKED: "is revoked",
    _CODES.ERR_CERT_SIGNATURE_FAILURE: "has a wrong signature",
    _CODES.ERR_CERT_UNTRUSTED: "is not trusted",
    _CODES.ERR_DEPTH_ZERO_SELF_SIGNED_CERT: "is self-signed and not among the trust anchors",
    _CODES.ERR_INVALID_CA: "is used as an authority's, which it is not",
    _CODES.ERR_INVALID_PURPOSE: "is not meant for this purpose (extended key usage)",
    _CODES.ERR_SELF_SIGNED_CERT_IN_CHAIN: "is a root that is not among the trust anchors",
    _CODES.ERR_UNABLE_TO_GET_ISSUER_CERT: "has an issuer that is not among the trust anchors",
    _CODES.ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY: (
        "has an issuer that is not among the trust anchors"
    ),
    _CODES.ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE: "has an issuer that is not among the trust anchors",
}


class Verdict:
    """What the callbacks of one handshake decide; the connection's application data.

    Args:
        sock: the TCP socket under it.
        server_name: the name the server's certificate must stand for; None on the server's side.

    Attributes:
        problem: why the handshake is refused, None while it is not.
    """

    __slots__ = ("_sock", "problem", "server_name")

    def __init__(self, sock: socket.socket, server_name: str | None = None) -> None:
        self._sock = sock
        self.server_name = server_name
        self.problem: str | None = None

    def refuse(self, alert: bytes, problem: str) -> None:
        """Answer the ClientHello with *alert* ourselves, and let OpenSSL send nothing after it.

        pyOpenSSL has no way to choose this alert except one that prints a traceback.  Nothing
        was sent before, so the seven bytes fit, and are not yet encrypted.
        """
        self.problem = problem
        try:
            self._sock.send(_FATAL_ALERT + alert, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
            self._sock.shutdown(socket.SHUT_WR)
        except OSError:
            return  # the client has gone already; the handshake fails by itself


class TlsContext:
    """An OpenSSL context and the clock its verifications use.

    Attributes:
        settings: what it was made from.
    """

    __slots__ = ("_context", "settings")

    def __init__(self, context: SSL.Context, settings: TlsSettings) -> None:
        self._context = context
        self.settings = settings

    def connection(
        self, sock: socket.socket, now_s: float, server_name: str | None = None
    ) -> tuple[SSL.Connection, Verdict]:
        """A connection that has not said anything yet.

        Args:
            sock: the TCP socket, non-blocking.
            now_s: seconds since 1970, for the validity of the peer's certificates.
            server_name: on the client's side, whom to ask for and verify.
        """
        store = self._context.get_cert_store()
        if store is not None:
            store.set_time(datetime.fromtimestamp(now_s, UTC))
        connection = SSL.Connection(self._context, sock)
        verdict = Verdict(sock, server_name)
        connection.set_app_data(verdict)
        if server_name is None:
            connection.set_accept_state()
        else:
            if ip_address(server_name) is None:  # RFC 6066, section 3: no addresses in SNI
                connection.set_tlsext_host_name(to_ascii(server_name).encode())
            connection.set_connect_state()
        return connection, verdict


def server_context(
    settings: TlsSettings, identity: Identity, now_s: float, *, anchors: Anchors | None = None
) -> TlsContext:
    """The context of a listening socket.

    Args:
        settings: its ``[tls]``.
        identity: the keep's own, used unless *settings* name another.
        now_s: seconds since 1970.
        anchors: the checked client_trust_anchors of *settings*, if somebody has them.

    Raises:
        MisconfiguredError: a certificate, key or anchor in *settings* cannot be used.
    """
    context = _context(SSL.TLS_SERVER_METHOD, settings, identity)
    if settings.client_auth != "none":
        key = "client_trust_anchors"
        if anchors is None:
            anchors = check_anchors(settings, key, settings.client_trust_anchors, now_s)
        _trust(context, anchors)
        for certificate in anchors.certificates:
            context.add_client_ca(certificate)
        required = SSL.VERIFY_FAIL_IF_NO_PEER_CERT if settings.client_auth == "require" else 0
        context.set_verify(SSL.VERIFY_PEER | required, _verify)
    if settings.alpn:
        context.set_alpn_select_callback(_alpn_selector(settings.alpn))
    if settings.server_names:
        context.set_tlsext_servername_callback(_name_gate(settings.server_names))
    return TlsContext(context, settings)


def client_context(settings: TlsSettings, identity: Identity, now_s: float) -> TlsContext:
    """The context of outgoing connections; offers the keep's certificate if asked for one.

    Raises:
        MisconfiguredError: a certificate, key or anchor in *settings* cannot be used.
    """
    context = _context(SSL.TLS_CLIENT_METHOD, settings, identity)
    _trust(context, check_anchors(settings, "trust_anchors", settings.trust_anchors, now_s))
    context.set_verify(SSL.VERIFY_PEER, _verify)
    if settings.alpn:
        context.set_alpn_protos(list(settings.alpn))
    return TlsContext(context, settings)


def _context(method: int, settings: TlsSettings, identity: Identity) -> SSL.Context:
    context = SSL.Context(method)
    context.set_min_proto_version(SSL.TLS1_3_VERSION)
    context.set_max_proto_version(SSL.TLS1_3_VERSION)
    context.set_tls13_ciphersuites(SUITES)
    context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_TICKET)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.clear_mode(_PARTIAL_WRITE)
    _certify(context, settings, identity)
    return context


def _certify(context: SSL.Context, settings: TlsSettings, identity: Identity) -> None:
    """Give *context* the certificate of *settings*, or else the keep's own."""
    chain: tuple[x509.Certificate, ...]
    key: PrivateKey
    if settings.certificate is None or settings.private_key is None:
        chain, key = identity.chain, identity.key
    else:
        chain, key = _configured(settings, settings.certificate, settings.private_key)
    context.use_certificate(chain[0])
    for issuer in chain[1:]:
        context.add_extra_chain_cert(issuer)
    context.use_privatekey(key)


def _configured(
    settings: TlsSettings, certificate: bytes, private_key: bytes
) -> tuple[tuple[x509.Certificate, ...], PrivateKey]:
    try:
        chain = tuple(x509.load_pem_x509_certificates(certificate))
    except ValueError as e:
        raise settings.wrong("certificate", "not a PEM certificate") from e
    try:
        key = load_pem_private_key(private_key, password=None)
    except (TypeError, ValueError, UnsupportedAlgorithm) as e:  # TypeError: it is encrypted
        raise settings.wrong("private_key", "not an unencrypted PEM private key") from e
    if not isinstance(
        key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
    ):
        raise settings.wrong("private_key", "want an EC, RSA or Ed25519 key")
    if key.public_key() != chain[0].public_key():
        raise settings.wrong(
            "private_key",
            f"does not belong to the certificate of {subject_of(chain[0])}",
            "the first certificate in the file must be the socket's own, its issuers follow",
        )
    return chain, key


def _trust(context: SSL.Context, anchors: Anchors) -> None:
    if anchors.mozilla and not anchors.bundle:
        context.load_verify_locations(mozilla_bundle())
    store = context.get_cert_store()
    if store is None:
        raise TypeError("an OpenSSL context without a certificate store")
    for certificate in (*anchors.certificates, *anchors.bundle):
        store.add_cert(crypto.X509.from_cryptography(certificate))
    # An intermediate, or a self-signed leaf, ends a chain when the operator said so.
    store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)


def _verify(
    connection: SSL.Connection, certificate: crypto.X509, error: int, depth: int, ok: int
) -> bool:
    """OpenSSL's verdict on one certificate of the peer's chain; the name is checked on the leaf."""
    verdict: Verdict = connection.get_app_data()
    try:
        parsed = certificate.to_cryptography()
    except ValueError as e:
        verdict.problem = f"malformed certificate: {e}"
        return False
    if not ok:
        problem = _VERIFICATION.get(error, f"is refused by OpenSSL (verification error {error})")
        if error in (_CODES.ERR_CERT_HAS_EXPIRED, _CODES.ERR_CERT_NOT_YET_VALID):
            problem += _validity(parsed)
        verdict.problem = f"the certificate of {subject_of(parsed)} {problem}"
        return False
    name = verdict.server_name
    if depth == 0 and name is not None and not certifies(parsed, name):
        names = ", ".join(certified_names(parsed)) or "no names"
        verdict.problem = f"the certificate is not for {name} (it is for {names})"
        return False
    return True


def _validity(certificate: x509.Certificate) -> str:
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return f" (valid from {start:%Y-%m-%d} to {end:%Y-%m-%d})"


def _alpn_selector(ours: tuple[bytes, ...]) -> Callable[[SSL.Connection, list[bytes]], bytes]:
    def select(_: SSL.Connection, theirs: list[bytes]) -> bytes:
        for protocol in ours:
            if protocol in theirs:
                return protocol
        raise NoApplicationProtocolError

    return select


def _name_gate(served: tuple[str, ...]) -> Callable[[SSL.Connection], None]:
    """RFC 6066, section 3, and RFC 8446, section 9.2: which alert says what."""

    def gate(connection: SSL.Connection) -> None:
        verdict: Verdict = connection.get_app_data()
        asked = connection.get_servername()
        if asked is None:
            verdict.refuse(_MISSING_EXTENSION, "the client names no server (SNI)")
            return
        name = asked.decode("ascii", "replace")
        if not any(matches(each, name) for each in served):
            verdict.refuse(_UNRECOGNIZED_NAME, f"the client asks for {name!r}, not served here")

    return gate
