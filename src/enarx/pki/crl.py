"""The list of revoked certificates of one authority.

Source: RFC 5280, section 5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cryptography import x509

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from enarx.pki.signing import Signer


class Entry(NamedTuple):
    """One revoked certificate, and since when it is."""

    serial: int
    at: datetime


def revocation_list(
    entries: Iterable[Entry],
    issuer: x509.Certificate,
    signer: Signer,
    *,
    number: int,
    times: tuple[datetime, datetime],
) -> bytes:
    """The list, DER.

    Args:
        issuer: the certificate of *signer*.
        number: not less than that of any list before; not negative.
        times: when it was made, and when there will be another at the latest.
    """
    key_id = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.subject)
        .last_update(times[0])
        .next_update(times[1])
        .add_extension(x509.CRLNumber(number), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier(key_id.digest, None, None), critical=False)
    )
    for entry in entries:
        revoked = (
            x509.RevokedCertificateBuilder()
            .serial_number(entry.serial)
            .revocation_date(entry.at)
            .build()
        )
        builder = builder.add_revoked_certificate(revoked)
    return signer.revocation_list(builder)
