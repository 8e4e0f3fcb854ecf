"""RATS conceptual message wrappers: records, tags and collections, in JSON and in CBOR.

Shape only: which messages there are, of which type, with which indicator.  What they mean is
``messages``'s to say.  Signed wrappers are refused: nobody here could say whose signature counts.

Source: draft-ietf-rats-msg-wrap-23, section 3; docs/design/adr/0019-containers.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from enarx.errors import MalformedError
from enarx.evidence import media
from enarx.wire import cbor, document, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from enarx.evidence.media import MediaType
    from enarx.tee.endorsements import Endorsements
    from enarx.wire.cbor import Value

Form = Literal["cbor", "json"]

ENDORSEMENTS = 1 << 1
EVIDENCE = 1 << 2
_ALL_INDICATORS = 0x1F  # reference values, endorsements, evidence, results, policy

TYPE_KEY = "__cmwc_t"
COLLECTION_TYPE = "tag:enarx.dev,2026:evidence"
"""Of the collections that we write: one piece of evidence with its endorsements."""

MAX_DEPTH = 4
"""Collections and wrappers inside each other; composite devices have two levels."""

MAX_MESSAGES = 128
"""In one wrapper, at any depth: evidence with every certificate and list of a large machine."""

_MAX_LABEL = 256
_MAX_TYPE = 1024
_OID = re.compile(r"[0-2](?:\.(?:0|[1-9][0-9]*))+")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!#$%&'()*+,./0-9:;=?@A-Z\[\]_a-z~-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One conceptual message.

    Args:
        label: where it stood, as a path of labels; empty for a record by itself.
        media: its type.
        value: its bytes.
        indicator: which kinds of message it is, as bits; 0 if that is not said.
    """

    label: str
    media: MediaType
    value: bytes
    indicator: int = 0


def is_wrapper(data: bytes) -> bool:
    """Whether *data* begins like a wrapper; ``read`` decides."""
    if data[:1] in (b"[", b"{"):
        return True
    return data[:1] in _CBOR_RECORDS or data[:1] in _CBOR_MAPS or data[:1] == _CBOR_TAG


def read(data: bytes, where: str) -> tuple[Message, ...]:
    """Every message of a wrapper, those of collections inside it too.

    Raises:
        MalformedError: it is not a wrapper, is nested too deeply, or has too many messages.
    """
    found = tuple(_read(data, where, "", MAX_DEPTH))
    if len(found) > MAX_MESSAGES:
        raise MalformedError(where, f"got {len(found)} messages, want at most {MAX_MESSAGES}")
    return found


def wrap(evidence: bytes, technology: str, endorsements: Endorsements, form: Form) -> bytes:
    """*evidence* of *technology* with *endorsements*, always the same bytes for the same input.

    A record where there are no endorsements, a collection otherwise.
    """
    record = (media.OURS + technology, evidence, EVIDENCE)
    if not endorsements:
        return _encode(_record(record, form), form)
    items = {TYPE_KEY: COLLECTION_TYPE, "evidence": _record(record, form)}
    for label, kind, values in (
        ("certificate", media.CERTIFICATE, endorsements.certificates),
        ("crl", media.CRL, endorsements.crls),
        ("tcb-info", media.TCB_INFO, endorsements.tcb_infos),
        ("qe-identity", media.QE_IDENTITY, endorsements.qe_identities),
    ):
        for number, value in enumerate(values):
            items[f"{label}-{number}"] = _record((kind, value, ENDORSEMENTS), form)
    return _encode(items, form)


_CBOR_RECORDS = (b"\x82", b"\x83", b"\x9f")
_CBOR_MAPS = frozenset(bytes((head,)) for head in (*range(0xA0, 0xBC), 0xBF))
_CBOR_TAG = b"\xda"


def _record(record: tuple[str, bytes, int], form: Form) -> object:
    kind, value, indicator = record
    return (kind, text.to_base64url(value) if form == "json" else value, indicator)


def _encode(value: object, form: Form) -> bytes:
    return document.dump(value) if form == "json" else cbor.encode(value)


