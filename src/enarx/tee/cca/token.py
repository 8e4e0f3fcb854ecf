"""Arm CCA tokens: two signed claim sets in one collection, in shape.

The collection is a CMW (tag 907, each token with its content format) or, before that, a bare map
(tag 399); neither tag is in IANA's registry.

Sources: Arm DEN0137 1.0-rel0 and 2.0, section A7.2.3; draft-ffm-rats-cca-token-00 (tag 399) and -03
(tag 907); draft-ietf-rats-msg-wrap-23, section 3.2 (CBOR collections).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from enarx.errors import MalformedError
from enarx.tee import cose
from enarx.tee.cca import platform, realm
from enarx.tee.endorsements import Endorsements
from enarx.wire import cbor

if TYPE_CHECKING:
    from enarx.tee.claims import ClaimValue

WHERE = "CCA token"
MAX_BYTES = 64 * 1024
"""Of the whole; the recorded ones have 1.4 KiB."""

COLLECTION, CMW_COLLECTION = 399, 907
PLATFORM, REALM = 44234, 44241
EAT_CWT = 263
"""CoAP content format of application/eat+cwt (RFC 9782)."""

_BEGINNINGS = (b"\xd9\x01\x8f\xa2", b"\xd9\x03\x8b\xa2")
_RECORD_SIZE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class CcaEvidence:
    """Both tokens in shape."""

    raw: bytes
    platform_message: cose.Sign1
    realm_message: cose.Sign1
    platform: platform.Platform
    realm: realm.Realm

    @property
    def carried(self) -> Endorsements:
        """Nothing: a platform's key has no certificate."""
        return Endorsements()

    def fields(self) -> Mapping[str, ClaimValue]:
        """Every claim of both tokens."""
        return {
            **{f"cca.platform.{name}": value for name, value in self.platform.fields()},
            **{f"cca.realm.{name}": value for name, value in self.realm.fields()},
        }


def recognises(data: bytes) -> bool:
    """Whether *data* begins like a collection of two."""
    return data.startswith(_BEGINNINGS)


def parse(data: bytes) -> CcaEvidence:
    """*data* as one collection.

    Raises:
        MalformedError: it is none, or a token or a claim in it is not as it must be.
    """
    if len(data) > MAX_BYTES:
        raise MalformedError(WHERE, f"got {len(data)} bytes, want at most {MAX_BYTES}")
    value = cbor.decode(data, WHERE)
    if not isinstance(value, cbor.Tag) or value.number not in (COLLECTION, CMW_COLLECTION):
        raise MalformedError(WHERE, f"want the tag {COLLECTION} or {CMW_COLLECTION}")
    tokens = value.value
    if not isinstance(tokens, Mapping) or set(tokens) != {PLATFORM, REALM}:
        raise MalformedError(WHERE, f"want a map of {PLATFORM} (platform) and {REALM} (realm)")
    is_cmw = value.number == CMW_COLLECTION
    signed = _message(tokens[PLATFORM], f"{WHERE}: platform", is_cmw=is_cmw)
    delegated = _message(tokens[REALM], f"{WHERE}: realm", is_cmw=is_cmw)
    return CcaEvidence(
        raw=data,
        platform_message=signed,
        realm_message=delegated,
        platform=platform.parse(
            cbor.decode(signed.payload, f"{WHERE}: platform"), f"{WHERE}: platform"
        ),
        realm=realm.parse(cbor.decode(delegated.payload, f"{WHERE}: realm"), f"{WHERE}: realm"),
    )


def _message(value: cbor.Value, where: str, *, is_cmw: bool) -> cose.Sign1:
    if is_cmw:
        if not isinstance(value, tuple) or value[:1] != (EAT_CWT,) or len(value) != _RECORD_SIZE:
            raise MalformedError(where, f"want a CMW record of the type {EAT_CWT} (EAT)")
        value = value[1]
    if not isinstance(value, bytes):
        raise MalformedError(where, "want a token in a byte string")
    return cose.sign1(value, where)
