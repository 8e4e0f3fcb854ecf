"""Endorsements are recognised by what they are; everything else is refused with our error."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.adapters.endorsement_content import recognise
from enarx.errors import MalformedError
from enarx.tee.endorsements import Endorsements

if TYPE_CHECKING:
    from enarx.tee.simulated.snp import SimulatedSnp
    from enarx.tee.simulated.tdx import SimulatedTdx


def pem(label: str, der: bytes) -> bytes:
    """A PEM block."""
    text = base64.encodebytes(der).decode()
    return f"-----BEGIN {label}-----\n{text}-----END {label}-----\n".encode()


def test_each_form_of_a_certificate_and_a_list_is_recognised(snp: SimulatedSnp) -> None:
    """DER, PEM and hexadecimal are the same endorsement."""
    certificate, crl = snp.certificates()[0], snp.crl()
    for data, label, found in (
        (certificate, "CERTIFICATE", Endorsements(certificates=(certificate,))),
        (crl, "X509 CRL", Endorsements(crls=(crl,))),
    ):
        assert recognise(data, "file") == (found, ())
        assert recognise(pem(label, data), "file") == (found, ())
        assert recognise(data.hex().upper().encode() + b"\n", "file") == (found, ())


def test_collateral_keeps_its_exact_bytes(tdx: SimulatedTdx) -> None:
    """A signature covers them: also a line break behind them stays."""
    bag = tdx.endorsements()
    for end in (b"", b"\n"):
        info, identity = bag.tcb_infos[0] + end, bag.qe_identities[0] + end
        assert recognise(info, "file")[0] == Endorsements(tcb_infos=(info,))
        assert recognise(identity, "file")[0] == Endorsements(qe_identities=(identity,))


def test_one_file_may_hold_many(snp: SimulatedSnp) -> None:
    """A chain with a list is taken whole; a key in it is left out and named."""
    bag = snp.endorsements()
    data = b"".join(pem("CERTIFICATE", der) for der in bag.certificates)
    data += pem("X509 CRL", bag.crls[0])
    found, notes = recognise(data + pem("PRIVATE KEY", b"secret"), "chain.pem")
    assert found == bag
    assert notes == ("chain.pem: PEM block 'PRIVATE KEY' is not an endorsement",)


def test_a_damaged_block_beside_good_ones_is_named(snp: SimulatedSnp) -> None:
    """What can be read is used."""
    certificate = snp.certificates()[0]
    data = pem("CERTIFICATE", certificate[:-1]) + pem("CERTIFICATE", certificate)
    found, [note] = recognise(data, "chain.pem")
    assert found.certificates == (certificate,)
    assert "not a certificate" in note


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "not an endorsement"),
        (b"\x02\0\0\0" * 296, "not an endorsement"),
        (b"a,b\n1,2\n", "not an endorsement"),
        (b"# README\n", "not an endorsement"),
        (b"\0\x30", "not an endorsement"),
        (b"11ff", "not an endorsement"),
        (b"\x30\x03\x02\x01\x05", "neither a certificate nor a CRL"),
        (b"30030201" * 8, "neither a certificate nor a CRL"),
        (b"{}", "no TCB info, QE identity or bundle"),
        (b'{"tcbInfo":{}}', "no TCB info, QE identity or bundle"),
        (b'{"tcbInfo":{},"signature":"","more":1}', "no TCB info, QE identity or bundle"),
        (b'{"tcbInfo":{},"tcbInfo":{},"signature":""}', "a key occurs twice"),
        (b"{", "is not JSON"),
        (b"{" * 100_000, "is not JSON"),
        (b'{"a":' + b"[" * 100_000, "is nested too deeply"),
        (b'{"\xff":1}', "is not UTF-8"),
        (pem("PRIVATE KEY", b"secret"), "PEM block 'PRIVATE KEY' is not an endorsement"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA", "has no end"),
        (pem("CERTIFICATE", b"junk"), "not a certificate"),
        (pem("X509 CRL", b"junk"), "neither a certificate nor a CRL"),
    ],
    ids=lambda value: value[:20] if isinstance(value, bytes) else "",
)
def test_what_is_no_endorsement_is_refused(data: bytes, problem: str) -> None:
    """The error names the file and what is wrong, and does not show what may be a secret."""
    with pytest.raises(MalformedError) as caught:
        recognise(data, "file")
    assert problem in caught.value.problem
    assert caught.value.where.startswith("file")
    assert "secret" not in str(caught.value)


def test_one_byte_more_or_less_is_no_certificate(snp: SimulatedSnp) -> None:
    """Nothing may follow, nothing may be missing."""
    for der in (snp.certificates()[0], snp.crl()):
        for damaged in (der[:-1], der + b"\0"):
            with pytest.raises(MalformedError):
                recognise(damaged, "file")


def test_json_larger_than_any_collateral_is_refused(tdx: SimulatedTdx) -> None:
    """Sizes are bounded before the rest is looked at."""
    with pytest.raises(MalformedError, match="want at most"):
        recognise(tdx.endorsements().tcb_infos[0] + b" " * 2**20, "file")


@given(st.binary(max_size=200), st.sampled_from([b"", b"0", b"{", b"-----BEGIN ", b"[", b"30"]))
def test_junk_ends_in_our_error(data: bytes, head: bytes) -> None:
    """Whatever a file holds: endorsements or MalformedError."""
    try:
        found, _ = recognise(head + data, "file")
    except MalformedError:
        return
    assert found