def _read(data: bytes, where: str, label: str, depth: int) -> Iterator[Message]:
    if data[:1] in (b"[", b"{"):
        return _walk(document.load_any(data, where), where, label, depth)
    return _walk(cbor.decode(data, where), where, label, depth)


def _walk(item: object, where: str, label: str, depth: int) -> Iterator[Message]:
    """The messages of one decoded wrapper; lists and str values are JSON's, tuples CBOR's."""
    place = f"{where}: {label}" if label else where
    if not depth:
        raise MalformedError(place, f"wrappers nested deeper than {MAX_DEPTH}")
    if isinstance(item, Mapping):
        yield from _collection(item, where, label, depth)
        return
    if isinstance(item, list):
        message = _json_record(item, place, label)
    elif isinstance(item, tuple):
        message = _cbor_record(item, place, label)
    elif isinstance(item, cbor.Tag):
        message = _tagged(item, place, label)
    else:
        raise MalformedError(place, f"got {type(item).__name__}, want a record or a collection")
    if message.media.name in (media.CMW_CBOR, media.CMW_JSON):
        yield from _read(message.value, where, label, depth - 1)
        return
    yield message


def _collection(
    item: Mapping[object, object], where: str, label: str, depth: int
) -> Iterator[Message]:
    place = f"{where}: {label}" if label else where
    if TYPE_KEY in item:
        _check_type(item[TYPE_KEY], f"{place}: {TYPE_KEY}")
    if len(item) == (TYPE_KEY in item):
        raise MalformedError(place, "a collection without an entry")
    for key, value in item.items():
        if key == TYPE_KEY:
            continue
        if isinstance(key, bytes) or (isinstance(key, str) and not _is_label(key)):
            raise MalformedError(place, f"got label {str(key)[:40]!r}, want a word or a number")
        yield from _walk(value, where, f"{label}.{key}" if label else str(key), depth - 1)


def _is_label(key: str) -> bool:
    return bool(key.strip()) and len(key) <= _MAX_LABEL and key.isprintable()


def _check_type(value: object, where: str) -> None:
    found = document.check_text(value, where, most=_MAX_TYPE)
    if not _OID.fullmatch(found) and not _URI.fullmatch(found):
        raise MalformedError(where, f"got {found[:80]!r}, want a URI or an object identifier")


def _json_record(item: list[object], where: str, label: str) -> Message:
    kind, value, indicator = _members(item, where)
    if not isinstance(kind, str) or not isinstance(value, str):
        raise MalformedError(where, "want [media type, base64url, indicator]")
    return Message(
        label=label,
        media=media.parse(kind, where),
        value=text.base64url(value, where),
        indicator=indicator,
    )


def _cbor_record(item: tuple[Value, ...], where: str, label: str) -> Message:
    kind, value, indicator = _members(item, where)
    if not isinstance(value, bytes):
        raise MalformedError(where, f"got a value of {type(value).__name__}, want bytes")
    if isinstance(kind, str):
        found = media.parse(kind, where)
    elif isinstance(kind, int) and not isinstance(kind, bool):
        found = media.of_format(kind, where)
    else:
        raise MalformedError(where, "want a media type or a content format before the value")
    return Message(label=label, media=found, value=value, indicator=indicator)


def _members(item: list[object] | tuple[Value, ...], where: str) -> tuple[object, object, int]:
    if len(item) not in (2, 3):
        raise MalformedError(where, f"got {len(item)} members, want 2 or 3")
    indicator = item[2] if len(item) > 2 else 0  # noqa: PLR2004 - it is the third
    if not isinstance(indicator, int) or isinstance(indicator, bool):
        raise MalformedError(where, "got an indicator that is not a number")
    if len(item) > 2 and not 1 <= indicator <= _ALL_INDICATORS:  # noqa: PLR2004
        raise MalformedError(where, f"got indicator {indicator}, want 1 to {_ALL_INDICATORS}")
    return item[0], item[1], indicator


def _tagged(item: cbor.Tag, where: str, label: str) -> Message:
    found = media.of_tag(item.number, where)
    if not isinstance(item.value, bytes):
        raise MalformedError(where, f"got a tagged {type(item.value).__name__}, want bytes")
    return Message(label=label, media=found, value=item.value)
