"""What a log sends, and how it is read."""

from __future__ import annotations

from functools import cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from enarx.transparency import checkpoint, leaf, proof
from enarx.transparency.checkpoint import Checkpoint
from enarx.transparency.note import parse_verifier, verifier_of
from enarx.transparency.tiles import decode_entries, encode_entries
from enarx.transparency.tree import leaf_hash, node_hash

ORIGIN = "log.example/1"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
VERIFIER = verifier_of(ORIGIN, KEY)


@cache
def entries() -> tuple[bytes, ...]:
    """Two entries."""
    digest = leaf.salted(bytes(32), b"")
    return tuple(
        leaf.Entry(kind=kind, time=1_800_000_000, subject="é", salted_sha256=digest).encode()
        for kind in ("decision", "policy")
    )


@cache
def proofs() -> tuple[bytes, ...]:
    """That the first of the two is in a log with both, with and without extra data."""
    left, right = map(leaf_hash, entries())
    head = Checkpoint(origin=ORIGIN, size=2, root=node_hash(left, right))
    note = checkpoint.sign(head, KEY)
    return tuple(
        proof.Proof(index=0, hashes=(right,), checkpoint=note, extra=extra).encode()
        for extra in (b"", b"extra")
    )


@cache
def bundles() -> tuple[bytes, ...]:
    """The two as a tile."""
    return (encode_entries(entries()),)


def feed_proof(data: bytes) -> None:
    """A proof is spelt in one way, and true or refused."""
    assert proof.parse(data).encode() == data
    proof.check(entries()[0], data, ORIGIN, (VERIFIER,))


def feed_entry(data: bytes) -> None:
    """An entry is spelt in one way."""
    assert leaf.parse(data).encode() == data


def feed_bundle(data: bytes) -> None:
    """A bundle is spelt in one way."""
    assert encode_entries(decode_entries(data, 2, "it")) == data


def feed_verifier(data: bytes) -> None:
    """Keys, as they are published."""
    parse_verifier(data.decode("utf-8", "surrogateescape"))
