"""TDX quotes as evidence: what is one, and what its fields are called."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from enarx.errors import MalformedError
from enarx.tee.simulated.tdx import SimulatedTdx, TdGuest
from enarx.tee.tdx.evidence import parse
from enarx.tee.tdx.report import TdReport10, TdReport15, TdReport15Ex
from enarx.tee.tdx.technology import TDX

if TYPE_CHECKING:
    from tests.tee.conftest import QuoteForge

LAYOUTS = {584: TdReport10, 648: TdReport15, 885: TdReport15Ex}


def test_the_body_is_read_by_its_layout(tdx_forge: QuoteForge) -> None:
    """Version 4 has one layout, version 5 says which."""
    evidence = parse(tdx_forge.make())
    assert isinstance(evidence.report, TdReport10)
    for size, cls in LAYOUTS.items():
        body = tdx_forge.body.ljust(size, b"x")
        raw = replace(tdx_forge, version=5, body=body).make()
        evidence = parse(raw)
        assert isinstance(evidence.report, cls)
        assert evidence.raw == raw
        assert evidence.carried == evidence.quote.carried
        assert evidence.report.mr_td == b"m" * 48


def test_an_sgx_quote_is_none(sgx_forge: QuoteForge) -> None:
    """It is told whose it is, in every version."""
    for version in (3, 4, 5):
        raw = replace(sgx_forge, version=version).make()
        assert not TDX.recognises(raw)
        with pytest.raises(MalformedError, match="got an SGX quote"):
            parse(raw)


def test_fields_have_trustees_names(simulated_tdx: SimulatedTdx) -> None:
    """Measurements and attributes under the names that policies of others use, as bytes."""
    guest = TdGuest(mr_td=b"m" * 48, mr_config_id=b"c" * 48, mr_servicetd=b"s" * 48)
    report = replace(simulated_tdx, version=5).quote(guest, report_data=b"d" * 64)
    assert TDX.recognises(report)
    fields = TDX.parse(report).fields()
    body = "tdx.quote.body"
    assert fields["tdx.quote.header.version"] == 5
    assert fields["tdx.quote.header.tee_type"] == 0x81
    assert fields["tdx.quote.body_type"] == 3
    assert fields[f"{body}.mr_td"] == b"m" * 48
    assert fields[f"{body}.mr_config_id"] == b"c" * 48
    assert fields[f"{body}.mr_servicetd"] == b"s" * 48
    assert fields[f"{body}.tcb_svn"] == fields[f"{body}.tee_tcb_svn2"]
    assert fields[f"{body}.mrsigner_seam"] == bytes(48)
    assert fields[f"{body}.td_attributes"] == bytes.fromhex("0000001000000000")
    assert fields[f"{body}.xfam"] == bytes.fromhex("e700060000000000")
    assert fields["tdx.td_attributes.sept_ve_disable"] is True
    assert fields["tdx.td_attributes.debug"] is False
    assert fields["tdx.td_attributes.unknown"] == 0
    assert not any("reserved" in name for name in fields)
    assert not any("verdict" in name or name == "tdx.tcb_status" for name in fields)


def test_fields_are_a_mapping_of_values(tdx_forge: QuoteForge) -> None:
    """Every name has a value, unknown names have none, and the whole can be shown."""
    fields = parse(tdx_forge.make()).fields()
    assert len(fields) == len(list(fields)) == len(dict(fields)) > 30
    assert next(iter(fields)) == "tdx.quote.header.version"
    assert "tdx.quote.body.mr_servicetd" not in fields
    with pytest.raises(KeyError):
        fields["tdx.quote.body.mr_servicetd"]
    assert repr(fields).startswith("Fields({'tdx.quote.header.version': 4")
