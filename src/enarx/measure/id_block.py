"""The ID block of an SNP guest: what its owner allows to be launched, and who says so.

The owner signs a launch digest, a policy and names with the *ID key*; an *author key* may sign the
ID key, so that many images have one author.  The firmware of the processor launches a guest with an
ID block only if all of it is true, and puts the names and the digests of both keys into reports
(FAMILY_ID, IMAGE_ID, GUEST_SVN, ID_KEY_DIGEST, AUTHOR_KEY_DIGEST).

What ``verify`` returns says by which keys; whose they are, the caller must know.

Source: AMD 56860 "SEV Secure Nested Paging Firmware ABI Specification" rev. 1.58, section 8.18
(SNP_LAUNCH_FINISH): tables of ID_BLOCK and ID_AUTH; section 10 (formats of keys and signatures).
Numbers are little-endian.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

from enarx.errors import Failure, MalformedError, UnauthenticError
from enarx.tee.snp.report import ECDSA_P384_SHA384, GuestPolicy, Signature
from enarx.wire.reader import Reader
from enarx.wire.record import pack, raw, record, u32, u64, unpack, zero

VERSION = 1
DEFAULT_POLICY = 0x3_0000
"""Any firmware, SMT allowed, no debugging, no migration; bit 17 is always one."""

_P384 = 2
_NUMBER_BYTES = 48
_STEP = "ID block"


def _version(value: int) -> int:
    if value != VERSION:
        raise ValueError(f"got version {value}, want {VERSION}")
    return value


def _curve(value: int) -> int:
    if value != _P384:
        raise ValueError(f"got curve {value}, want {_P384} (P-384)")
    return value


def _algorithm(value: int) -> int:
    if value != ECDSA_P384_SHA384:
        raise ValueError(f"got algorithm {value}, want 1 (ECDSA P-384 with SHA-384)")
    return value


@record(size=0x60)
class IdBlock:
    """ID_BLOCK: the only launch that the signer allows."""

    launch_digest: bytes = raw(0x00, 48)
    family_id: bytes = raw(0x30, 16)
    image_id: bytes = raw(0x40, 16)
    version: int = u32(0x50, _version)
    guest_svn: int = u32(0x54)
    policy: GuestPolicy = u64(0x58, GuestPolicy)


@record(size=0x404)
class PublicKey:
    """A public key; a digest of these bytes is how reports name it."""

    curve: int = u32(0x000, _curve)
    x: bytes = raw(0x004, _NUMBER_BYTES)
    reserved_x: bytes = zero(0x034, 24)
    y: bytes = raw(0x04C, _NUMBER_BYTES)
    reserved_y: bytes = zero(0x07C, 24)
    reserved: bytes = zero(0x094, 0x370)


@record(size=0x1000)
class IdAuth:
    """ID_AUTH, a page: keys and signatures as bytes.  Without an author key its parts are zeros."""

    id_key_algo: int = u32(0x000, _algorithm)
    author_key_algo: int = u32(0x004)
    reserved_008: bytes = zero(0x008, 56)
    id_block_sig: bytes = raw(0x040, 0x200)
    id_key: bytes = raw(0x240, 0x404)
    reserved_644: bytes = zero(0x644, 60)
    id_key_sig: bytes = raw(0x680, 0x200)
    author_key: bytes = raw(0x880, 0x404)
    reserved_c84: bytes = zero(0xC84, 892)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signers:
    """Who signed an ID block: ID_KEY_DIGEST and AUTHOR_KEY_DIGEST, SHA-384 of each key's bytes.

    Without an author key its digest is zeros, as in a report.
    """

    id_key_digest: bytes
    author_key_digest: bytes


def id_block(
    launch_digest: bytes,
    *,
    policy: int = DEFAULT_POLICY,
    family_id: bytes = bytes(16),
    image_id: bytes = bytes(16),
    guest_svn: int = 0,
) -> bytes:
    """ID_BLOCK, 96 bytes.

    Raises:
        ValueError: a field has another size, or a policy that no firmware launches.
    """
    block = IdBlock(
        launch_digest=launch_digest,
        family_id=family_id,
        image_id=image_id,
        version=VERSION,
        guest_svn=guest_svn,
        policy=GuestPolicy(policy),
    )
    return pack(block)


def id_auth(
    block: bytes,
    id_key: ec.EllipticCurvePrivateKey,
    author_key: ec.EllipticCurvePrivateKey | None = None,
) -> bytes:
    """ID_AUTH of *block*, 4096 bytes, signed with *id_key* and that one with *author_key*.

    Raises:
        ValueError: a key is not one of P-384.
    """
    public = encoded(id_key.public_key())
    nothing = bytes(0x200)
    auth = IdAuth(
        id_key_algo=ECDSA_P384_SHA384,
        author_key_algo=0 if author_key is None else ECDSA_P384_SHA384,
        reserved_008=b"",
        id_block_sig=_sign(block, id_key),
        id_key=public,
        reserved_644=b"",
        id_key_sig=nothing if author_key is None else _sign(public, author_key),
        author_key=bytes(0x404) if author_key is None else encoded(author_key.public_key()),
        reserved_c84=b"",
    )
    return pack(auth)


def verify(block: bytes, auth: bytes) -> Signers:
    """Who signed *block*, according to *auth*.

    Raises:
        MalformedError: they are no such structures, or what is reserved is not zero.
        UnauthenticError: a signature is not that of its key.
    """
    unpack(IdBlock, block, "ID block")
    found = unpack(IdAuth, auth, "ID auth")
    _must_be_signed("id_block_sig", found.id_block_sig, found.id_key, block)
    author = bytes(_DIGEST_BYTES)
    if found.author_key_algo:
        if found.author_key_algo != ECDSA_P384_SHA384:
            problem = f"got {found.author_key_algo}, want 1, or 0 without an author key"
            raise MalformedError("ID auth.author_key_algo", problem, offset=4)
        _must_be_signed("id_key_sig", found.id_key_sig, found.author_key, found.id_key)
        author = digest(found.author_key)
    elif (found.id_key_sig + found.author_key).strip(b"\0"):
        raise MalformedError("ID auth", "has an author key and author_key_algo 0")
    return Signers(id_key_digest=digest(found.id_key), author_key_digest=author)


def encoded(key: ec.EllipticCurvePublicKey) -> bytes:
    """*key* as the firmware reads it, 1028 bytes.

    Raises:
        ValueError: it is not one of P-384.
    """
    if not isinstance(key.curve, ec.SECP384R1):
        raise ValueError(f"key: want one of P-384, got one of {key.curve.name}")
    numbers = key.public_numbers()
    made = PublicKey(
        curve=_P384,
        x=numbers.x.to_bytes(_NUMBER_BYTES, "little"),
        reserved_x=b"",
        y=numbers.y.to_bytes(_NUMBER_BYTES, "little"),
        reserved_y=b"",
        reserved=b"",
    )
    return pack(made)


def digest(key: bytes) -> bytes:
    """ID_KEY_DIGEST or AUTHOR_KEY_DIGEST of an encoded *key*, 48 bytes."""
    return hashlib.sha384(key).digest()


_DIGEST_BYTES = hashlib.sha384().digest_size


def _sign(data: bytes, key: ec.EllipticCurvePrivateKey) -> bytes:
    r, s = decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA384())))
    made = Signature(
        r=r.to_bytes(_NUMBER_BYTES, "little"),
        reserved_r=b"",
        s=s.to_bytes(_NUMBER_BYTES, "little"),
        reserved_s=b"",
        reserved=b"",
    )
    return pack(made)


def _must_be_signed(name: str, signature: bytes, key: bytes, data: bytes) -> None:
    numbers = unpack(Signature, signature, f"ID auth.{name}")
    r, s = (Reader(part, name).uint(_NUMBER_BYTES, "number") for part in (numbers.r, numbers.s))
    try:
        _public_key(key).verify(encode_dss_signature(r, s), data, ec.ECDSA(hashes.SHA384()))
    except InvalidSignature as e:
        failure = Failure(f"id_auth.{name}", want="a signature of its key", got="another one")
        raise UnauthenticError(_STEP, failure) from e


def _public_key(key: bytes) -> ec.EllipticCurvePublicKey:
    found = unpack(PublicKey, key, "ID auth: key")
    x, y = (Reader(part, "key").uint(_NUMBER_BYTES, "number") for part in (found.x, found.y))
    try:
        return ec.EllipticCurvePublicNumbers(x, y, ec.SECP384R1()).public_key()
    except ValueError as e:
        raise MalformedError("ID auth: key", "is no point of P-384") from e
