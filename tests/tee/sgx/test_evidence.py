"""SGX quotes as evidence: what is one, and what its fields are called."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from enarx.errors import MalformedError
from enarx.tee.sgx.evidence import parse
from enarx.tee.sgx.technology import SGX

if TYPE_CHECKING:
    from tests.tee.conftest import QuoteForge


@pytest.mark.parametrize("version", [3, 4, 5])
def test_sgx_quotes_of_every_version(sgx_forge: QuoteForge, version: int) -> None:
    """The enclave's report is the same in all of them."""
    raw = replace(sgx_forge, version=version).make()
    assert SGX.recognises(raw)
    evidence = SGX.parse(raw)
    assert evidence.report.mr_enclave == b"e" * 32
    assert evidence.raw == raw
    assert evidence.carried == evidence.quote.carried
    assert evidence.fields()["sgx.header.version"] == version


def test_a_tdx_quote_is_none(tdx_forge: QuoteForge) -> None:
    """It is told whose it is, in every version."""
    for version in (4, 5):
        raw = replace(tdx_forge, version=version).make()
        assert not SGX.recognises(raw)
        with pytest.raises(MalformedError, match="got a TDX quote"):
            parse(raw)


def test_reserved_bytes_of_the_report_are_zero(sgx_forge: QuoteForge) -> None:
    """A signed report of a layout that is not known is malformed."""
    body = bytearray(sgx_forge.body)
    body[100] = 1
    with pytest.raises(MalformedError, match=r"quote\.body\.reserved_96"):
        parse(replace(sgx_forge, body=bytes(body)).make())


def test_fields_have_trustees_names(sgx_forge: QuoteForge) -> None:
    """Identity and attributes under the names that policies of others use."""
    fields = parse(sgx_forge.make()).fields()
    assert fields["sgx.header.qe_svn"] == 8
    assert fields["sgx.header.pce_svn"] == 13
    assert "sgx.header.tee_type" not in fields
    assert fields["sgx.body.mr_enclave"] == b"e" * 32
    assert fields["sgx.body.isv_prod_id"] == 0
    assert fields["sgx.body.attributes.flags"] == bytes.fromhex("0500000000000000")
    assert fields["sgx.body.attributes.xfrm"] == bytes.fromhex("e700000000000000")
    assert fields["sgx.attributes.debug"] is False
    assert fields["sgx.attributes.mode64bit"] is True
    assert not any("reserved" in name for name in fields)
    assert len(dict(fields)) == len(fields) > 20
