"""Requests of strangers: their names come out, and whatever is wrong with them is told."""

from __future__ import annotations

import ipaddress

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from enarx.errors import MalformedError
from enarx.pki.request import MAX_NAMES, Names, make, names_of

KEY = ec.generate_private_key(ec.SECP256R1())
PLAIN = make(KEY, b"\x80", Names(dns=("shop.example.org", "localhost")))


def request(*names: x509.GeneralName) -> bytes:
    """A request of another program that asks for *names*."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    wanted = x509.SubjectAlternativeName(names)
    signed = builder.add_extension(wanted, critical=False).sign(KEY, hashes.SHA256())
    return signed.public_bytes(Encoding.DER)


def test_names_come_out_in_their_order() -> None:
    """DNS names and addresses, each as text; none where none was asked for."""
    assert names_of(PLAIN) == Names(dns=("shop.example.org", "localhost"))
    address = x509.IPAddress(ipaddress.ip_address("2001:db8::1"))
    mixed = names_of(request(x509.DNSName("b"), address, x509.DNSName("a")))
    assert mixed == Names(dns=("b", "a"), addresses=("2001:db8::1",))
    assert names_of(make(KEY, b"\x80")) == Names()


@pytest.mark.parametrize(
    "name",
    [
        x509.UniformResourceIdentifier("spiffe://example.org/workload/bank"),
        x509.RFC822Name("root@example.org"),
        x509.DirectoryName(x509.Name([])),
        x509.RegisteredID(x509.ObjectIdentifier("1.2.3")),
        x509.OtherName(x509.ObjectIdentifier("1.2.3"), b"\x05\x00"),
    ],
)
def test_an_identity_cannot_be_asked_for(name: x509.GeneralName) -> None:
    """Names of other kinds are refused, and not silently dropped."""
    with pytest.raises(MalformedError, match="want DNS names"):
        names_of(request(x509.DNSName("a"), name))


def test_names_are_counted() -> None:
    """As many as allowed, and not one more."""
    names = [x509.DNSName(f"a{number}.example") for number in range(MAX_NAMES + 1)]
    assert len(names_of(request(*names[:-1])).dns) == MAX_NAMES
    with pytest.raises(MalformedError, match="more than 64 names"):
        names_of(request(*names))


def test_a_range_of_addresses_is_no_address() -> None:
    """A network is for name constraints; a certificate for one would name many machines."""
    network = x509.IPAddress(ipaddress.ip_network("192.0.2.0/24"))
    with pytest.raises(MalformedError):
        names_of(request(network))


@given(st.binary(max_size=300))
def test_any_bytes_are_refused(data: bytes) -> None:
    """No other exception than ours, whatever arrives."""
    with pytest.raises(MalformedError):
        names_of(data)


@given(st.data())
def test_any_damage_is_taken_or_refused(data: st.DataObject) -> None:
    """One octet of a good request changed, removed or added: no other exception than ours."""
    at = data.draw(st.integers(0, len(PLAIN) - 1))
    put = data.draw(st.binary(max_size=2))
    try:
        found = names_of(PLAIN[:at] + put + PLAIN[at + 1 :])
    except MalformedError:
        return
    assert len(found.dns) <= 2


def test_every_octet_may_be_damaged() -> None:
    """The same with each octet set to values that mean something in DER."""
    for at in range(len(PLAIN)):
        for value in (0x00, 0x01, 0x02, 0x05, 0x30, 0x7F, 0x80, 0xFF, PLAIN[at] ^ 1):
            try:
                names_of(PLAIN[:at] + bytes((value,)) + PLAIN[at + 1 :])
            except MalformedError:
                continue
