"""RFC 9525: which names a certificate stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from enarx.keep.net.tls_names import certified_names, certifies, ip_address, matches, to_ascii

if TYPE_CHECKING:
    from tests.keep.net.conftest import Authority

LABEL = st.from_regex(r"[a-z][a-z0-9-]{0,10}", fullmatch=True)


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("a.example", "a.example", True),
        ("A.Example", "a.eXample", True),
        ("a.example.", "a.example", True),
        ("*.example.org", "a.example.org", True),
        ("*.example.org", "example.org", False),
        ("*.example.org", ".example.org", False),
        ("*.example.org", "a.b.example.org", False),
        ("*.org", "example.org", False),
        ("*", "example", False),
        ("*.", "example.", False),
        ("a*.example.org", "ab.example.org", False),
        ("a.*.org", "a.b.org", False),
        ("*.*.example.org", "a.b.example.org", False),
        ("a.example", "a.example.org", False),
        ("", "a", False),
    ],
)
def test_wildcards(pattern: str, name: str, expected: bool) -> None:  # noqa: FBT001
    """Section 6.3: the whole left-most label, exactly one, never a whole top-level domain."""
    assert matches(pattern, name) is expected


@given(st.lists(LABEL, min_size=1, max_size=4), st.lists(LABEL, min_size=1, max_size=4))
def test_without_wildcards_only_equal_names_match(one: list[str], other: list[str]) -> None:
    """No name stands for another."""
    assert matches(".".join(one), ".".join(other)) is (one == other)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Bücher.Example.", "xn--bcher-kva.example"), ("A.b.", "a.b"), ("a_b.c", "a_b.c")],
)
def test_names_go_over_the_wire_as_a_labels(name: str, expected: str) -> None:
    """Lower case, no final dot, international names as their A-labels."""
    assert to_ascii(name) == expected


@pytest.mark.parametrize(
    "name", ["", ".", "a..b", ".a", "x" * 64, "ü..b", "a b", "a\0b", "a" * 64 + "ü"]
)
def test_what_cannot_be_a_name(name: str) -> None:
    """Empty and too long labels are refused before they reach OpenSSL."""
    with pytest.raises(ValueError, match=r"."):
        to_ascii(name)


def test_addresses_are_recognised() -> None:
    """In brackets or not; a name that looks like one is a name."""
    assert str(ip_address("[::1]")) == "::1"
    assert ip_address("127.0.0.1") is not None
    assert ip_address("127.0.0.1.example") is None


def test_an_unreadable_list_of_names_certifies_nothing(authority: Authority) -> None:
    """Neither does none at all."""
    junk = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.17"), b"junk")
    for certificate in (
        authority.issue("db.example", extension=junk).certificate,
        authority.certificate,
    ):
        assert certified_names(certificate) == ()
        assert not certifies(certificate, "db.example")
