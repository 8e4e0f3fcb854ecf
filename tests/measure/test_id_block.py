"""ID blocks: what an owner allows, signed; and what was not signed."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from enarx.errors import MalformedError, UnauthenticError
from enarx.measure.id_block import IdBlock, encoded, id_auth, id_block, verify
from enarx.tee.snp.report import POLICY_BITS, GuestPolicy
from enarx.wire.record import unpack

KEY = ec.derive_private_key(11, ec.SECP384R1())
AUTHOR = ec.derive_private_key(13, ec.SECP384R1())
DIGEST = bytes(range(48))
BLOCK = id_block(DIGEST)


def test_a_block_by_its_definition() -> None:
    """Digest, names, version, guest's version, policy: 96 bytes."""
    made = id_block(
        DIGEST, policy=0x12_0000, family_id=b"f" * 16, image_id=b"i" * 16, guest_svn=0x0102
    )
    assert made == DIGEST + b"f" * 16 + b"i" * 16 + b"\1\0\0\0\2\1\0\0" + b"\0\0\x12" + bytes(5)
    assert len(made) == 96


def test_a_key_by_its_definition() -> None:
    """The curve's number, then two little-endian numbers of 72 bytes."""
    numbers, made = KEY.public_key().public_numbers(), encoded(KEY.public_key())
    assert made[:4] == b"\2\0\0\0"
    assert made[4:76] == numbers.x.to_bytes(72, "little")
    assert made[76:148] == numbers.y.to_bytes(72, "little")
    assert made[148:] == bytes(0x404 - 148)


def test_both_keys_are_named() -> None:
    """By the digests that reports have; without an author, zeros."""
    ours, authors = (hashlib.sha384(encoded(k.public_key())).digest() for k in (KEY, AUTHOR))
    auth = id_auth(BLOCK, KEY, AUTHOR)
    assert len(auth) == 4096
    found = verify(BLOCK, auth)
    assert (found.id_key_digest, found.author_key_digest) == (ours, authors)
    found = verify(BLOCK, id_auth(BLOCK, KEY))
    assert (found.id_key_digest, found.author_key_digest) == (ours, bytes(48))


@pytest.mark.parametrize("at", range(0, 96, 5))
def test_another_block_is_not_signed(at: int) -> None:
    """Attack: another digest, name, version or policy under the owner's signature."""
    auth, block = id_auth(BLOCK, KEY), bytearray(BLOCK)
    block[at] ^= 1
    with pytest.raises((UnauthenticError, MalformedError)):
        verify(bytes(block), auth)


@pytest.mark.parametrize(
    ("at", "error"),
    [
        (0x040, UnauthenticError), (0x088, UnauthenticError), (0x680, UnauthenticError),
        (0x000, MalformedError), (0x004, MalformedError), (0x008, MalformedError),
        (0x070, MalformedError), (0x240, MalformedError), (0x244, MalformedError),
        (0x278, MalformedError), (0x644, MalformedError), (0x880, MalformedError),
        (0x884, MalformedError), (0xC84, MalformedError),
    ],
)  # fmt: skip
def test_every_part_of_the_authentication_counts(at: int, error: type[Exception]) -> None:
    """Attack: one byte of a signature, a key, or of what is reserved."""
    auth = bytearray(id_auth(BLOCK, KEY, AUTHOR))
    auth[at] ^= 0x10
    with pytest.raises(error):
        verify(BLOCK, bytes(auth))


def test_an_author_cannot_be_claimed() -> None:
    """Attack: the author's key beside an ID key that the author never signed, or half of it."""
    stranger = ec.derive_private_key(17, ec.SECP384R1())
    theirs, ours = id_auth(BLOCK, KEY, AUTHOR), bytearray(id_auth(BLOCK, stranger, AUTHOR))
    ours[0x680:0x880] = theirs[0x680:0x880]
    with pytest.raises(UnauthenticError, match="id_key_sig"):
        verify(BLOCK, bytes(ours))
    ours[4] = 0
    with pytest.raises(MalformedError, match="author_key_algo 0"):
        verify(BLOCK, bytes(ours))


def test_what_cannot_be_signed_is_our_mistake() -> None:
    """Wrong sizes, another curve, a policy that no firmware launches."""
    for make in (
        lambda: id_block(DIGEST[1:]),
        lambda: id_block(DIGEST, image_id=b""),
        lambda: id_block(DIGEST, policy=0),
        lambda: id_auth(BLOCK, ec.derive_private_key(3, ec.SECP256R1())),
    ):
        with pytest.raises(ValueError, match=r"bytes, not|want"):
            make()


def test_versions_and_policies_are_known() -> None:
    """A block of another version says something else."""
    with pytest.raises(MalformedError, match="version 2, want 1"):
        verify(BLOCK[:0x50] + b"\2" + BLOCK[0x51:], bytes(4096))
    assert unpack(IdBlock, BLOCK).policy.smt


@pytest.mark.parametrize("flag", POLICY_BITS)
def test_flags_are_the_policys(flag: str) -> None:
    """Each bit that can be set by its name is the one that a report shows under that name."""
    shown = {
        name: getattr(GuestPolicy(1 << 17 | 1 << POLICY_BITS[flag]), name) for name in POLICY_BITS
    }
    assert shown == {name: name == flag for name in POLICY_BITS}


@given(st.binary(min_size=4096, max_size=4096))
def test_junk_is_no_authentication(junk: bytes) -> None:
    """And raises only our error."""
    with pytest.raises(MalformedError):
        verify(BLOCK, junk)
