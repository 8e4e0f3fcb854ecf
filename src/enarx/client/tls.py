"""The owner's end of a keep's channel: TLS 1.3 over bytes that somebody else carries.

Who the other end is, is decided by its key alone: the one that the offer named and its evidence
vouches for.  Names, dates and issuers of its certificate say nothing.  The owner shows the key that
the envelope named.  Nothing here sends or receives: bytes go in and out.

Source: DESIGN section 8; protocol/channel.py.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from OpenSSL import SSL, crypto

from enarx.errors import Failure, UnauthenticError, UnavailableError
from enarx.protocol.channel import EXPORTER_LABEL
from enarx.protocol.claims import EXPORTER_BYTES

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

_RECORD = 65_536
_HERE = "channel"


class ChannelTls:
    """One connection.

    Args:
        key, certificate: the owner's; the certificate may be signed by anybody.
        channel_spki: the keep's public key, DER.
    """

    def __init__(
        self, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate, channel_spki: bytes
    ) -> None:
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_min_proto_version(SSL.TLS1_3_VERSION)
        context.set_max_proto_version(SSL.TLS1_3_VERSION)
        context.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_COMPRESSION)
        context.use_certificate(certificate)
        context.use_privatekey(key)
        self._stranger = b""

        def verify(_: object, shown: crypto.X509, _error: int, depth: int, _ok: int) -> bool:
            found = _spki(shown)
            if depth == 0 and hmac.compare_digest(found, channel_spki):
                return True
            self._stranger = found or b"none"
            return False

        context.set_verify(SSL.VERIFY_PEER, verify)
        self._connection = SSL.Connection(context, None)
        self._connection.set_connect_state()
        self.ended = False
        """The keep has closed the connection in order."""

    def handshake(self) -> bool:
        """Go on with the handshake; whether it is over.

        Raises:
            UnauthenticError: somebody else is at the other end.
            UnavailableError: it failed, for example because the keep wants another owner.
        """
        try:
            self._connection.do_handshake()
        except SSL.WantReadError:
            return False
        except SSL.Error as e:
            raise self._failure(e) from e
        return True

    def feed(self, data: bytes) -> None:
        """Take what was received."""
        self._connection.bio_write(data)

    def take(self) -> bytes:
        """What must be sent now; empty if nothing."""
        parts = []
        while True:
            try:
                parts.append(self._connection.bio_read(_RECORD))
            except SSL.WantReadError:
                return b"".join(parts)

    def write(self, data: bytes) -> None:
        """Encrypt *data*; ``take`` has it then.

        Raises:
            UnavailableError: the connection broke.
        """
        view = memoryview(data)
        try:
            while view:
                view = view[self._connection.send(bytes(view[:_RECORD])) :]
        except SSL.Error as e:
            raise self._failure(e) from e

    def read(self) -> bytes:
        """What has been decrypted so far; empty if nothing.

        Raises:
            UnavailableError: the connection broke.
        """
        parts = []
        while not self.ended:
            try:
                parts.append(self._connection.recv(_RECORD))
            except SSL.WantReadError:
                break
            except SSL.ZeroReturnError:
                self.ended = True
            except SSL.Error as e:
                raise self._failure(e) from e
        return b"".join(parts)

    def exporter(self) -> bytes:
        """The value that only the two ends of this very connection know."""
        return self._connection.export_keying_material(EXPORTER_LABEL, EXPORTER_BYTES)

    def close(self) -> None:
        """Say that nothing follows; ``take`` has it then."""
        try:
            self._connection.shutdown()
        except SSL.Error:
            return

    def _failure(self, error: SSL.Error) -> Exception:
        if self._stranger:
            want = "the key that the offer named"
            hint = "somebody else answers in the keep's place: do not use this host"
            failure = Failure("channel key", want=want, got=self._stranger.hex()[:64], hint=hint)
            return UnauthenticError("channel", failure)
        reasons = [str(reason) for *_, reason in error.args[0]] if error.args else []
        text = ", ".join(filter(None, reasons)) or "the connection broke"
        return UnavailableError(_HERE, f"TLS: {text}")


def _spki(shown: crypto.X509 | None) -> bytes:
    if shown is None:
        return b""
    try:
        key = shown.to_cryptography().public_key()
        return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except ValueError:
        return b""
