"""A keep that waits goes once through what its owner will wait for, with keys of nobody.

After a fork the first time of everything is slow: pages are copied, libraries look up their parts.
A waiting keep has the time.  Nothing of the rehearsal is kept.
"""

from __future__ import annotations

from enarx.keep.agent.keys import Keys
from enarx.keep.agent.tls import channel_context
from enarx.package import manifest
from enarx.protocol.claims import NONCE_BYTES
from enarx.seal import suite
from enarx.seal.envelope import Content, Envelope, info_of
from enarx.seal.offer import Offer

_MODULE = b"\0asm\1\0\0\0"
_WRAPPER = b'["application/octet-stream","AA"]'


def rehearse(now_s: float) -> None:
    """Make keys and an offer, seal something to it, and open that.

    Args:
        now_s: seconds since 1970, for the dates of a certificate.
    """
    keys = Keys()
    offer = Offer(keys.claims(bytes(NONCE_BYTES)), _WRAPPER)
    offer.encode()
    package = manifest.build(_MODULE)
    content = Content(
        manifest=package.manifest,
        blobs=tuple(blob.data for blob in package.blobs),
        owner_spki=keys.channel_spki,
    )
    kem = next(iter(offer.content.suites))
    info = info_of(kem, offer.sha256)
    sealed = suite.seal(kem, offer.content.suites[kem], content.encode(), info)
    keys.open(Envelope(kem=kem, claims_sha256=offer.sha256, sealed=sealed).encode(), offer)
    channel_context(keys.channel, evidence=_WRAPPER, owner_spki=keys.channel_spki, now_s=now_s)
