"""An envelope: a package, sealed to the one-time key of one offer.

CBOR in its one deterministic encoding (RFC 8949, section 4.2.1), a map of

    1  version (1)
    2  the key encapsulation mechanism, as text
    3  SHA-256 of the offer's claims, 32 bytes
    4  encapsulated key and ciphertext (HPKE, base mode), of a ``Content``

    info = "enarx envelope 1" NUL mechanism NUL SHA-256(claims)

The content is CBOR too: a map of

    1  the package's manifest, bytes     2  its blobs, an array of bytes
    3  the owner's channel key: SubjectPublicKeyInfo, DER
    4  secrets: name to bytes            5  arguments
    6  environment: name to value        7  options: name to integer

This module is the keep's side; whoever seals needs evidence first (``sealing``).

Source: DESIGN section 7; docs/design/formats/envelope.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar, cast

from enarx.errors import MalformedError
from enarx.seal.suite import NOT_FOR_THIS_KEY, CannotOpenError, OneTimeKey, check_kem
from enarx.wire import cbor

T = TypeVar("T")

VERSION = 1
MEDIA_TYPE = "application/vnd.enarx.envelope.v1"
MAX_BYTES = 512 * 1024 * 1024
MAX_SECRETS = 64
MAX_SECRET_BYTES = 1024 * 1024
MAX_BLOBS = 16

_MAX_SPKI = 2048
_MAX_STRINGS = 4096
_MAX_TEXT = 128 * 1024
_MAX_OPTION = 1 << 40
_MAX_OPTIONS = 64
_MAX_NAME = 255
_DIGEST_BYTES = 32
_WHERE = "envelope"
_CONTENT = "envelope's content"


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What an owner hands to a keep.

    Args:
        manifest, blobs: the package, of which nothing is checked here but sizes.
        owner_spki: who may use the keep's channel, DER; nobody else may.
        secrets: by file name; shown to nobody but the application.
        arguments, environment: the application's.
        options: of the keep, by name, such as ``logs_bytes``.
    """

    manifest: bytes = field(repr=False)
    blobs: tuple[bytes, ...] = field(repr=False)
    owner_spki: bytes
    secrets: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    arguments: tuple[str, ...] = field(default=(), repr=False)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    options: Mapping[str, int] = field(default_factory=dict)

    def encode(self) -> bytes:
        """The content's bytes, unsealed."""
        return cbor.encode(
            {
                1: self.manifest,
                2: self.blobs,
                3: self.owner_spki,
                4: dict(self.secrets),
                5: self.arguments,
                6: dict(self.environment),
                7: dict(self.options),
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """Sealed content and what it was sealed to."""

    kem: str
    claims_sha256: bytes
    sealed: bytes = field(repr=False)

    def encode(self) -> bytes:
        """The envelope's bytes."""
        return cbor.encode({1: VERSION, 2: self.kem, 3: self.claims_sha256, 4: self.sealed})


def info_of(kem: str, claims_sha256: bytes) -> bytes:
    """What both ends bind the ciphertext to."""
    return b"enarx envelope 1\0" + kem.encode("ascii") + b"\0" + claims_sha256


def digest(data: bytes) -> bytes:
    """What names an envelope in receipts and ledgers: SHA-256 of its bytes."""
    return hashlib.sha256(data).digest()


def parse(data: bytes) -> Envelope:
    """The envelope in *data*; still sealed.

    Raises:
        MalformedError: it is none, not in its one encoding, or larger than one can be.
    """
    if len(data) > MAX_BYTES:
        raise MalformedError(_WHERE, f"got {len(data)} bytes, want at most {MAX_BYTES}")
    fields = _map(data, 4, _WHERE)
    version = _item(fields, 1, int, _WHERE)
    if version != VERSION:
        raise MalformedError(_WHERE, f"got version {version}, want {VERSION}")
    claims_sha256 = _item(fields, 3, bytes, _WHERE)
    if len(claims_sha256) != _DIGEST_BYTES:
        raise MalformedError(_WHERE, f"got a digest of {len(claims_sha256)} bytes, want 32")
    return Envelope(
        kem=check_kem(_item(fields, 2, str, _WHERE)),
        claims_sha256=claims_sha256,
        sealed=_item(fields, 4, bytes, _WHERE),
    )


def open_envelope(envelope: Envelope, keys: Mapping[str, OneTimeKey], claims: bytes) -> Content:
    """What *envelope* holds; every key is erased, whether it can be opened or not.

    Args:
        keys: the offer's one-time keys, by mechanism.
        claims: the offer's claims, exactly.

    Raises:
        CannotOpenError: it is for another key or offer, was changed, or a key was used before.
        MalformedError: its owner sealed something else than a content.
    """
    try:
        if envelope.claims_sha256 != hashlib.sha256(claims).digest():
            raise CannotOpenError(NOT_FOR_THIS_KEY)
        key = keys.get(envelope.kem)
        if key is None:
            raise CannotOpenError(NOT_FOR_THIS_KEY)
        plaintext = key.open(envelope.sealed, info_of(envelope.kem, envelope.claims_sha256))
    finally:
        for key in keys.values():
            key.erase()
    return parse_content(plaintext)


def parse_content(data: bytes) -> Content:
    """The content in *data*, opened.

    Raises:
        MalformedError: it is none.
    """
    fields = _map(data, 7, _CONTENT)
    blobs = _item(fields, 2, tuple, _CONTENT)
    spki = _item(fields, 3, bytes, _CONTENT)
    if not 0 < len(spki) <= _MAX_SPKI:
        raise MalformedError(_CONTENT, f"got an owner's key of {len(spki)} bytes")
    return Content(
        manifest=_item(fields, 1, bytes, _CONTENT),
        blobs=_all(blobs, bytes, MAX_BLOBS, "blobs"),
        owner_spki=spki,
        secrets=_secrets(_table(fields, 4)),
        arguments=_all(_item(fields, 5, tuple, _CONTENT), str, _MAX_STRINGS, "arguments"),
        environment=_pairs(_table(fields, 6), str, _MAX_STRINGS, "environment"),
        options=_options(_table(fields, 7)),
    )


def _map(data: bytes, count: int, where: str) -> Mapping[object, object]:
    value = cbor.decode(data, where, canonical=True)
    if not isinstance(value, Mapping) or set(value) != set(range(1, count + 1)):
        raise MalformedError(where, f"want a map with the keys 1 to {count}")
    return cast("Mapping[object, object]", value)


def _item(fields: Mapping[object, object], key: int, kind: type[T], where: str) -> T:
    value = fields[key]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise MalformedError(where, f"{key}: got {type(value).__name__}, want {kind.__name__}")
    return value


def _table(fields: Mapping[object, object], key: int) -> Mapping[object, object]:
    value = fields[key]
    if not isinstance(value, Mapping):
        raise MalformedError(_CONTENT, f"{key}: got {type(value).__name__}, want a map")
    return value


def _all(values: tuple[object, ...], kind: type[T], most: int, what: str) -> tuple[T, ...]:
    if len(values) > most:
        raise MalformedError(_CONTENT, f"{what}: got {len(values)}, want at most {most}")
    found = tuple(value for value in values if isinstance(value, kind))
    if len(found) != len(values) or any(isinstance(v, str) and len(v) > _MAX_TEXT for v in found):
        raise MalformedError(_CONTENT, f"{what}: something else is among them")
    return found


def _pairs(values: Mapping[object, object], kind: type[T], most: int, what: str) -> Mapping[str, T]:
    names = _all(tuple(values), str, most, f"names of {what}")
    return dict(zip(names, _all(tuple(values.values()), kind, most, what), strict=True))


def _secrets(values: Mapping[object, object]) -> Mapping[str, bytes]:
    found = _pairs(values, bytes, MAX_SECRETS, "secrets")
    for name, value in found.items():
        if not 0 < len(name) <= _MAX_NAME or name in (".", "..") or set(name) & set("/\0"):
            raise MalformedError(_CONTENT, "a secret's name is no single file name")
        if len(value) > MAX_SECRET_BYTES:
            problem = f"got a secret of {len(value)} bytes, want at most {MAX_SECRET_BYTES}"
            raise MalformedError(_CONTENT, problem)
    return found


def _options(values: Mapping[object, object]) -> Mapping[str, int]:
    found = _pairs(values, int, _MAX_OPTIONS, "options")
    for name, number in found.items():
        if isinstance(number, bool) or not 0 <= number <= _MAX_OPTION:
            raise MalformedError(_CONTENT, f"option {name[:_MAX_NAME]!r}: no number in range")
    return found
