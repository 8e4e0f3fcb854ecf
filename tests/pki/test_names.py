"""Names that a certificate may give: whoever chooses one chooses whom clients talk to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.errors import MalformedError
from enarx.pki.names import dns_name, spiffe_id, trust_domain


@pytest.mark.parametrize(
    "name",
    [
        "localhost",
        "a",
        "shop.example.org",
        "*.example.org",
        "xn--bcher-kva.example",
        "1.example",
        "3com.example",
        "a-b--c.example",
        "a" * 63 + ".example",
        ".".join(["a" * 49] * 5) + ".abc",
    ],
)
def test_names_are_taken_as_they_are(name: str) -> None:
    """Nothing is normalised: what was checked is what the certificate says."""
    assert dns_name(name, "name") == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "a.",
        ".a",
        "a..b",
        "-a.example",
        "a-.example",
        "a" * 64 + ".example",
        ".".join(["a" * 49] * 5) + ".abcd",
        "a b.example",
        "a_b.example",
        "a.example:443",
        "a.example/x",
        "user@a.example",
        "https://a.example",
    ],
)
def test_what_is_no_name_is_refused(name: str) -> None:
    """Empty labels, hyphens at an end, what is too long, and other parts of an address."""
    with pytest.raises(MalformedError):
        dns_name(name, "name")


@pytest.mark.parametrize(
    "name",
    [
        "bank.example\0.evil.example",
        "bank.example\n",
        "\nbank.example",
        "bank.example\r\nevil.example",
        "bank.example,DNS:evil.example",
        "bank.example;evil.example",
        "bank.example ",
        "\tbank.example",
        "%00.example",
        "bank\u3002example",
        "b\u0430nk.example",
        "bank.example\u200b",
        "bücher.example",
        "\ufb00.example",
        "\uff11.example",
        "bank.example\u017f",
        "\ud800.example",
    ],
)
def test_nothing_can_be_smuggled_into_a_name(name: str) -> None:
    """NUL, line ends, separators, look-alikes, invisible letters and lone surrogates."""
    with pytest.raises(MalformedError):
        dns_name(name, "name")


@pytest.mark.parametrize("name", ["Bank.example", "bank.EXAMPLE", "K.example", "İ.example"])
def test_upper_case_is_refused(name: str) -> None:
    """Two spellings of one name would be two entries of a policy, and one to clients."""
    with pytest.raises(MalformedError):
        dns_name(name, "name")


@pytest.mark.parametrize(
    "name",
    ["*", "*.", "*.org", "*example.org", "a*.example.org", "a.*.example.org", "**.example.org",
     "*.*.example.org", "*.example.org.*", "example.*"],
)  # fmt: skip
def test_a_wildcard_is_the_whole_first_label(name: str) -> None:
    """Of two labels or more: one that covers a top-level domain covers everybody's names."""
    with pytest.raises(MalformedError):
        dns_name(name, "name")


@pytest.mark.parametrize(
    "name",
    ["192.0.2.1", "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0x7f.1", "1.2.3.256",
     "017700000001", "::1", "[::1]", "2001:db8::1", "a.example.1", "*.0.0.1", "a.0x"],
)  # fmt: skip
def test_addresses_in_any_spelling_are_no_names(name: str) -> None:
    """What ends in a number is an address to browsers, however it is written (WHATWG URL)."""
    with pytest.raises(MalformedError):
        dns_name(name, "name")


@given(st.text(max_size=300))
def test_any_text_is_a_name_or_refused(text: str) -> None:
    """No other exception; what passes is of few letters, and no label is empty."""
    try:
        found = dns_name(text, "name")
    except MalformedError:
        return
    assert set(found) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.*")
    assert all(found.split("."))


def test_an_identity_is_made_of_checked_parts() -> None:
    """SPIFFE-ID, section 2: no empty or relative segment, no other letters, a bounded length."""
    assert spiffe_id("example.org", "workload", "shop") == "spiffe://example.org/workload/shop"
    for segments in (("",), ("..",), ("a/b",), ("a b",), ("ä",), ("a\n",), ("%2e",), ("?q",)):
        with pytest.raises(MalformedError):
            spiffe_id("example.org", *segments)
    with pytest.raises(MalformedError):
        spiffe_id("example.org", "a" * 2048)


@pytest.mark.parametrize("text", ["", "Example.org", "a/b", "a:1", "a@b", "ä", "a\n", "a" * 256])
def test_a_trust_domain_has_no_other_parts(text: str) -> None:
    """No port, no user, no path, no upper case."""
    with pytest.raises(MalformedError):
        trust_domain(text, "domain")
