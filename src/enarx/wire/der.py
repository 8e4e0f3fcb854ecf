"""Values in DER, through ``cryptography``'s strict decoder; we write no ASN.1 parser.

One boundary: whatever the decoder dislikes is MalformedError.  Callers declare their sequences with
``cryptography.hazmat.asn1.sequence`` and read them with ``decode``.
"""

from __future__ import annotations

from typing import Any, TypeVar

from cryptography.hazmat import asn1
from cryptography.x509 import ObjectIdentifier  # noqa: TC002 - @sequence reads annotations

from enarx.errors import MalformedError

T = TypeVar("T")

MAX_INTEGER_BITS = 4096
"""Of one INTEGER read alone; Python refuses to print numbers of more than 4,300 digits."""

_SEQUENCE = 0x30
_SHORT_FORM = 0x80


@asn1.sequence
class Attribute:
    """``SEQUENCE { type OBJECT IDENTIFIER, value ANY }``, of which many extensions are lists."""

    oid: ObjectIdentifier
    value: asn1.TLV


@asn1.sequence
class _Attributes:
    items: list[Attribute]


def decode(cls: type[T], data: bytes, where: str) -> T:
    """*data* as exactly one value of *cls*: ``int``, ``bytes``, ``str`` or a declared sequence.

    Raises:
        MalformedError: it is not that, not DER, or something follows it.
    """
    try:
        found: T = asn1.decode_der(cls, data)
    except (ValueError, TypeError) as e:
        raise MalformedError(where, f"not the DER of its type ({e})") from e
    return _bounded(found, where)


def inner(cls: type[T], value: asn1.TLV, where: str) -> T:
    """A value inside a sequence as *cls*; raises like ``decode``."""
    try:
        found: T = value.parse(cls)
    except (ValueError, TypeError) as e:
        raise MalformedError(where, f"not the DER of its type ({e})") from e
    return _bounded(found, where)


def attributes(data: bytes, where: str) -> dict[str, asn1.TLV]:
    """``SEQUENCE OF Attribute``: dotted identifier to value.

    Raises:
        MalformedError: it is not that, or an identifier occurs twice.
    """
    return _unique(decode(_Attributes, sequence(data), where).items, where)


def inner_attributes(value: asn1.TLV, where: str) -> dict[str, asn1.TLV]:
    """The same of a value inside a sequence, which must be a ``SEQUENCE OF Attribute`` itself."""
    return attributes(element(value), where)


def element(value: asn1.TLV) -> bytes:
    """The whole DER of a value inside a sequence: tag, length and content."""
    content = bytes(value.data)
    return bytes(value.tag_bytes) + _length(len(content)) + content


def sequence(*elements: bytes) -> bytes:
    """The DER of ``SEQUENCE`` around elements that are DER already."""
    content = b"".join(elements)
    return bytes((_SEQUENCE,)) + _length(len(content)) + content


def encode(value: Any) -> bytes:  # noqa: ANN401 - what cryptography encodes
    """The DER of an ``int``, ``bytes``, ``str`` or declared sequence; for making evidence."""
    return asn1.encode_der(value)


def _bounded(found: T, where: str) -> T:
    if isinstance(found, int) and found.bit_length() > MAX_INTEGER_BITS:
        raise MalformedError(where, f"a number of more than {MAX_INTEGER_BITS} bits")
    return found


def _unique(items: list[Attribute], where: str) -> dict[str, asn1.TLV]:
    found = {item.oid.dotted_string: item.value for item in items}
    if len(found) != len(items):
        raise MalformedError(where, "an object identifier occurs twice")
    return found


def _length(size: int) -> bytes:
    if size < _SHORT_FORM:
        return bytes((size,))
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((_SHORT_FORM | len(octets),)) + octets
