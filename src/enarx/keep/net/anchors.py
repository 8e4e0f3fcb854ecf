"""Trust anchors: which certificates may stand at the top of a chain.

An anchor is a certificate authority, root or intermediate, or a self-signed certificate that is
trusted for itself alone.  One that cannot do its work at *now* is the operator's mistake and is
named at the start, not at the first connection that fails.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from importlib.machinery import PathFinder

from cryptography import x509

from enarx.errors import MisconfiguredError
from enarx.keep.net.settings import MOZILLA

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from enarx.keep.net.settings import TlsSettings


class Anchors:
    """Checked anchors.

    Attributes:
        certificates: those given as PEM.
        mozilla: whether certifi's bundle counts too.
        bundle: that bundle, where no file can be opened later; empty where it can.
    """

    __slots__ = ("bundle", "certificates", "mozilla")

    def __init__(
        self,
        certificates: tuple[x509.Certificate, ...],
        *,
        mozilla: bool,
        bundle: tuple[x509.Certificate, ...] = (),
    ) -> None:
        self.certificates = certificates
        self.mozilla = mozilla
        self.bundle = bundle


def check_anchors(
    settings: TlsSettings, key: str, values: Sequence[bytes | str], now_s: float
) -> Anchors:
    """Parse and check *values*, the list under *key* of *settings*.

    Args:
        settings: whose errors to raise.
        key: ``trust_anchors`` or ``client_trust_anchors``.
        values: PEM (one or more certificates each) or ``"mozilla"``.
        now_s: seconds since 1970.

    Raises:
        MisconfiguredError: one is no PEM certificate, no authority, or out of its validity.
    """
    now = datetime.fromtimestamp(now_s, UTC)
    found: list[x509.Certificate] = []
    for index, value in enumerate(values):
        if value == MOZILLA:
            continue
        place = f"{key}[{index}]"
        pem = value.encode() if isinstance(value, str) else value
        for certificate in _parse(settings, place, pem):
            _check_validity(settings, place, certificate, now)
            _check_authority(settings, place, certificate)
            found.append(certificate)
    return Anchors(tuple(found), mozilla=MOZILLA in values)


def in_memory(anchors: Anchors) -> Anchors:
    """The same *anchors*, for contexts that are made when no file can be opened any more."""
    if not anchors.mozilla:
        return anchors
    with open(mozilla_bundle(), "rb") as file:
        bundle = x509.load_pem_x509_certificates(file.read())
    return Anchors(anchors.certificates, mozilla=True, bundle=tuple(bundle))


def mozilla_bundle() -> str:
    """The path of certifi's bundle.

    The package is not run: it would import a dozen others to find a file that lies beside it.

    Raises:
        MisconfiguredError: it is not installed.
    """
    found = PathFinder.find_spec("certifi", sys.path)
    if found is None or found.origin is None:
        hint = "install it into this environment: pip install certifi"
        raise MisconfiguredError("certifi", "is not installed", hints=(hint,))
    return os.path.join(os.path.dirname(found.origin), "cacert.pem")


def _parse(settings: TlsSettings, place: str, pem: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError as e:
        hints = ["give certificates in PEM (-----BEGIN CERTIFICATE-----)"]
        if pem[:1] == b"\x30":  # a DER SEQUENCE
            hints = ["this looks like DER; convert it with: openssl x509 -inform der -outform pem"]
        raise settings.wrong(place, "not a PEM certificate", *hints) from e


def _check_validity(
    settings: TlsSettings, place: str, certificate: x509.Certificate, now: datetime
) -> None:
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    subject = subject_of(certificate)
    if now > end:
        raise settings.wrong(
            place,
            f"the certificate of {subject} expired on {_show(end)}, and now is {_show(now)}",
            "replace it by the current certificate of this authority, or check the clock",
        )
    if now < start:
        raise settings.wrong(
            place,
            f"the certificate of {subject} is not valid before {_show(start)}, "
            f"and now is {_show(now)}",
            "check the clock of this machine",
        )


def _check_authority(settings: TlsSettings, place: str, certificate: x509.Certificate) -> None:
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
        is_authority = constraints.value.ca
    except x509.ExtensionNotFound:
        is_authority = False
    except ValueError as e:
        raise settings.wrong(place, f"malformed certificate: {e}") from e
    if not is_authority and certificate.issuer != certificate.subject:
        raise settings.wrong(
            place,
            f"the certificate of {subject_of(certificate)} is not a certificate authority's",
            f"trust its issuer instead: {certificate.issuer.rfc4514_string()}",
        )


def subject_of(certificate: x509.Certificate) -> str:
    """How messages name a certificate."""
    return certificate.subject.rfc4514_string() or f"serial {certificate.serial_number:x}"


def _show(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S} UTC"
