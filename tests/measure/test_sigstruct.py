"""What authors of enclaves sign: fields, signatures, and what is neither."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.measure.enclaves import author, mr_signer, signed

from enarx.errors import MalformedError, UnauthenticError
from enarx.measure.sigstruct import parse, verify
from enarx.tee.dcap.enclave import EnclaveFlags

ENCLAVE = bytes(range(32))


def test_recorded_signatures(shared: Path) -> None:
    """Of two authors: signers, attributes and masks as their tools show them."""
    folder = shared / "vectors/measure/sgx-fortanix"
    facts = json.loads((folder / "manifest.json").read_text())["expected"]
    for name, key in (("test_enclave.sig", "test_enclave"), ("sig1.sigstruct.bin", "sig1")):
        found, want = verify((folder / name).read_bytes()), facts[key]
        assert found.mr_enclave.hex() == want["mrenclave"]
        assert found.mr_signer.hex() == want["mrsigner"]
    data = (folder / "test_enclave.sig").read_bytes()
    found, want = verify(data), facts["test_enclave"]
    assert found.signed_on is not None
    assert f"{found.signed_on:%Y%m%d}" == want["date"]
    assert (found.isv_prod_id, found.isv_svn) == (want["isvprodid"], want["isvsvn"])
    assert data[928:944].hex() == want["attributes"]
    assert data[944:960].hex() == want["attributes_mask"]
    assert found.allows_debug


def test_a_signature_is_its_keys() -> None:
    """Who signed is told by the modulus, what was signed by the fields."""
    found = verify(signed(mr_enclave=ENCLAVE))
    assert (found.mr_enclave, found.mr_signer) == (ENCLAVE, mr_signer(author()))
    assert (found.isv_prod_id, found.isv_svn) == (7, 3)
    assert found.signed_on == date(2026, 6, 1)
    assert not found.allows_debug


def test_debugging_is_told() -> None:
    """Demanded by the attributes, or left open by the mask."""
    assert parse(signed(flags=EnclaveFlags(6))).allows_debug
    assert parse(signed(flags_mask=0xFFFF_FFFF_FFFF_FFFD)).allows_debug


def test_a_date_may_be_none() -> None:
    """The processor does not look at it."""
    assert parse(signed(date=0x2026_13_01)).signed_on is None
    assert parse(signed(date=0xABCD_EF01)).signed_on is None


@pytest.mark.parametrize(
    "at", [17, 20, 40, 200, 600, 900, 904, 912, 928, 944, 960, 1008, 1024, 1026]
)
def test_one_changed_byte_is_found(at: int) -> None:
    """Attack: another enclave, version, mask or key under the author's signature."""
    data = bytearray(signed(mr_enclave=ENCLAVE))
    data[at] ^= 0x04
    with pytest.raises((UnauthenticError, MalformedError)):
        verify(bytes(data))


@pytest.mark.parametrize("field", ["q1", "q2"])
def test_what_the_processor_computes_with_is_checked(field: str) -> None:
    """Attack: a structure that no processor accepts, but that looks signed."""
    assert verify(signed())
    with pytest.raises(UnauthenticError, match="Q1 and Q2"):
        verify(signed(**{field: b"\1" + bytes(383)}))


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "got 0 bytes, want 1808"),
        (signed(header=bytes(16)), "header"),
        (signed(header_2=bytes(16)), "header_2"),
        (signed(vendor=1), "vendor"),
        (signed(exponent=65537), "got 65537, want 3"),
        (signed(modulus=bytes(384)), "no modulus of RSA-3072"),
        (signed(modulus=b"\1" + bytes(299) + b"\x80" + bytes(83)), "bits, want 3072"),
    ],
)
def test_what_is_no_signature_is_refused(data: bytes, problem: str) -> None:
    """By name of what is wrong."""
    with pytest.raises(MalformedError, match=problem):
        verify(data)


def test_another_keys_signature_is_refused() -> None:
    """Attack: the modulus of an author whom people trust, over a signature of one's own."""
    other = rsa.generate_private_key(public_exponent=3, key_size=3072)
    modulus = author().public_key().public_numbers().n.to_bytes(384, "little")
    with pytest.raises(UnauthenticError, match="a signature of its key"):
        verify(signed(other, modulus=modulus))
