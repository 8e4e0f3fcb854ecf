"""The certificate of a keep that no Steward vouches for: the profile of Enarx 0.7, and names."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Literal

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from enarx.evidence import cmw, pkix
from enarx.evidence.extensions import open_carrier
from enarx.evidence.opened import Piece
from enarx.pki.self_signed import self_signed
from enarx.tee.endorsements import Endorsements

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
KEY = ec.generate_private_key(ec.SECP256R1())
CERTIFICATE = self_signed(KEY, now=NOW, serial=bytes(15) + b"\x07")


def test_issuer_and_subject_are_localhost() -> None:
    """CN=localhost on both sides, signed by the key it certifies, with the serial given."""
    assert CERTIFICATE.subject.rfc4514_string() == "CN=localhost"
    CERTIFICATE.verify_directly_issued_by(CERTIFICATE)
    assert CERTIFICATE.public_key() == KEY.public_key()
    assert CERTIFICATE.serial_number == 7
    assert CERTIFICATE.version is x509.Version.v3


def test_valid_for_a_year_and_for_clocks_that_are_behind() -> None:
    """365 days in all, the first five minutes of them before now."""
    start, end = CERTIFICATE.not_valid_before_utc, CERTIFICATE.not_valid_after_utc
    assert end - start == timedelta(days=365)
    assert start == NOW - timedelta(minutes=5)


def test_extensions_are_those_of_0_7_with_names() -> None:
    """Key usage and not-a-CA are critical; servers and clients; today's clients want names."""
    found = {type(each.value): each for each in CERTIFICATE.extensions}
    usage = found[x509.KeyUsage]
    assert usage.critical
    assert usage.value.digital_signature
    assert usage.value.key_encipherment
    assert not usage.value.key_cert_sign
    assert found[x509.BasicConstraints].critical
    assert not found[x509.BasicConstraints].value.ca
    assert set(found[x509.ExtendedKeyUsage].value) == {
        ExtendedKeyUsageOID.SERVER_AUTH,
        ExtendedKeyUsageOID.CLIENT_AUTH,
    }
    names = found[x509.SubjectAlternativeName].value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    addresses = [ip_address("127.0.0.1"), ip_address("::1")]
    assert names.get_values_for_type(x509.IPAddress) == addresses
    assert len(found) == 4


@given(st.binary(min_size=16, max_size=16).filter(lambda serial: any(serial[1:])))
def test_serial_is_positive_and_fits(serial: bytes) -> None:
    """RFC 5280, section 4.1.2.2: positive, at most 20 octets."""
    number = self_signed(KEY, now=NOW, serial=serial).serial_number
    assert 0 < number < 1 << 127


@pytest.mark.parametrize("serial", [b"", bytes(15), bytes(17), bytes(16), b"\x80" + bytes(15)])
def test_unusable_serials_are_refused(serial: bytes) -> None:
    """Too short, too long, or zero once the sign bit is off."""
    with pytest.raises(ValueError, match="serial"):
        self_signed(KEY, now=NOW, serial=serial)


@pytest.mark.parametrize("form", ["cbor", "json"])
def test_evidence_can_be_taken_out_again(form: Literal["cbor", "json"]) -> None:
    """A wrapper put into the certificate is found in it by the readers of certificates."""
    wrapper = cmw.wrap(b"evidence", "snp", Endorsements(certificates=(b"one",)), form)
    made = self_signed(KEY, now=NOW, serial=bytes(15) + b"\x08", evidence=wrapper)
    carrier = pkix.read(made.public_bytes(Encoding.DER), "certificate")
    content = open_carrier(carrier, "certificate")
    assert content.evidence == (Piece(data=b"evidence", technology="snp"),)
    assert content.endorsements.certificates == (b"one",)
