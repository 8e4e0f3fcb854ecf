"""Certification data: each type by its layout, chains in both encodings."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.errors import MalformedError
from enarx.tee.dcap.certification import (
    MAX_CERTIFICATES,
    PckGiven,
    PckNamed,
    PlatformManifest,
    parse_certification,
)
from enarx.tee.simulated.machine import IntelMachine
from enarx.wire.text import to_pem

CPU_SVN = bytes(range(16))
TAIL = CPU_SVN + b"\x0d\x01" + b"\x34\x12"


@pytest.fixture(scope="session")
def chain(simulated_intel: IntelMachine) -> tuple[bytes, ...]:
    """PCK certificate, authority and root, DER."""
    return simulated_intel.certificates()


def parsed(kind: int, data: bytes) -> PckNamed | PckGiven | PlatformManifest:
    """*data* as certification data."""
    return parse_certification(kind, data, "c")


@pytest.mark.parametrize(
    ("kind", "data", "want"),
    [
        (1, b"p" * 16 + TAIL, {"ppid": b"p" * 16, "pce_id": b"\x34\x12"}),
        (1, b"p" * 16 + TAIL[:-2], {"ppid": b"p" * 16}),
        (2, b"e" * 256 + TAIL, {"encrypted_ppid": b"e" * 256, "pce_id": b"\x34\x12"}),
        (3, b"e" * 384 + TAIL, {"encrypted_ppid": b"e" * 384, "pce_id": b"\x34\x12"}),
    ],
    ids=["clear", "clear without PCE-ID, as Intel's sample", "RSA-2048", "RSA-3072"],
)
def test_certificates_that_are_named(kind: int, data: bytes, want: dict[str, bytes]) -> None:
    """Types 1 to 3 name platform and SVNs; numbers are little-endian."""
    named = PckNamed(type=kind, cpu_svn=CPU_SVN, pce_svn=0x10D, **want)
    assert parsed(kind, data) == named
    for wrong in (data[:-1], data + b"\0", b""):
        with pytest.raises(MalformedError):
            parsed(kind, wrong)


def test_a_platform_manifest_is_kept() -> None:
    """Type 7 is opaque."""
    assert parsed(7, b"manifest") == PlatformManifest(type=7, manifest=b"manifest")


def test_chains_in_either_encoding_and_any_order(chain: tuple[bytes, ...]) -> None:
    """PEM, with the terminator that Intel's library counts, and DER give the same certificates."""
    for order in (chain, chain[::-1], (chain[0], chain[2], chain[1]), chain[:1]):
        pem = b"".join(to_pem("CERTIFICATE", der) for der in order)
        want = PckGiven(type=5, certificates=order)
        assert parsed(5, pem) == want
        assert parsed(5, pem + b"\0") == want
        assert parsed(5, b"".join(order)) == want


def test_one_certificate_alone(chain: tuple[bytes, ...]) -> None:
    """Type 4 has exactly one."""
    for data in (chain[0], to_pem("CERTIFICATE", chain[0])):
        assert parsed(4, data) == PckGiven(type=4, certificates=chain[:1])
    for data in (chain[0] + chain[1], to_pem("CERTIFICATE", chain[0]) * 2):
        with pytest.raises(MalformedError, match=r"want 1 to 1|more than 1"):
            parsed(4, data)


def test_chains_are_short(chain: tuple[bytes, ...]) -> None:
    """At most eight certificates are split off, and none is not a chain."""
    pem = to_pem("CERTIFICATE", chain[2])
    whole = parsed(5, pem * MAX_CERTIFICATES)
    assert isinstance(whole, PckGiven)
    assert len(whole.certificates) == MAX_CERTIFICATES
    for data in (pem * (MAX_CERTIFICATES + 1), chain[2] * (MAX_CERTIFICATES + 1), b""):
        with pytest.raises(MalformedError, match=r"more than 8|want 1 to 8"):
            parsed(5, data)


@pytest.mark.parametrize("label", ["PUBLIC KEY", "X509 CRL"])
def test_other_pem_is_refused(chain: tuple[bytes, ...], label: str) -> None:
    """A chain has certificates only."""
    with pytest.raises(MalformedError, match=label):
        parsed(5, to_pem(label, chain[0]))


def test_bytes_behind_a_der_chain_are_refused(chain: tuple[bytes, ...]) -> None:
    """What is not DER to its end is no chain."""
    for tail in (b"\0", b"x", chain[0][:-1]):
        with pytest.raises(MalformedError):
            parsed(5, b"".join(chain) + tail)


@given(st.sampled_from([*range(9)]), st.binary(max_size=500))
def test_junk_is_malformed_or_kept(kind: int, junk: bytes) -> None:
    """Whatever arrives ends in a value or in the one error."""
    with contextlib.suppress(MalformedError):
        parsed(kind, junk)
