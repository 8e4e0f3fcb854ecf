"""[network] rules allow what they name and nothing beside it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.package.network import may_resolve, parse_rule, permits


@pytest.mark.parametrize(
    ("rule", "host", "addresses", "port", "want"),
    [
        ("example.com:443", "example.com", ["192.0.2.1"], 443, True),
        ("example.com:443", "EXAMPLE.com.", ["192.0.2.1"], 443, True),
        ("example.com:443", "example.com", ["192.0.2.1"], 80, False),
        ("example.com:443", "www.example.com", ["192.0.2.1"], 443, False),
        ("example.com:443", "192.0.2.1", [], 443, False),
        ("*.internal:8080", "a.internal", [], 8080, True),
        ("*.internal:8080", "a.b.internal", [], 8080, True),
        ("*.internal:8080", "internal", [], 8080, False),
        ("*.internal:8080", "evilinternal", [], 8080, False),
        ("10.0.0.0/8:*", "10.1.2.3", [], 1, True),
        ("10.0.0.0/8:*", "11.1.2.3", [], 1, False),
        ("10.0.0.0/8:*", "::ffff:10.1.2.3", [], 1, True),
        ("10.0.0.0/8:*", "db.example", ["10.0.0.1"], 1, True),
        ("10.0.0.0/8:*", "db.example", ["10.0.0.1", "192.0.2.1"], 1, False),
        ("10.0.0.0/8:*", "db.example", [], 1, False),
        ("192.0.2.1:22", "192.0.2.1", [], 22, True),
        ("[2001:db8::1]:443", "2001:db8::1", [], 443, True),
        ("[2001:db8::1]:443", "2001:db8:0::0:1", [], 443, True),
        ("[2001:db8::/32]:443", "2001:db9::1", [], 443, False),
        ("*:443", "anything.example", [], 443, True),
        ("*:443", "192.0.2.1", [], 444, False),
        ("*:*", "::1", [], 9, True),
    ],
)
def test_permits(rule: str, host: str, addresses: list[str], port: int, *, want: bool) -> None:
    """Names match by label, ranges by every address, ports exactly."""
    assert permits([parse_rule(rule)], host, addresses, port) is want


def test_no_rules_permit_nothing() -> None:
    """An application without [network] may connect to nothing."""
    assert not permits([], "localhost", ["127.0.0.1"], 80)


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("example.com", "want host:port"),
        (":443", "want host:port"),
        ("a:0", "the port is"),
        ("a:65536", "the port is"),
        ("a:https", "the port is"),
        ("::1:443", "in brackets"),
        ("[::1:443", r"want \[address\]:port"),
        ("[10.0.0.1]:443", "in brackets"),
        ("10.0.0.1/8:1", "has bits set"),
        ("300.0.0.1:1", "is no address"),
        ("a..b:1", "no name"),
        ("bücher.example:1", "xn--"),
        ("*.*.a:1", "no name"),
        ("a b:1", "no name"),
    ],
)
def test_what_is_no_rule(text: str, want: str) -> None:
    """A mistake in a rule is explained."""
    with pytest.raises(ValueError, match=want):
        parse_rule(text)


def test_only_names_that_may_match_are_resolved() -> None:
    """A name is asked of the host's resolver only if some rule could allow it."""
    rules = [parse_rule("*.internal:80")]
    assert may_resolve(rules, "a.internal")
    assert not may_resolve(rules, "secret-data.attacker.example")
    assert may_resolve([parse_rule("10.0.0.0/8:*")], "db.example")


@given(st.text(max_size=30))
def test_junk_is_a_rule_or_a_value_error(text: str) -> None:
    """Whatever the text: a rule that remembers it, or ValueError."""
    try:
        assert parse_rule(text).text == text
    except ValueError as e:
        assert str(e)  # noqa: PT017 - the message is the subject
