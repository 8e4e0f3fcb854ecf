"""AWS attestation documents, of Nitro Enclaves and of NitroTPM: the shape.

A COSE_Sign1 (ES384) around a map.  The two differ in the registers' name ("pcrs", and
"nitrotpm_pcrs" of an instance's TPM).  AWS's schema forbids null where a field is left out, and its
hypervisor writes null; so null means absent here.

Sources: AWS, aws-nitro-enclaves-nsm-api, docs/attestation_process.md, sections 2.2, 3.1 and 3.2.2;
AWS, EC2 user guide, "Validate a NitroTPM Attestation Document".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NoReturn

from enarx.errors import MalformedError
from enarx.tee import cose
from enarx.tee.endorsements import Endorsements
from enarx.wire import cbor

if TYPE_CHECKING:
    from enarx.tee.claims import ClaimValue

WHERE = "Nitro document"
MAX_BYTES = 32 * 1024
"""The payload has at most 16 KiB by the schema."""

_MAX_PAYLOAD = 16_384
_MAX_FIELD = 1024
"""Of a certificate, public key, user data or nonce; for the last two the schema's text says 512 and
its grammar 1024."""
_MAX_MODULE = 256
_MAX_BUNDLE = 16
_PCRS, _TPM_PCRS = "pcrs", "nitrotpm_pcrs"
_INDICES = range(32)
_PCR_SIZES = frozenset({32, 48, 64})
_OPTIONAL = ("public_key", "user_data", "nonce")
_REQUIRED = ("module_id", "digest", "timestamp", "certificate", "cabundle")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MS = 253_402_300_799_999  # the end of the year 9999
_UNTAGGED, _TAGGED = b"\x84\x44\xa1\x01\x38\x22", b"\xd2\x84\x44\xa1\x01\x38\x22"
"""How a COSE_Sign1 with the protected header {1: -35} begins, which is all of AWS's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NitroEvidence:
    """A document in shape.

    Args:
        message: what AWS signed.
        module_id: the enclave, with its instance.
        created: when, to the millisecond.
        is_tpm: of an instance's TPM, not of an enclave.
        pcrs: registers by index, in ascending order.
        certificate: of the key that signed, DER.
        cabundle: its chain, DER, in the order of arrival (AWS: the root first).
        public_key, user_data, nonce: what the enclave wants signed; empty if absent.
    """

    raw: bytes
    message: cose.Sign1
    module_id: str
    created: datetime
    is_tpm: bool
    pcrs: Mapping[int, bytes]
    certificate: bytes
    cabundle: tuple[bytes, ...]
    public_key: bytes
    user_data: bytes
    nonce: bytes

    @property
    def carried(self) -> Endorsements:
        """The chain of the document."""
        return Endorsements(certificates=(self.certificate, *self.cabundle))

    def fields(self) -> Mapping[str, ClaimValue]:
        """Every field of the document, as ``nitro.…``."""
        name = "nitrotpm_pcr" if self.is_tpm else "pcr"
        return {
            "nitro.module_id": self.module_id,
            "nitro.timestamp": self.created,
            "nitro.digest": "SHA384",
            **{f"nitro.{name}{index}": value for index, value in self.pcrs.items()},
            "nitro.public_key": self.public_key,
            "nitro.user_data": self.user_data,
            "nitro.nonce": self.nonce,
        }


def recognises(data: bytes) -> bool:
    """Whether *data* begins like a COSE_Sign1 with ES384 and no other signed header."""
    return data.startswith((_UNTAGGED, _TAGGED))


def parse(data: bytes) -> NitroEvidence:
    """*data* as one document.

    Raises:
        MalformedError: it breaks the schema anywhere.
    """
    if len(data) > MAX_BYTES:
        raise MalformedError(WHERE, f"got {len(data)} bytes, want at most {MAX_BYTES}")
    message = cose.sign1(data, WHERE)
    if message.algorithm != "ES384":
        raise MalformedError(WHERE, f"signed with {message.algorithm}, want ES384")
    if len(message.payload) > _MAX_PAYLOAD:
        problem = f"got a payload of {len(message.payload)} bytes, want at most {_MAX_PAYLOAD}"
        raise MalformedError(WHERE, problem)
    payload = cbor.decode(message.payload, WHERE)
    if not isinstance(payload, Mapping):
        raise MalformedError(WHERE, "payload is not a map")
    registers = _known_keys(payload)
    return NitroEvidence(
        raw=data,
        message=message,
        module_id=_module_id(payload["module_id"]),
        created=_created(payload["timestamp"]),
        is_tpm=registers == _TPM_PCRS,
        pcrs=_pcrs(payload["digest"], payload[registers], registers),
        certificate=_octets(payload["certificate"], "certificate", least=1),
        cabundle=_bundle(payload["cabundle"]),
        **{name: _optional(payload.get(name), name) for name in _OPTIONAL},
    )


def _known_keys(payload: Mapping[cbor.Key, cbor.Value]) -> str:
    """Insist on the schema's keys; the name of the registers, of which there is one kind."""
    if unknown := set(payload) - {*_REQUIRED, *_OPTIONAL, _PCRS, _TPM_PCRS}:
        _refuse("payload", f"unknown key {min(unknown, key=str)!r:.60}")
    if missing := set(_REQUIRED) - set(payload):
        _refuse("payload", f"key {min(missing)!r} is missing")
    found = [name for name in (_PCRS, _TPM_PCRS) if name in payload]
    if len(found) != 1:
        _refuse("payload", f"want either {_PCRS!r} or {_TPM_PCRS!r}")
    return found[0]


def _module_id(value: cbor.Value) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_MODULE or not value.isprintable():
        _refuse("module_id", f"want printable text of 1 to {_MAX_MODULE} characters")
    return value


def _created(value: cbor.Value) -> datetime:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= _LAST_MS:
        _refuse("timestamp", f"want milliseconds, 1 to {_LAST_MS}")
    return _EPOCH + timedelta(milliseconds=value)


def _pcrs(digest: cbor.Value, value: cbor.Value, name: str) -> Mapping[int, bytes]:
    if digest != "SHA384":
        _refuse("digest", f"got {digest!r:.40}, want 'SHA384'")
    if not isinstance(value, Mapping) or not value:
        _refuse(name, "want a map of 1 to 32 registers")
    found: dict[int, bytes] = {}
    for index, content in value.items():
        if not isinstance(index, int) or index not in _INDICES:
            _refuse(name, f"got the index {index!r:.40}, want 0 to 31")
        if not isinstance(content, bytes) or len(content) not in _PCR_SIZES:
            _refuse(f"{name}[{index}]", "want 32, 48 or 64 bytes")
        found[index] = content
    return dict(sorted(found.items()))


def _bundle(value: cbor.Value) -> tuple[bytes, ...]:
    if not isinstance(value, tuple) or not 0 < len(value) <= _MAX_BUNDLE:
        _refuse("cabundle", f"want 1 to {_MAX_BUNDLE} certificates")
    return tuple(_octets(item, f"cabundle[{i}]", least=1) for i, item in enumerate(value))


def _optional(value: cbor.Value, name: str) -> bytes:
    return b"" if value is None else _octets(value, name, least=name == "public_key")


def _octets(value: cbor.Value, name: str, *, least: int) -> bytes:
    if not isinstance(value, bytes) or not least <= len(value) <= _MAX_FIELD:
        _refuse(name, f"want {int(least)} to {_MAX_FIELD} bytes")
    return value


def _refuse(name: str, problem: str) -> NoReturn:
    raise MalformedError(f"{WHERE}: {name}", problem)
