"""What a keep proves itself with: the one-time keys, the channel's key, and the offer of them.

Made behind the sandbox, after the fork, from the operating system's random numbers; they leave this
process never, and the one-time keys open one envelope.
"""

from __future__ import annotations

import time

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from enarx.errors import MalformedError
from enarx.keep.agent.options import Options
from enarx.keep.agent.tls import spki_of
from enarx.package import manifest
from enarx.protocol.claims import OfferClaims
from enarx.seal import envelope
from enarx.seal.receipt import Receipt
from enarx.seal.suite import KEMS, OneTimeKey

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enarx.package.manifest import Package
    from enarx.seal.envelope import Content
    from enarx.seal.offer import Offer


class Keys:
    """Fresh keys.

    Attributes:
        channel: ends the owner's TLS and signs the receipt.
        channel_spki: its SubjectPublicKeyInfo, DER.
    """

    __slots__ = ("_one_time", "channel", "channel_spki")

    def __init__(self) -> None:
        self._one_time = {kem: OneTimeKey(kem) for kem in KEMS}
        self.channel = ec.generate_private_key(ec.SECP256R1())
        self.channel_spki = spki_of(self.channel.public_key())

    def claims(self, nonce: bytes) -> bytes:
        """What the evidence of an offer for *nonce* is bound to."""
        publics = {kem: key.public for kem, key in self._one_time.items()}
        return OfferClaims(nonce, publics, self.channel_spki).encode()

    def erase(self) -> None:
        """Forget the one-time keys."""
        for key in self._one_time.values():
            key.erase()

    def open(self, data: bytes, offer: Offer) -> Opened:
        """Open the envelope *data*, once; the one-time keys are gone afterwards, whatever happens.

        Raises:
            CannotOpenError: it is for other keys or another offer, or was changed.
            MalformedError: it is no envelope.
            UnsuitableError: it was opened, but what is in it is not what a keep can run.
        """
        try:
            parsed = envelope.parse(data)
            try:
                content = envelope.open_envelope(parsed, self._one_time, offer.claims)
                package = manifest.assemble(content.manifest, content.blobs)
                options = Options(content.options)
                _check_owner(content.owner_spki)
            except MalformedError as error:
                raise UnsuitableError from error
        finally:
            self.erase()
        receipt = Receipt(
            workload_digest=package.digest,
            claims_sha256=offer.sha256,
            envelope_sha256=envelope.digest(data),
            time=int(time.time()),
        )
        return Opened(content, package, options, receipt.sign(self.channel))


class Opened:
    """What an envelope held, checked, and the receipt for it."""

    __slots__ = ("content", "options", "package", "receipt")

    def __init__(
        self, content: Content, package: Package, options: Options, receipt: bytes
    ) -> None:
        self.content, self.package = content, package
        self.options, self.receipt = options, receipt


class UnsuitableError(Exception):
    """What was sealed is no package with an owner; what is wrong is not for the host to know."""


def _check_owner(spki: bytes) -> None:
    try:
        load_der_public_key(spki)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise MalformedError("the owner's key", "is none") from error
