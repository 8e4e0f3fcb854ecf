"""Which names a certificate stands for, and which names a listener serves.

Source: RFC 9525, section 6: only subject alternative names count, the common name never; a
wildcard is the whole left-most label and stands for exactly one label; IP addresses are compared
as addresses.
"""

from __future__ import annotations

import ipaddress
import re

from cryptography import x509

# RFC 9525, section 6.3, takes LDH labels; the underscore is used in the wild.
_NAME = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")
_LEAST_DOTS_OF_WILDCARD = 2  # "*.com" would be everybody


def ip_address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """*name* as an address, None if it is a DNS name."""
    try:
        return ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return None


def to_ascii(name: str) -> str:
    """*name* in the form that goes over the wire: A-labels, lower case, no final dot.

    Raises:
        ValueError: it cannot be a DNS name.
    """
    ascii_name = name.encode("idna").decode().lower().removesuffix(".")
    if not _NAME.fullmatch(ascii_name):
        raise ValueError(f"not a DNS name: {name!r}")
    return ascii_name


def matches(pattern: str, name: str) -> bool:
    """Whether *pattern* of a certificate or configuration stands for the DNS *name*."""
    pattern, name = pattern.rstrip(".").lower(), name.rstrip(".").lower()
    if not pattern.startswith("*."):
        return pattern == name
    first, dot, rest = name.partition(".")
    return (
        pattern.count(".") >= _LEAST_DOTS_OF_WILDCARD
        and bool(first and dot)
        and rest == pattern[2:]
    )


def certified_names(certificate: x509.Certificate) -> tuple[str, ...]:
    """The DNS names and addresses of *certificate*; none if it has no readable list."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, ValueError):
        return ()
    value = extension.value
    addresses = value.get_values_for_type(x509.IPAddress)
    return (*value.get_values_for_type(x509.DNSName), *map(str, addresses))


def certifies(certificate: x509.Certificate, name: str) -> bool:
    """Whether *certificate* stands for *name*, a DNS name or an IP address."""
    address = ip_address(name)
    names = certified_names(certificate)
    if address is not None:
        return any(ip_address(each) == address for each in names)
    return any(matches(each, to_ascii(name)) for each in names if ip_address(each) is None)
