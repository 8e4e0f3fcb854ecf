"""Evidence of the interoperable RA-TLS format: a quote and claims under a CBOR tag.

The quote is bound to the claims by their digest, and the claims to a key by its.

Sources: CCC "Interoperable RA-TLS X.509 Cert and Evidence Formats" and "… SGX / TDX Evidence Tags
and Formats" (IANA's CBOR tag 60000); RFC 6920 and IANA's Named Information registry (hashes).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace

from enarx.errors import Failure, MalformedError
from enarx.evidence.opened import Content, KeyBinding, Piece
from enarx.wire import cbor

INTEL_QUOTE = 60000
"""CBOR tag of ``[quote, claims]``, SGX or TDX (IANA)."""

MAX_CLAIMS = 16

_KEY_HASH = "pubkey-hash"
_HASHES: Mapping[int, str] = {1: "sha256", 7: "sha384", 8: "sha512"}
"""Named information hash algorithms that the format asks for."""

_TAGGED = cbor.encode(cbor.Tag(INTEL_QUOTE, 0))[:-1]


def is_tagged_evidence(data: bytes) -> bool:
    """Whether *data* begins with the tag; ``tagged_evidence`` decides."""
    return data.startswith(_TAGGED)


def tagged_evidence(data: bytes, where: str) -> Content:
    """``60000([quote, claims])``, by itself: what it is bound to is in the claims.

    Raises:
        MalformedError: it is not that.
    """
    match cbor.decode(data, where):
        case cbor.Tag(number, (bytes() as quote, bytes() as claims)) if number == INTEL_QUOTE:
            _claims(claims, where)
            return Content(
                evidence=(Piece(data=quote),), containers=("tagged evidence",), claims=claims
            )
    raise MalformedError(where, f"want [quote, claims], byte strings under the tag {INTEL_QUOTE}")


def bound_evidence(data: bytes, spki: bytes, where: str) -> Content:
    """The same in a certificate, whose key the claims must name.

    Raises:
        MalformedError: it is not that.
    """
    content = tagged_evidence(data, where)
    claim = _claims(content.claims, where)[_KEY_HASH]
    number = _algorithm(claim, f"{where}: {_KEY_HASH}")
    name = _HASHES[number]
    want = cbor.encode((number, hashlib.new(name, spki).digest()))
    failure = Failure(
        _KEY_HASH,
        want=f"{want.hex()} ({name} of the key)",
        got=claim.hex(),
        hint="the evidence was made for another key; do not use this one",
    )
    binding = KeyBinding(
        rule=f"report_data = sha256(claims), {_KEY_HASH} = {name}(SubjectPublicKeyInfo)",
        spki=spki,
        accepted=(hashlib.sha256(content.claims).digest(),),
        failures=() if claim == want else (failure,),
    )
    return replace(content, binding=binding)


def _claims(data: bytes, where: str) -> Mapping[object, bytes]:
    place = f"{where}: claims"
    found = cbor.decode(data, place)
    if not isinstance(found, Mapping) or len(found) > MAX_CLAIMS:
        raise MalformedError(place, f"want a map of at most {MAX_CLAIMS} claims")
    for key, value in found.items():
        if not isinstance(key, str) or not isinstance(value, bytes):
            raise MalformedError(place, "want text to byte strings")
    if _KEY_HASH not in found:
        raise MalformedError(place, f"claim {_KEY_HASH!r} is missing")
    return found  # type: ignore[return-value]  # checked above


def _algorithm(claim: bytes, where: str) -> int:
    match cbor.decode(claim, where):
        case (int() as number, bytes()) if number in _HASHES:
            return number
    raise MalformedError(where, f"want [algorithm, hash] with an algorithm of {sorted(_HASHES)}")
