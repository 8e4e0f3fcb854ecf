"""The Steward's own certificate for TLS, by its own authority, renewed while it runs.

The key is in this process's memory only.  A connection that is open keeps what it began with.
"""

from __future__ import annotations

import os
import ssl
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from enarx.pki.issue import Leaf

if TYPE_CHECKING:
    from collections.abc import Callable

    from enarx.steward.authority.authority import Authority

LIFE = timedelta(days=7)
RENEW_AFTER = timedelta(days=1)
_SKEW = timedelta(minutes=5)
_SERIAL_BYTES = 16


class OwnCertificate:
    """A server's context whose certificate is renewed by ``refresh``.

    Args:
        names: DNS names.
        addresses: IP addresses.
        authority: as it is whenever it is asked for.
        now: the wall clock, aware.
        crl_url: as of the service.
    """

    def __init__(
        self,
        authority: Callable[[], Authority],
        *,
        names: tuple[str, ...],
        addresses: tuple[str, ...],
        now: Callable[[], datetime],
        crl_url: str,
    ) -> None:
        self._authority = authority
        self._names, self._addresses = names, addresses
        self._now = now
        self._crl_url = crl_url
        self._made = datetime.min.replace(tzinfo=UTC)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_3
        self.refresh()

    def refresh(self) -> bool:
        """Renew the certificate if it is a day old; whether it was."""
        now, authority = self._now().replace(microsecond=0), self._authority()
        if now - self._made < RENEW_AFTER:
            return False
        key = ec.generate_private_key(ec.SECP256R1())
        spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        leaf = authority.issue(
            Leaf(
                spki=spki,
                serial=int.from_bytes(os.urandom(_SERIAL_BYTES), "big") >> 1 | 1,
                not_before=now - _SKEW,
                not_after=now + LIFE,
                spiffe_id=f"spiffe://{authority.trust_domain}/steward",
                dns_names=self._names,
                addresses=self._addresses,
                crl_url=f"{self._crl_url}/{authority.issuer_id}",
            )
        )
        chain = (leaf, *authority.chain[:-1])
        pem = b"".join(
            x509.load_der_x509_certificate(one).public_bytes(Encoding.PEM) for one in chain
        )
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self._load(pem + secret)
        self._made = now
        return True

    def _load(self, pem: bytes) -> None:
        """OpenSSL reads certificates and keys from files: this one is in memory, and ours alone."""
        fd = os.memfd_create("tls", os.MFD_CLOEXEC)
        try:
            os.write(fd, pem)
            self.context.load_cert_chain(f"/proc/self/fd/{fd}")
        finally:
            os.close(fd)
