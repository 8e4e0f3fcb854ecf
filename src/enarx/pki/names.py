"""The names that a certificate may give to a keep: DNS names, addresses, and a SPIFFE identity.

Strict, since whoever chooses a name chooses whom clients talk to: lower-case letters, digits and
hyphens (IDNA's A-labels included), a wildcard as the whole first label or not at all.  No name ends
in a number: clients take those for addresses, in spellings such as 127.1 or 0x7f000001.

Sources: RFC 5280, section 4.2.1.6; RFC 1123, section 2.1; SPIFFE-ID, sections 2.1 and 2.2; WHATWG
URL, section 3.5 ("ends in a number").
"""

from __future__ import annotations

import re

from enarx.errors import MalformedError

MAX_DNS = 253
MAX_SPIFFE = 2048

_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DNS = re.compile(rf"(?:\*\.(?={_LABEL}\.))?{_LABEL}(?:\.{_LABEL})*")
_NUMBER = re.compile("[0-9]+|0x[0-9a-f]*")
_TRUST_DOMAIN = re.compile(r"[a-z0-9._-]{1,255}")
_SEGMENT = re.compile(r"[A-Za-z0-9._-]+")


def dns_name(text: str, where: str) -> str:
    """*text*, which must be a DNS name in lower case; "*." may stand before two labels or more.

    Raises:
        MalformedError: it is none.
    """
    if len(text) > MAX_DNS or _DNS.fullmatch(text) is None:
        hint = "lower case; names with other letters in their xn-- form; one name, without a port"
        raise MalformedError(where, f"got {text[:80]!r}, want a DNS name", hints=(hint,))
    if _NUMBER.fullmatch(text.rpartition(".")[2]):
        raise MalformedError(where, f"got {text}, an address to clients, want a DNS name")
    return text


def trust_domain(text: str, where: str) -> str:
    """*text*, which must be the name of a SPIFFE trust domain.

    Raises:
        MalformedError: it is none.
    """
    if _TRUST_DOMAIN.fullmatch(text) is None:
        raise MalformedError(where, f"got {text[:80]!r}, want lower-case letters, digits, '.-_'")
    return text


def spiffe_id(domain: str, *segments: str) -> str:
    """``spiffe://DOMAIN/SEGMENT/…``.

    Raises:
        MalformedError: a part is none of SPIFFE's.
    """
    for segment in segments:
        if _SEGMENT.fullmatch(segment) is None or segment in {".", ".."}:
            raise MalformedError("SPIFFE ID", f"got the segment {segment[:80]!r}")
    found = "/".join((f"spiffe://{trust_domain(domain, 'trust domain')}", *segments))
    if len(found) > MAX_SPIFFE:
        raise MalformedError("SPIFFE ID", f"got {len(found)} characters, want {MAX_SPIFFE}")
    return found
