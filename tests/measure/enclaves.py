"""Enclaves of the tests' own, as SGXS streams, and authors who sign them."""

from __future__ import annotations

import hashlib
from functools import cache

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from enarx.measure.sigstruct import EXPONENT, Sigstruct
from enarx.tee.dcap.enclave import EnclaveFlags
from enarx.wire.record import pack

HEADER = bytes.fromhex("06000000e10000000000010000000000")
HEADER_2 = bytes.fromhex("01010000600000006000000001000000")


def create(size: int = 0x4000, frame: int = 1) -> bytes:
    """ECREATE."""
    return b"ECREATE\0" + frame.to_bytes(4, "little") + size.to_bytes(8, "little") + bytes(44)


def add(offset: int, flags: int = 0x205) -> bytes:
    """EADD."""
    return b"EADD\0\0\0\0" + offset.to_bytes(8, "little") + flags.to_bytes(8, "little") + bytes(40)


def extend(offset: int, data: bytes = b"c" * 256, tag: bytes = b"EEXTEND\0") -> bytes:
    """EEXTEND, or UNMEASRD."""
    return tag + offset.to_bytes(8, "little") + bytes(48) + data


def stream() -> bytes:
    """Two pages; of the second only one chunk is measured."""
    whole = b"".join(extend(at) for at in range(0, 4096, 256))
    return (
        create() + add(0) + whole
        + add(0x2000, 0x203) + extend(0x2F00) + extend(0x2000, tag=b"UNMEASRD")
    )  # fmt: skip


@cache
def author() -> rsa.RSAPrivateKey:
    """A key of 3072 bits with exponent 3."""
    return rsa.generate_private_key(public_exponent=EXPONENT, key_size=3072)


def signed(
    key: rsa.RSAPrivateKey | None = None, *, mr_enclave: bytes = bytes(32), **changes: object
) -> bytes:
    """A SIGSTRUCT of *mr_enclave*; *changes* are other fields, signed as well where they are."""
    key = key or author()
    modulus = key.public_key().public_numbers().n
    fields: dict[str, object] = {
        "header": HEADER, "vendor": 0, "date": 0x2026_06_01, "header_2": HEADER_2, "swdefined": 0,
        "reserved_44": b"", "modulus": modulus.to_bytes(384, "little"), "exponent": EXPONENT,
        "signature": bytes(384), "misc_select": 0, "misc_mask": 0xFFFF_FFFF, "cet_attributes": 0,
        "cet_attributes_mask": 0, "reserved_910": b"", "isv_family_id": bytes(16),
        "flags": EnclaveFlags(4), "xfrm": 3, "flags_mask": 0xFFFF_FFFF_FFFF_FFFF,
        "xfrm_mask": 0xFFFF_FFFF_FFFF_FFE4, "mr_enclave": mr_enclave, "reserved_992": b"",
        "isv_ext_prod_id": bytes(16), "isv_prod_id": 7, "isv_svn": 3, "reserved_1028": b"",
        "q1": bytes(384), "q2": bytes(384),
    }  # fmt: skip
    fields |= changes
    data = pack(Sigstruct(**fields))  # type: ignore[arg-type]
    made = key.sign(data[:128] + data[900:1028], padding.PKCS1v15(), hashes.SHA256())
    number = int.from_bytes(made, "big")
    q1, rest = divmod(number**2, modulus)
    numbers = {"signature": number, "q1": q1, "q2": number * rest // modulus}
    encoded = {name: value.to_bytes(384, "little") for name, value in numbers.items()}
    return pack(Sigstruct(**{**fields, **encoded, **changes}))  # type: ignore[arg-type]


def mr_signer(key: rsa.RSAPrivateKey) -> bytes:
    """Of the key."""
    modulus = key.public_key().public_numbers().n
    return hashlib.sha256(modulus.to_bytes(384, "little")).digest()
