"""How private keys rest in files: encrypted under a passphrase, or under a key that is sealed.

Under a passphrase, a file is a standard encrypted key, which other tools open too: PKCS#8 with
PBES2, scrypt and AES-256-CBC.  Nothing in it proves that it is unchanged; whoever opens it compares
the public key.  Under a sealing key, a file is AES-256-GCM with the file's name bound in.

    sealed file    "enarx-sealed-key-v1", line's end, nonce (12 octets), ciphertext, tag (16)

Sources: RFC 5958, section 3; RFC 8018, section 6.2 and appendix A.4; RFC 7914, section 7; RFC 5869.
"""

from __future__ import annotations

import os
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509 import ObjectIdentifier

from enarx.errors import MisconfiguredError
from enarx.wire import der, text

MAX_PASSPHRASE = 1000
LEAST_PASSPHRASE = 12
SEALING_BYTES = 32

_MAGIC = b"enarx-sealed-key-v1\n"
_NONCE = 12
_SALT = 16
_BLOCK = 16
_KEY = 32
_COST = 1 << 14  # 16 MiB and some 50 ms; more, and OpenSSL's own limit of memory refuses the file
_BLOCK_SIZE = 8
_PBES2 = ObjectIdentifier("1.2.840.113549.1.5.13")
_SCRYPT = ObjectIdentifier("1.3.6.1.4.1.11591.4.11")
_AES_256_CBC = ObjectIdentifier("2.16.840.1.101.3.4.1.42")


class Wrapping(Protocol):
    """What encrypts private keys at rest."""

    @property
    def kind(self) -> str:
        """What the state calls it."""
        ...

    def wrap(self, name: str, key: bytes) -> bytes:
        """The content of file *name* for *key*, PKCS#8 in DER."""
        ...

    def unwrap(self, name: str, data: bytes) -> bytes:
        """What *wrap* was given; the caller compares the public key.

        Raises:
            MisconfiguredError: another secret is needed, or the file was changed.
        """
        ...


class Passphrase:
    """Encrypts under a passphrase: octets, at least 12, without the line's end of its file."""

    kind = "passphrase"

    def __init__(self, passphrase: bytes) -> None:
        if not LEAST_PASSPHRASE <= len(passphrase) <= MAX_PASSPHRASE:
            problem = f"got {len(passphrase)} octets, want {LEAST_PASSPHRASE} to {MAX_PASSPHRASE}"
            hint = "make one: openssl rand -base64 32"
            raise MisconfiguredError("passphrase", problem, hints=(hint,))
        self._passphrase = passphrase

    def __repr__(self) -> str:
        return "Passphrase(hidden)"

    def wrap(self, name: str, key: bytes) -> bytes:
        """An encrypted PKCS#8 key in PEM."""
        salt, iv = os.urandom(_SALT), os.urandom(_BLOCK)
        derived = Scrypt(salt=salt, length=_KEY, n=_COST, r=_BLOCK_SIZE, p=1)
        padder = padding.PKCS7(8 * _BLOCK).padder()
        padded = padder.update(key) + padder.finalize()
        cipher = Cipher(algorithms.AES256(derived.derive(self._passphrase)), modes.CBC(iv))
        encryptor = cipher.encryptor()
        encrypted = encryptor.update(padded) + encryptor.finalize()
        kdf = _ScryptParameters(salt=salt, cost=_COST, block_size=_BLOCK_SIZE, parallel=1)
        scheme = _Pbes2(kdf=_Kdf(oid=_SCRYPT, value=kdf), cipher=_Aes(oid=_AES_256_CBC, iv=iv))
        algorithm = _Algorithm(oid=_PBES2, value=scheme)
        whole = der.encode(_EncryptedKey(algorithm=algorithm, encrypted=encrypted))
        return text.to_pem("ENCRYPTED PRIVATE KEY", whole)

    def unwrap(self, name: str, data: bytes) -> bytes:
        """The key, whatever scheme of PKCS#8 it is encrypted with."""
        try:
            key = load_pem_private_key(data, self._passphrase)
        except (ValueError, TypeError) as error:
            raise _cannot_open(name, "passphrase") from error
        return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


class SealingKey:
    """Encrypts under a key of 32 octets that the caller has sealed, or holds nowhere but here."""

    kind = "sealed"

    def __init__(self, key: bytes) -> None:
        if len(key) != SEALING_BYTES:
            raise MisconfiguredError("sealing key", f"got {len(key)} octets, want {SEALING_BYTES}")
        self._key = key

    def __repr__(self) -> str:
        return "SealingKey(hidden)"

    def wrap(self, name: str, key: bytes) -> bytes:
        """Magic, nonce, ciphertext and tag."""
        nonce = os.urandom(_NONCE)
        return _MAGIC + nonce + self._cipher(name).encrypt(nonce, key, name.encode())

    def unwrap(self, name: str, data: bytes) -> bytes:
        """The key, exactly as it was wrapped under this name."""
        start = len(_MAGIC)
        if not data.startswith(_MAGIC) or len(data) < start + _NONCE:
            raise MisconfiguredError(name, "not a sealed key")
        nonce, encrypted = data[start : start + _NONCE], data[start + _NONCE :]
        try:
            return self._cipher(name).decrypt(nonce, encrypted, name.encode())
        except InvalidTag as error:
            raise _cannot_open(name, "sealing key") from error

    def _cipher(self, name: str) -> AESGCM:
        """A key for each file, so that no nonce can meet another file's."""
        info = b"enarx steward key file v1\0" + name.encode()
        return AESGCM(HKDF(SHA256(), _KEY, None, info).derive(self._key))


def _cannot_open(name: str, secret: str) -> MisconfiguredError:
    hint = f"give the {secret} that it was made with, or restore the file from a backup"
    return MisconfiguredError(name, f"cannot be opened with this {secret}", hints=(hint,))


@asn1.sequence
class _ScryptParameters:
    salt: bytes
    cost: int
    block_size: int
    parallel: int


@asn1.sequence
class _Kdf:
    oid: ObjectIdentifier
    value: _ScryptParameters


@asn1.sequence
class _Aes:
    oid: ObjectIdentifier
    iv: bytes


@asn1.sequence
class _Pbes2:
    kdf: _Kdf
    cipher: _Aes


@asn1.sequence
class _Algorithm:
    oid: ObjectIdentifier
    value: _Pbes2


@asn1.sequence
class _EncryptedKey:
    algorithm: _Algorithm
    encrypted: bytes
