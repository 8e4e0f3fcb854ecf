"""Offers: exact claims, bounded evidence, one spelling."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest

from enarx.errors import MalformedError
from enarx.seal import offer
from enarx.wire import canonical

if TYPE_CHECKING:
    from tests.seal.conftest import Keep


def test_an_offer_comes_out_as_it_went_in(keep: Keep) -> None:
    """Claims are kept as bytes: their digest is what the evidence is bound to."""
    made = keep.offer
    found = offer.parse(made.encode())
    assert (found.claims, found.evidence) == (made.claims, b"evidence")
    assert found.content.channel_spki == keep.spki
    assert list(found.content.suites) == ["mlkem768-x25519", "x25519"]
    assert found.report_data == hashlib.sha512(made.claims).digest()
    assert found.sha256 == hashlib.sha256(made.claims).digest()


def test_evidence_does_not_name_an_offer(keep: Keep) -> None:
    """A host that adds endorsements leaves the offer the same."""
    other = offer.Offer(keep.offer.claims, b"evidence with more endorsements")
    assert other.sha256 == keep.offer.sha256


@pytest.mark.slow
def test_every_truncation_and_flipped_bit_is_malformed_or_another_offer(keep: Keep) -> None:
    """Whatever is still read has other claims, or other evidence, and says so in its bytes."""
    damage(keep.offer.encode(), every=1)


def test_truncations_and_flipped_bits_are_malformed_or_another_offer(keep: Keep) -> None:
    """Some of them."""
    damage(keep.offer.encode(), every=11)


def damage(data: bytes, *, every: int) -> None:
    """Cut *data* to each size and flip each bit, or *every* so manyth, and read it."""
    for size in range(0, len(data), every):
        with pytest.raises(MalformedError):
            offer.parse(data[:size])
    for bit in range(0, len(data) * 8, every):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            found = offer.parse(bytes(flipped))
        except MalformedError:
            continue
        assert found.encode() == bytes(flipped) != data


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"version": 2}, "version"),
        ({"version": True}, "version"),
        ({"claims": "e30"}, "profile"),
        ({"claims": "!"}, "claims"),
        ({"evidence": "A"}, "evidence"),
        ({"evidence": None}, "evidence"),
        ({"x": 1}, "unknown key 'x'"),
    ],
)
def test_wrong_offers_are_malformed(keep: Keep, changes: dict[str, object], problem: str) -> None:
    """Another version, no claims, spare keys."""
    value = {**json.loads(keep.offer.encode()), **changes}
    with pytest.raises(MalformedError, match=problem):
        offer.parse(canonical.encode(value))


def test_offers_are_bounded(keep: Keep) -> None:
    """As a whole before anything is read, and the evidence by itself."""
    with pytest.raises(MalformedError, match=f"want at most {offer.MAX_BYTES}"):
        offer.parse(bytes(offer.MAX_BYTES + 1))
    large = offer.Offer(keep.offer.claims, bytes(offer.MAX_EVIDENCE_BYTES + 1))
    with pytest.raises(MalformedError, match="evidence"):
        offer.parse(large.encode())
