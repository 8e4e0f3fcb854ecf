"""The names that a certificate may give to a keep: DNS names, addresses, and a SPIFFE identity.

Strict, since whoever chooses a name chooses whom clients talk to: lower-case letters, digits and
hyphens (IDNA's A-labels included), a wildcard as the whole first label or not at all.  No name ends
in a number: clients take those for addresses, in spellings such as 127.1 or 0x7f000001.

Sources: RFC 5280, section 4.2.1.6; RFC 1123, section 2.1; RFC 5890, section 2.3.2.1 (A-labels);
RFC 6125, section 6.4.3; SPIFFE-ID, sections 2.1 and 2.2; WHATWG URL, section 3.5 ("ends in a
number").
"""

from __future__ import annotations

import re
import unicodedata

from enarx.errors import MalformedError

MAX_DNS = 253
MAX_SPIFFE = 2048

_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NUMBER = re.compile("[0-9]+|0x[0-9a-f]*")
_WILDCARD = "*."
_LEAST_UNDER_WILDCARD = 2
_PREFIX = "xn--"
_TRUST_DOMAIN = re.compile(r"[a-z0-9._-]{1,255}")
_SEGMENT = re.compile(r"[A-Za-z0-9._-]+")


def dns_name(text: str, where: str) -> str:
    """*text*, which must be a DNS name as a certificate has it.

    Raises:
        MalformedError: it is none.
    """
    problem = dns_name_problem(text)
    if problem:
        raise MalformedError(where, f"got {text[:80]!r}, want a DNS name: it is {problem}")
    return text


def dns_name_problem(name: str) -> str:
    """What is wrong with *name*; empty where nothing is.

    A wildcard is only the whole first label, above at least two others.
    """
    plain = name.removeprefix(_WILDCARD)
    labels = plain.split(".")
    if len(name) > MAX_DNS:
        return f"longer than {MAX_DNS} characters"
    if not name.isascii():
        return "not ASCII: write A-labels (xn--…)"
    if name != name.lower():
        return "not in lower case"
    if "*" in plain or (plain != name and len(labels) < _LEAST_UNDER_WILDCARD):
        return "a wildcard that is not the first of three labels or more"
    if not all(_LABEL.fullmatch(label) for label in labels):
        return "not made of labels"
    if _NUMBER.fullmatch(labels[-1]):
        return "an IP address, or a name that looks like one"
    return next((problem for label in labels if (problem := _label_problem(label))), "")


def _label_problem(label: str) -> str:
    if label[2:4] != "--":
        return ""
    try:
        text = label.removeprefix(_PREFIX).encode().decode("punycode")
        spelled = text.encode("punycode").decode()
    except (UnicodeError, ValueError, OverflowError):
        return "not an A-label"
    is_one = label.startswith(_PREFIX) and not text.isascii() and _PREFIX + spelled == label
    is_one = is_one and text.isprintable() and unicodedata.normalize("NFC", text.lower()) == text
    return "" if is_one else "not an A-label"


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
