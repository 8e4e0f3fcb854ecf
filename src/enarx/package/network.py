"""What an application may connect to at run time: the rules of ``[network] connect``.

Pure: names are not resolved here.  A rule is ``host:port``.  The host is a name, ``*.`` and a
name (any name below it), an address, an address range, or ``*``; the port a number or ``*``.

Sources: RFC 1123 section 2.1 (names); RFC 4632 (IPv4 ranges); RFC 3986 section 3.2.2 (IPv6 in
brackets).
"""

from __future__ import annotations

import re

from enarx.package.model import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

    Range = IPv4Network | IPv6Network

PATTERN = (
    r"^(\*|(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?|[0-9./]+|\[[0-9A-Fa-f:./]+\])"
    r":(\*|[0-9]{1,5})$"
)
"""What a rule looks like; for the JSON Schema.  ``parse_rule`` is stricter."""

_LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = rf"{_LABEL}(\.{_LABEL})*"
_MAX_NAME = 253
_MAX_PORT = 65535


class Rule(Value):
    """One rule; exactly one of ``name``, ``suffix``, ``range`` is set, or none for ``*``.

    Args:
        text: the rule as it was written.
        name: the only host name.
        suffix: ``.internal`` for ``*.internal``.
        range: the addresses.
        port: the only port, or None for all.
    """

    __slots__ = ("name", "port", "range", "suffix", "text")
    text: str
    name: str
    suffix: str
    range: Range | None
    port: int | None

    def __init__(
        self,
        *,
        text: str,
        name: str = "",
        suffix: str = "",
        range: Range | None = None,  # noqa: A002 - what RFC 4632 calls it
        port: int | None = None,
    ) -> None:
        self._fill(text=text, name=name, suffix=suffix, range=range, port=port)


def parse_rule(text: str) -> Rule:
    """The rule *text*.

    Raises:
        ValueError: it is none; the message says what is wrong, without repeating *text*.
    """
    host, colon, port_text = text.rpartition(":")
    if not colon or not host:
        raise ValueError("want host:port")
    port = _port(port_text)
    if host == "*":
        return Rule(text=text, port=port)
    if host.startswith("["):
        if not host.endswith("]"):
            raise ValueError("want [address]:port")
        return Rule(text=text, range=_range(host[1:-1], 6), port=port)
    if ":" in host:
        raise ValueError("an IPv6 address goes in brackets: [address]:port")
    if not set(host) - set("0123456789./") or "/" in host:
        return Rule(text=text, range=_range(host, 4), port=port)
    if host.startswith("*."):
        return Rule(text=text, suffix=f".{_name(host[2:])}", port=port)
    return Rule(text=text, name=_name(host), port=port)


def permits(rules: Iterable[Rule], host: str, addresses: Iterable[str], port: int) -> bool:
    """Whether *rules* allow a connection to *host* at *port*.

    Args:
        rules: of the configuration; none allow nothing.
        host: what the application asked for: a name or an address.
        addresses: what *host* was resolved to.  The host system resolves, and may lie: a range
            allows a name only if every address is in it, and the caller must then connect to
            one of these addresses and to no other.
        port: the peer's.
    """
    literal = _address(host)
    found: list[IPv4Address | IPv6Address | None]
    found = [literal] if literal else [_address(text) for text in addresses]
    return any(
        rule.port in (None, port) and _matches(rule, "" if literal else host, found)
        for rule in rules
    )


def may_resolve(rules: Iterable[Rule], host: str) -> bool:
    """Whether some rule could allow *host*, at some port, once its addresses are known."""
    return any(rule.range is not None or _matches(rule, host, []) for rule in rules)


def _matches(rule: Rule, host: str, addresses: list[IPv4Address | IPv6Address | None]) -> bool:
    name = host.rstrip(".").lower()
    if rule.name:
        return name == rule.name
    if rule.suffix:
        return len(name) > len(rule.suffix) and name.endswith(rule.suffix)
    if rule.range is None:
        return True
    return bool(addresses) and all(
        address is not None and address.version == rule.range.version and address in rule.range
        for address in addresses
    )


def _address(text: str) -> IPv4Address | IPv6Address | None:
    from ipaddress import IPv6Address, ip_address  # 2 ms that a configuration without rules saves

    try:
        address = ip_address(text.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped  # the same peer, by another spelling
    return address


def _port(text: str) -> int | None:
    if text == "*":
        return None
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= _MAX_PORT):
        raise ValueError(f"the port is a number from 1 to {_MAX_PORT}, or *")
    return int(text)


def _range(text: str, version: int) -> Range:
    from ipaddress import ip_network

    try:
        found = ip_network(text)
    except ValueError as e:
        reason = "has bits set below its length" if "host bits" in str(e) else "is no address"
        raise ValueError(f"the range {reason}") from e
    if found.version != version:
        raise ValueError("an IPv6 address goes in brackets, an IPv4 address does not")
    return found


def _name(text: str) -> str:
    name = text.removesuffix(".").lower()
    if len(name) > _MAX_NAME or not re.fullmatch(_NAME, name):
        hint = "" if name.isascii() else " (write it in its xn-- form)"
        raise ValueError(f"the host is no name, address or range{hint}")
    return name
