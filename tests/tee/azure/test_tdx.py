"""Azure bundles with TDX: their forms, and which of them are authentic."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
from typing import TYPE_CHECKING

import pytest

from enarx.errors import MalformedError, UnauthenticError
from enarx.tee.azure.technology import AZURE_SNP, AZURE_TDX
from enarx.tee.endorsements import Endorsements, TcbInfoNeed
from enarx.tee.simulated.tdx import TdGuest

if TYPE_CHECKING:
    from tests.tee.azure.conftest import Maker

    from enarx.tee.claims import Authentic


def verify(make: Maker, told: dict[str, object]) -> Authentic:
    """What the technology says, under the simulated roots."""
    evidence = AZURE_TDX.parse(make.data(told))
    return AZURE_TDX.authenticate(evidence, make.tdx.endorsements(), make.anchors, make.now)


def test_a_bundle_is_authentic(make: Maker) -> None:
    """Its claims are the quote's and the vTPM's, bound to the vTPM quote's nonce."""
    proof = verify(make, make.tdx_bundle())
    claims = proof.claims
    assert (claims.platform, claims.simulated) == ("azure-tdx", True)
    assert claims.report_data == make.nonce
    assert claims.measurements["mr_td"] == b"\x0f" * 48
    assert claims.measurements["pcr00"] == make.pcrs[0]
    assert claims.tcb.status == "UpToDate"
    assert claims.fields["azure.hcl_version"] == 2
    assert proof.chain[0].subject == "vTPM key (HCLAkPub)"


def test_both_encodings_hold_the_same(make: Maker) -> None:
    """Version 0 in arrays of numbers, and quotes of version 5."""
    told = make.tdx_bundle()
    quote = told["tpm_quote"]
    assert isinstance(quote, dict)
    first = {
        "tpm_quote": {
            "message": list(bytes.fromhex(quote["message"])),
            "pcrs": [list(pcr) for pcr in make.pcrs],
            "signature": list(bytes.fromhex(quote["signature"])),
        },
        "hcl_report": list(base64.urlsafe_b64decode(str(told["hcl_report"]))),
        "td_quote": list(base64.urlsafe_b64decode(str(told["td_quote"]))),
    }
    assert verify(make, first).claims.report_data == make.nonce
    newer = dataclasses.replace(make, tdx=dataclasses.replace(make.tdx, version=5))
    assert verify(newer, newer.tdx_bundle()).claims.report_data == make.nonce


def test_the_technologies_tell_each_others_bundles(make: Maker) -> None:
    """Each recognises its own, and refuses the other's."""
    snp, tdx = make.data(make.bundle()), make.data(make.tdx_bundle())
    assert (AZURE_SNP.recognises(snp), AZURE_SNP.recognises(tdx)) == (True, False)
    assert (AZURE_TDX.recognises(snp), AZURE_TDX.recognises(tdx)) == (False, True)
    with pytest.raises(MalformedError):
        AZURE_TDX.parse(snp)
    with pytest.raises(MalformedError):
        AZURE_SNP.parse(tdx)


def test_it_needs_what_the_quote_needs(make: Maker) -> None:
    """The PCK chain is inside; the collateral is missing."""
    evidence = AZURE_TDX.parse(make.data(make.tdx_bundle()))
    needs = AZURE_TDX.needs(evidence, Endorsements(), make.now)
    assert any(isinstance(need, TcbInfoNeed) for need in needs)
    assert AZURE_TDX.needs(evidence, make.tdx.endorsements(), make.now) == ()
    assert evidence.carried == evidence.hardware.carried


def test_a_report_of_another_domain_is_refused(make: Maker) -> None:
    """The quote must be of the report that the HCL report holds."""
    runtime = make.runtime()
    report = make.hcl(make.td_report(b"\1" * 64), runtime, kind=4)
    with pytest.raises(UnauthenticError, match="report of the paravisor"):
        verify(make, make.tdx_bundle(hcl_report=make.url(report)))


def test_other_runtime_data_are_refused(make: Maker) -> None:
    """Both reports must hold the hash of the runtime data."""
    told = make.tdx_bundle()
    runtime = make.runtime(user_data=...)
    report_data = hashlib.sha256(make.runtime()).digest().ljust(64, b"\0")
    report = make.hcl(make.td_report(report_data), runtime, kind=4)
    with pytest.raises(UnauthenticError, match="binding of the runtime data"):
        verify(make, {**told, "hcl_report": make.url(report)})


def test_what_fills_the_buffer_is_zero(make: Maker) -> None:
    """Behind a quote there may be zeros, and nothing else."""
    quote = make.tdx.quote(TdGuest(mr_td=bytes(48)), report_data=bytes(64))
    for wrong in (quote + b"\0\1", quote[:-1], quote[:100], b"\5\0", b""):
        with pytest.raises(MalformedError, match="td_quote"):
            AZURE_TDX.parse(make.data(make.tdx_bundle(td_quote=make.url(wrong))))


def test_a_quote_that_is_not_genuine_is_refused(make: Maker) -> None:
    """The quote must be authentic by the rules of TDX before anything else counts."""
    quote = bytearray(base64.urlsafe_b64decode(str(make.tdx_bundle()["td_quote"])))
    quote[200] ^= 1
    with pytest.raises(UnauthenticError, match="quote"):
        verify(make, make.tdx_bundle(td_quote=make.url(bytes(quote))))
