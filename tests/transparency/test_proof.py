"""Proofs as text: one spelling, and nothing believed that the log did not sign."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from enarx.errors import MalformedError, UnauthenticError
from enarx.transparency import checkpoint, proof
from enarx.transparency.checkpoint import Checkpoint
from enarx.transparency.note import verifier_of
from enarx.transparency.proof import Proof, check, parse
from enarx.transparency.tree import Frontier, inclusion_proof, leaf_hash

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
ORIGIN = "log.example/1"
TRUSTED = (verifier_of(ORIGIN, KEY),)
ENTRIES = tuple(f"entry {n}".encode() for n in range(11))


def proof_of(index: int, key: Ed25519PrivateKey = KEY, origin: str = ORIGIN) -> Proof:
    """That entry *index* is in a log of all ``ENTRIES``."""
    frontier = Frontier()
    nodes = {
        (level, number): found
        for entry in ENTRIES
        for level, number, found in frontier.append(leaf_hash(entry))
    }
    path = inclusion_proof(index, len(ENTRIES), lambda level, number: nodes[level, number])
    signed = checkpoint.sign(
        Checkpoint(origin=origin, size=len(ENTRIES), root=frontier.root()), key
    )
    return Proof(index=index, hashes=path, checkpoint=signed)


def test_the_text_of_a_proof() -> None:
    """The lines of C2SP tlog-proof, and the checkpoint verbatim after an empty one."""
    made = proof_of(10)
    head, _, tail = made.encode().partition(b"\n\n")
    first, index, *hashes = head.decode().split("\n")
    assert (first, index, len(hashes)) == ("c2sp.org/tlog-proof@v1", "index 10", 2)
    assert tail == made.checkpoint
    extra = replace(made, extra=b"more").encode().decode().split("\n")
    assert extra[1:3] == ["extra bW9yZQ==", "index 10"]


@pytest.mark.parametrize("index", range(len(ENTRIES)))
def test_every_entry_is_proven(index: int) -> None:
    """And no other entry by the same proof."""
    data = proof_of(index).encode()
    assert check(ENTRIES[index], data, ORIGIN, TRUSTED).size == len(ENTRIES)
    with pytest.raises(UnauthenticError, match="inclusion"):
        check(ENTRIES[index - 1], data, ORIGIN, TRUSTED)


def test_a_log_of_one_entry_needs_no_hash() -> None:
    """Its root is the hash of its leaf."""
    head = Checkpoint(origin=ORIGIN, size=1, root=leaf_hash(b"entry"))
    data = Proof(index=0, hashes=(), checkpoint=checkpoint.sign(head, KEY)).encode()
    assert check(b"entry", data, ORIGIN, TRUSTED) == head


def test_who_signed_counts() -> None:
    """Attack: a proof by another key, or of another log of the same operator."""
    other = Ed25519PrivateKey.from_private_bytes(bytes(32))
    with pytest.raises(UnauthenticError, match="signer"):
        check(ENTRIES[1], proof_of(1, other).encode(), ORIGIN, TRUSTED)
    elsewhere = proof_of(1, origin="log.example/2").encode()
    with pytest.raises(UnauthenticError, match="origin"):
        check(ENTRIES[1], elsewhere, ORIGIN, (*TRUSTED, verifier_of("log.example/2", KEY)))


def test_another_index_is_refused() -> None:
    """Attack: the proof of one entry, told to be of its neighbour or of one beyond the end."""
    for index in (0, 2, 11):
        data = replace(proof_of(1), index=index).encode()
        with pytest.raises(UnauthenticError):
            check(ENTRIES[1], data, ORIGIN, TRUSTED)


@given(
    st.integers(0, (1 << 62) - 1), st.lists(st.binary(min_size=32, max_size=32), max_size=62),
    st.binary(max_size=40), st.binary(max_size=40),
)  # fmt: skip
def test_proofs_come_out_as_they_went_in(
    index: int, hashes: list[bytes], tail: bytes, extra: bytes
) -> None:
    """Whatever the checkpoint is: that is looked at later."""
    made = Proof(index=index, hashes=tuple(hashes), checkpoint=tail, extra=extra)
    assert parse(made.encode()) == made


HASH = "A" * 43 + "="


@pytest.mark.parametrize(
    "head",
    [
        "", "c2sp.org/tlog-proof@v2\nindex 1", "c2sp.org/tlog-proof@v1",
        "c2sp.org/tlog-proof@v1\nextra ", "c2sp.org/tlog-proof@v1\nextra \nindex 1",
        "c2sp.org/tlog-proof@v1\nextra AA==", "c2sp.org/tlog-proof@v1\nextra AB==\nindex 1",
        "c2sp.org/tlog-proof@v1\nindex 1\nextra AA==", "c2sp.org/tlog-proof@v1\nindex 01",
        "c2sp.org/tlog-proof@v1\nindex -1", "c2sp.org/tlog-proof@v1\nindex ",
        "c2sp.org/tlog-proof@v1\nindex 1" + "0" * 20,
        f"c2sp.org/tlog-proof@v1\nindex {1 << 62}", "c2sp.org/tlog-proof@v1\nindex 1\nAAAA",
        "c2sp.org/tlog-proof@v1\nindex 1\nAAAB", "c2sp.org/tlog-proof@v1\nindex 1\n-",
        "c2sp.org/tlog-proof@v1\nindex 1" + f"\n{HASH}" * 63,
        "c2sp.org/tlog-proof@v1\nindex \u0661", "c2sp.org/tlog-proof@v1\r\nindex 1",
    ],
)  # fmt: skip
def test_what_is_no_proof_is_refused(head: str) -> None:
    """Other versions, orders, spellings, sizes."""
    with pytest.raises(MalformedError):
        parse(head.encode() + b"\n\n" + proof_of(1).checkpoint)


def test_a_proof_needs_its_checkpoint() -> None:
    """Without one, or with too much of everything, it is no proof."""
    for data in (b"", b"c2sp.org/tlog-proof@v1\nindex 1\n", bytes(proof.MAX_BYTES + 1)):
        with pytest.raises(MalformedError):
            parse(data)


@given(st.binary(max_size=200))
def test_anything_else_is_an_error_of_ours(data: bytes) -> None:
    """Bytes of anybody end in an error of ours or in a proof that spells them."""
    for given_ in (data, b"c2sp.org/tlog-proof@v1\n" + data):
        with suppress(MalformedError):
            assert parse(given_).encode() == given_


def test_a_flipped_bit_is_noticed() -> None:
    """In any byte of the proof."""
    data = proof_of(6).encode()
    for at in range(len(data)):
        changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        with pytest.raises((MalformedError, UnauthenticError)):
            check(ENTRIES[6], changed, ORIGIN, TRUSTED)
