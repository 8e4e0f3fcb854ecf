"""The TLS of a keep's channel: who the keep is, who may come in, and one connection's bytes.

TLS 1.3 and nothing below; groups are OpenSSL's own list, X25519MLKEM768 first; no resumption.  The
keep's certificate is self-signed and carries the offer's evidence, the client's may be signed by
anybody: what counts on both sides is the key.  The only client is the owner, whose key came in the
envelope; before that there is no context, so nobody gets in.
"""

from __future__ import annotations

import contextlib
import hmac
import os
import select
from datetime import UTC, datetime

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from OpenSSL import SSL, crypto

from enarx.keep.net.plain import open_stream_socket
from enarx.keep.net.tls_context import SUITES
from enarx.keep.net.tls_errors import as_os_error, wanted_events
from enarx.pki.self_signed import SERIAL_BYTES, self_signed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec

_RECORD = 16_384  # RFC 8446, section 5.1
_BLOCK = 65_536  # the most that one SSL_write is given


def spki_of(key: ec.EllipticCurvePublicKey) -> bytes:
    """SubjectPublicKeyInfo, DER."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def channel_context(
    key: ec.EllipticCurvePrivateKey, *, evidence: bytes, owner_spki: bytes, now_s: float
) -> SSL.Context:
    """The context of channel connections.

    Args:
        key: the channel's, P-256.
        evidence: the offer's, a conceptual message wrapper.
        owner_spki: SubjectPublicKeyInfo of the only client, DER.
        now_s: seconds since 1970, for the certificate's dates.
    """
    now = datetime.fromtimestamp(now_s, UTC)
    serial = os.urandom(SERIAL_BYTES)
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_3_VERSION)
    context.set_max_proto_version(SSL.TLS1_3_VERSION)
    context.set_tls13_ciphersuites(SUITES)
    context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_TICKET)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.use_certificate(self_signed(key, now=now, serial=serial, evidence=evidence))
    context.use_privatekey(key)

    def verify(_: SSL.Connection, shown: crypto.X509, _error: int, depth: int, _ok: int) -> bool:
        return depth == 0 and _is_owner(shown, owner_spki)

    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, verify)
    return context


def _is_owner(shown: crypto.X509 | None, owner_spki: bytes) -> bool:
    """The certificate's key is the owner's; its names, dates and issuer say nothing."""
    if shown is None:
        return False
    try:
        found = shown.to_cryptography().public_key()
        spki = found.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except ValueError:
        return False
    return hmac.compare_digest(spki, owner_spki)


class Wire:
    """One connection: its handshake, then bytes both ways; nothing here blocks.

    Args:
        fd: a connected stream socket, owned from here on (closed even if this raises).

    Attributes:
        wants: poll events without which nothing goes on.

    Raises:
        OSError: *fd* is something else.
    """

    __slots__ = ("_connection", "_owner_spki", "_sock", "_unsent", "wants")

    def __init__(self, fd: int, context: SSL.Context, owner_spki: bytes) -> None:
        self._sock = open_stream_socket(fd)
        self._sock.setblocking(False)
        self._owner_spki = owner_spki
        self._connection = SSL.Connection(context, self._sock)
        self._connection.set_accept_state()
        self._unsent = b""
        self.wants = select.POLLIN

    def fileno(self) -> int:
        """The socket's descriptor."""
        return self._sock.fileno()

    def handshake(self) -> bool:
        """Go on; true once both sides have proven their keys.

        Raises:
            OSError: it failed, or the other side is not the owner.
        """
        try:
            self._connection.do_handshake()
        except SSL.Error as error:
            self.wants = wanted_events(error)
            if self.wants:
                return False
            raise as_os_error(error) from error
        self.wants = select.POLLIN
        if not _is_owner(self._connection.get_peer_certificate(), self._owner_spki):
            raise PermissionError("the client is not the owner")  # the callback has seen to it
        return True

    def exporter(self, label: bytes, size: int) -> bytes:
        """Keying material of this connection (RFC 8446, section 7.5), without a context value."""
        return self._connection.export_keying_material(label, size)

    def receive(self) -> bytes | None:
        """What has arrived, of at most one record; None if nothing has, empty at the end.

        Raises:
            OSError: an alert, no TLS, or an end without TLS's own.
        """
        try:
            return self._connection.recv(_RECORD)
        except SSL.ZeroReturnError:
            return b""
        except SSL.Error as error:
            if wanted_events(error):
                return None
            raise as_os_error(error) from error

    def send(self, data: bytes) -> bool:
        """Take at most 64 KiB of *data*; true if all of it was sent, else ``flush`` goes on.

        The caller has seen the last call return true.

        Raises:
            OSError: nothing can be sent any more.
        """
        self._unsent = data
        return self.flush()

    def flush(self) -> bool:
        """Send what is left of the last ``send``; true when nothing is.

        Raises:
            OSError: nothing can be sent any more.
        """
        while self._unsent:
            try:
                sent = self._connection.send(self._unsent)
            except SSL.Error as error:
                if wanted_events(error):
                    return False
                raise as_os_error(error) from error
            self._unsent = self._unsent[sent:]
        return True

    @property
    def sending(self) -> bool:
        """Some of the last ``send`` is left."""
        return bool(self._unsent)

    def close(self) -> None:
        """Say good-bye if that is possible at once, and close."""
        with contextlib.suppress(SSL.Error, OSError):
            self._connection.shutdown()
        self._sock.close()
