"""Receipts: of the keep that was sent to, and about what was sent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from enarx.errors import MalformedError, RejectedError, UnauthenticError
from enarx.seal import receipt
from enarx.seal.receipt import Receipt
from enarx.wire import canonical
from enarx.wire.text import base64url, to_base64url

if TYPE_CHECKING:
    from tests.seal.conftest import Keep

DIGEST = "sha256:" + "34" * 32
MADE = Receipt(workload_digest=DIGEST, claims_sha256=b"c" * 32, envelope_sha256=b"e" * 32, time=5)


def verify(data: bytes, spki: bytes, **changes: object) -> Receipt:
    """As the owner does who sent what ``MADE`` is about."""
    sent = {"workload_digest": DIGEST, "claims_sha256": b"c" * 32, "envelope_sha256": b"e" * 32}
    return receipt.verify(data, spki, **{**sent, **changes})  # type: ignore[arg-type]


def test_a_receipt_of_the_keep_is_accepted(keep: Keep) -> None:
    """And says when, by the keep's clock."""
    found = verify(MADE.sign(keep.channel), keep.spki)
    assert (found.time, found.workload_digest) == (5, DIGEST)


def test_another_keeps_receipt_is_refused(keep: Keep) -> None:
    """Attack: a host that signs one itself."""
    other = ec.generate_private_key(ec.SECP256R1())
    with pytest.raises(UnauthenticError, match="signature"):
        verify(MADE.sign(other), keep.spki)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("workload_digest", "sha256:" + "35" * 32),
        ("claims_sha256", b"C" * 32),
        ("envelope_sha256", b"E" * 32),
    ],
)
def test_a_receipt_for_something_else_is_refused(keep: Keep, name: str, value: object) -> None:
    """Attack: the receipt of an earlier deploy, or of another package."""
    with pytest.raises(UnauthenticError, match=name) as caught:
        verify(MADE.sign(keep.channel), keep.spki, **{name: value})
    assert [failure.claim for failure in caught.value.failures] == [name]


def test_no_flipped_bit_or_truncation_is_accepted(keep: Keep) -> None:
    """Nor a shorter receipt: everything is signed, or is the signature."""
    data = MADE.sign(keep.channel)
    for size in range(len(data)):
        with pytest.raises(MalformedError):
            verify(data[:size], keep.spki)
    for bit in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(RejectedError):
            verify(bytes(flipped), keep.spki)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"profile": "x"}, "profile"),
        ({"claims_sha256": "AAAA"}, "got 3 bytes, want 32"),
        ({"workload_digest": "x"}, "workload_digest"),
        ({"time": -1}, "time"),
        ({"x": 1}, "unknown key 'x'"),
    ],
)
def test_a_signed_body_must_still_be_a_receipt(
    keep: Keep, changes: dict[str, object], problem: str
) -> None:
    """A keep that was taken over cannot confuse its owner."""
    whole = json.loads(MADE.sign(keep.channel))
    body = {**json.loads(base64url(whole["receipt"], "x")), **changes}
    signed = canonical.encode(body)
    signature = keep.channel.sign(signed, receipt._HASH)
    data = {"receipt": to_base64url(signed), "signature": to_base64url(signature)}
    with pytest.raises(MalformedError, match=problem):
        verify(canonical.encode(data), keep.spki)


def test_what_is_no_receipt_is_malformed(keep: Keep) -> None:
    """Too large, of another shape, and keys that sign no receipts."""
    for data in (b"", b"{}", b'{"receipt":"","signature":"","x":1}', bytes(receipt.MAX_BYTES + 1)):
        with pytest.raises(MalformedError):
            verify(data, keep.spki)
    edwards = ed25519.Ed25519PrivateKey.generate().public_key()
    spki = edwards.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    for other in (spki, b"junk"):
        with pytest.raises(MalformedError, match="channel key"):
            verify(MADE.sign(keep.channel), other)
