"""Trust anchors: a name and a key; a vendor's evidence ends in the vendor's."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import x25519

from enarx.errors import MalformedError
from enarx.tee.anchors import VENDORS, TrustAnchor, of_vendor

if TYPE_CHECKING:
    from tests.tee.chain.conftest import World


def test_an_anchor_is_a_name_and_a_key(w: World) -> None:
    """Its key is the pinned one, its fingerprint that of the pinned bytes."""
    anchor = w.root.anchor()
    assert anchor.public_key() == w.root.key.public_key()
    assert anchor.sha256 == hashlib.sha256(w.root.spki).digest()
    assert not anchor.simulated


def test_any_edition_of_the_certificate_is_the_anchors(w: World) -> None:
    """Name and key decide; serial number, dates and signer do not."""
    anchor = w.root.anchor()
    assert anchor.is_key_of(w.root.issue(w.root, w.role()))
    assert anchor.is_key_of(w.root.issue(w.root, w.role(serial=9)))
    assert anchor.is_key_of(w.middle.issue(w.root))
    assert not anchor.is_key_of(w.root.issue(w.party("Root"), w.role()))
    assert not anchor.is_key_of(w.root.issue(w.party("Other", key=w.root.key), w.role()))


def test_a_certificate_with_an_unusable_key_is_not_the_anchors(w: World) -> None:
    """The anchor's name above a key that signs nothing: not an edition, and no error."""
    key = x25519.X25519PrivateKey.generate()
    assert not w.root.anchor().is_key_of(w.root.issue(w.party("Root", key=key)))


def test_equal_anchors_are_equal(w: World) -> None:
    """What was pinned decides, not the loaded key; a changed key is loaded anew."""
    anchor = w.root.anchor()
    assert anchor == w.root.anchor()
    assert hash(anchor) == hash(w.root.anchor())
    assert anchor != w.middle.anchor()
    other = dataclasses.replace(anchor, spki=w.middle.spki, simulated=True)
    assert other.public_key() == w.middle.key.public_key()
    assert other.simulated
    assert "_key" not in repr(anchor)
    with pytest.raises(dataclasses.FrozenInstanceError):
        anchor.spki = b""  # type: ignore[misc]


def test_a_key_that_is_none_cannot_be_pinned() -> None:
    """A wrong constant is found where it is written, not at the first verification."""
    with pytest.raises(MalformedError, match=r"^Root: not a public key"):
        TrustAnchor(vendor="amd", name="Root", spki=b"junk", subject="CN=Root")


def test_anchors_of_a_vendor(w: World) -> None:
    """Only the vendor's, in their order."""
    anchors = tuple(w.root.anchor(vendor) for vendor in (*VENDORS, "amd"))
    assert of_vendor(anchors, "amd") == (anchors[0], anchors[-1])
    assert {anchor.vendor for vendor in VENDORS for anchor in of_vendor(anchors, vendor)} == set(
        VENDORS
    )
    assert of_vendor((), "amd") == ()
