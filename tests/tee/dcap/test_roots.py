"""Intel's pinned root."""

from __future__ import annotations

from pathlib import Path

from cryptography import x509

from enarx.tee.dcap.roots import ANCHORS, INTEL_SGX_ROOT

SHA256 = "a0af031289f5d5d4132f9186068a7fc13628633ba235777472e29b6b6c67a49e"
"""Of the key that Intel, Open Enclave and dcap-rs publish (``roots``)."""


def test_the_key_is_the_published_one() -> None:
    """One anchor, Intel's and no simulation, by the fingerprint of its key."""
    assert ANCHORS == (INTEL_SGX_ROOT,)
    assert INTEL_SGX_ROOT.sha256.hex() == SHA256
    assert (INTEL_SGX_ROOT.vendor, INTEL_SGX_ROOT.simulated) == ("intel", False)


def test_both_editions_of_the_certificate_are_of_it(shared: Path) -> None:
    """Trap: the recorded certificates of the root have one name and one key."""
    recorded = (shared / "vectors/roots/intel-sgx-root-ca.der").read_bytes()
    assert INTEL_SGX_ROOT.is_key_of(x509.load_der_x509_certificate(recorded))
    editions = set()
    for path in sorted((shared / "vectors/sgx").glob("*/quote.bin")):
        for pem in path.read_bytes().split(b"-----BEGIN CERTIFICATE-----")[1:]:
            block = b"-----BEGIN CERTIFICATE-----" + pem.partition(b"-----END")[0]
            found = x509.load_pem_x509_certificate(block + b"-----END CERTIFICATE-----")
            if found.issuer == found.subject:
                assert INTEL_SGX_ROOT.is_key_of(found)
                editions.add(found.not_valid_after_utc.year)
    assert editions == {2033, 2049}
