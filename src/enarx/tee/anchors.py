"""Trust anchors: a name and a public key that the verifier believes without proof.

Keys are pinned, not certificates: vendors publish the same key in more than one edition of the
certificate.  Which anchors a verification uses is an argument; each technology's folder has its
vendor's in ``roots``.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Literal

from enarx.errors import MalformedError
from enarx.tee.x509 import Certificate, PublicKey, key_of, load_public_key

Vendor = Literal["amd", "arm", "aws", "intel", "nvidia"]
VENDORS: tuple[Vendor, ...] = ("amd", "arm", "aws", "intel", "nvidia")

MARK = "SIMULATED "
"""Before the common name of every certificate below a development root, and of the root."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustAnchor:
    """A pinned public key.

    Args:
        vendor: whose evidence it may vouch for.
        name: the common name of its certificates ("ARK-Milan"), by which chains end in it.
        spki: SubjectPublicKeyInfo, DER.
        subject: the whole RFC 4514 name; empty for keys without certificates (Arm's).
        simulated: a development root: what it vouches for proves no hardware.

    Raises:
        MalformedError: *spki* is no public key that anybody signs evidence with.
    """

    vendor: Vendor
    name: str
    spki: bytes
    subject: str
    simulated: bool = False
    _key: PublicKey = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_key", load_public_key(self.spki, self.name))

    @property
    def sha256(self) -> bytes:
        """Fingerprint of the SubjectPublicKeyInfo."""
        return hashlib.sha256(self.spki).digest()

    def is_key_of(self, certificate: Certificate) -> bool:
        """Whether *certificate* is an edition of this anchor's: its name and its key.

        Whether the key signed it is not looked at.
        """
        if certificate.subject.rfc4514_string() != self.subject:
            return False
        try:
            return key_of(certificate, self.name) == self._key
        except MalformedError:
            return False

    def vendors_name(self, name: str) -> str:
        """The common name *name* of a certificate below this anchor, as the vendor spells it.

        Only below a development root the mark is taken off: elsewhere it is a foreign name.
        """
        return name.removeprefix(MARK) if self.simulated else name

    def public_key(self) -> PublicKey:
        """The pinned key."""
        return self._key


def of_vendor(anchors: tuple[TrustAnchor, ...], vendor: Vendor) -> tuple[TrustAnchor, ...]:
    """The anchors that may vouch for *vendor*'s evidence."""
    return tuple(anchor for anchor in anchors if anchor.vendor == vendor)
