"""DNS names as a policy may state them: one spelling each, the one that a certificate has.

Source: RFC 1123, section 2.1; RFC 5890, section 2.3.2.1 (A-labels); RFC 6125, section 6.4.3.
"""

from __future__ import annotations

import re
import unicodedata

MAX_NAME = 253
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_WILDCARD = "*."
_LEAST_UNDER_WILDCARD = 2
_PREFIX = "xn--"


def dns_name_problem(name: str) -> str:
    """What is wrong with *name*; empty where nothing is.

    A wildcard is only the whole first label, above at least two others.
    """
    plain = name.removeprefix(_WILDCARD)
    labels = plain.split(".")
    if len(name) > MAX_NAME:
        return f"longer than {MAX_NAME} characters"
    if not name.isascii():
        return "not ASCII: write A-labels (xn--…)"
    if name != name.lower():
        return "not in lower case"
    if "*" in plain or (plain != name and len(labels) < _LEAST_UNDER_WILDCARD):
        return "a wildcard must be the first of three labels or more"
    if not all(_LABEL.fullmatch(label) for label in labels):
        return "not a DNS name"
    if labels[-1].isdigit():
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
