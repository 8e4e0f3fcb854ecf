"""SIGSTRUCT: what the author of an enclave signed about it.

A signature proves that the holder of a key vouches for this MRENCLAVE; whose key it is, MRSIGNER
says, and whoever verifies must know it.  What the attributes say binds the processor at EINIT: the
enclave's attributes must equal these where the mask has a one.

Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 3D, section "Enclave
Signature Structure (SIGSTRUCT)": 1808 bytes, numbers little-endian.
"""

from __future__ import annotations

import datetime as dt
import hashlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

from enarx.errors import Failure, MalformedError, UnauthenticError
from enarx.tee.dcap.enclave import EnclaveFlags
from enarx.wire.reader import Reader
from enarx.wire.record import raw, record, u8, u16, u32, u64, unpack, zero

BYTES = 1808
EXPONENT = 3
INTEL = 0x8086
_KEY_BYTES = 384
_DEBUG = 1 << 1

_HEADER = bytes.fromhex("06000000e10000000000010000000000")
_HEADER_2 = bytes.fromhex("01010000600000006000000001000000")
_SIGNED = (slice(0, 128), slice(900, 1028))


def _exactly(want: bytes, data: bytes) -> bytes:
    if data != want:
        raise ValueError(f"got {data.hex()}, want {want.hex()}")
    return data


def _header(data: bytes) -> bytes:
    return _exactly(_HEADER, data)


def _header_2(data: bytes) -> bytes:
    return _exactly(_HEADER_2, data)


def _vendor(value: int) -> int:
    if value not in (0, INTEL):
        raise ValueError(f"got {value:#x}, want 0, or 0x8086 for Intel's own")
    return value


def _exponent(value: int) -> int:
    if value != EXPONENT:
        raise ValueError(f"got {value}, want 3")
    return value


@record(size=BYTES)
class Sigstruct:
    """SIGSTRUCT; its signature is not verified by reading it."""

    header: bytes = raw(0, 16, _header)
    vendor: int = u32(16, _vendor)
    date: int = u32(20)
    header_2: bytes = raw(24, 16, _header_2)
    swdefined: int = u32(40)
    reserved_44: bytes = zero(44, 84)
    modulus: bytes = raw(128, _KEY_BYTES)
    exponent: int = u32(512, _exponent)
    signature: bytes = raw(516, _KEY_BYTES)
    misc_select: int = u32(900)
    misc_mask: int = u32(904)
    cet_attributes: int = u8(908)
    cet_attributes_mask: int = u8(909)
    reserved_910: bytes = zero(910, 2)
    isv_family_id: bytes = raw(912, 16)
    flags: EnclaveFlags = u64(928, EnclaveFlags)
    xfrm: int = u64(936)
    flags_mask: int = u64(944)
    xfrm_mask: int = u64(952)
    mr_enclave: bytes = raw(960, 32)
    reserved_992: bytes = zero(992, 16)
    isv_ext_prod_id: bytes = raw(1008, 16)
    isv_prod_id: int = u16(1024)
    isv_svn: int = u16(1026)
    reserved_1028: bytes = zero(1028, 12)
    q1: bytes = raw(1040, _KEY_BYTES)
    q2: bytes = raw(1424, _KEY_BYTES)

    @property
    def mr_signer(self) -> bytes:
        """SHA-256 of the modulus as it stands here, 32 bytes: who signed."""
        return hashlib.sha256(self.modulus).digest()

    @property
    def signed_on(self) -> dt.date | None:
        """DATE, which is spelled in decimal digits; None if it is no date."""
        text = f"{self.date:08x}"
        try:
            return dt.date.fromisoformat(f"{text[:4]}-{text[4:6]}-{text[6:]}")
        except ValueError:
            return None

    @property
    def allows_debug(self) -> bool:
        """An enclave with it may run with DEBUG, and then the host reads its memory."""
        return self.flags.debug or not self.flags_mask & _DEBUG


def parse(data: bytes, where: str = "SIGSTRUCT") -> Sigstruct:
    """The structure in *data*, not yet verified.

    Raises:
        MalformedError: it is none.
    """
    return unpack(Sigstruct, data, where)


def verify(data: bytes, where: str = "SIGSTRUCT") -> Sigstruct:
    """The structure in *data*, signed by the key whose MRSIGNER it has.

    Q1 and Q2, from which the processor computes, must be those of the signature as well: with
    others EINIT refuses the enclave.

    Raises:
        MalformedError: it is none, or its modulus is no key's.
        UnauthenticError: the signature is not the key's.
    """
    found = parse(data, where)
    modulus, signature, q1, q2 = (
        Reader(part, where).uint(_KEY_BYTES, "number")
        for part in (found.modulus, found.signature, found.q1, found.q2)
    )
    try:
        key = RSAPublicNumbers(EXPONENT, modulus).public_key()
    except ValueError as e:
        raise MalformedError(f"{where}.modulus", "is no modulus of RSA-3072") from e
    if key.key_size != 8 * _KEY_BYTES:
        raise MalformedError(f"{where}.modulus", f"got {key.key_size} bits, want {8 * _KEY_BYTES}")
    signed = b"".join(data[part] for part in _SIGNED)
    encoded = signature.to_bytes(_KEY_BYTES, "big")
    try:
        key.verify(encoded, signed, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature as e:
        failure = Failure("sgx.sigstruct", want="a signature of its key", got="another one")
        raise UnauthenticError("signature of the SIGSTRUCT", failure) from e
    square, rest = divmod(signature**2, modulus)
    if (q1, q2) != (square, signature * rest // modulus):
        failure = Failure("sgx.sigstruct", want="Q1 and Q2 of its signature", got="others")
        raise UnauthenticError("signature of the SIGSTRUCT", failure)
    return found
