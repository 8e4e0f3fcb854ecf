"""Azure bundles with SNP: their forms, and which of them are authentic."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from enarx.errors import MalformedError, RejectedError, UnauthenticError
from enarx.tee.azure.technology import AZURE_SNP
from enarx.tee.endorsements import AmdChainNeed, Endorsements, VekNeed

if TYPE_CHECKING:
    from tests.tee.azure.conftest import Maker

    from enarx.tee.claims import Authentic


def verify(make: Maker, told: dict[str, object] | bytes) -> Authentic:
    """What the technology says, under the simulated roots."""
    data = told if isinstance(told, bytes) else make.data(told)
    endorsements = make.machine.endorsements()
    chain = Endorsements(certificates=endorsements.certificates[1:], crls=endorsements.crls)
    return AZURE_SNP.authenticate(AZURE_SNP.parse(data), chain, make.anchors, make.now)


def test_a_bundle_is_authentic(make: Maker) -> None:
    """Its claims are the report's and the vTPM's, bound to the quote's nonce."""
    proof = verify(make, make.bundle())
    claims = proof.claims
    assert (claims.platform, claims.simulated, claims.debug) == ("azure-snp", True, False)
    assert claims.report_data == make.nonce
    assert claims.measurements["measurement"] == b"\x0e" * 48
    assert claims.measurements["pcr23"] == make.pcrs[23]
    assert claims.fields["snp.vmpl"] == 0
    assert claims.fields["azure.vm_configuration.secure-boot"] is True
    assert claims.fields["azure.tpm.nonce"] == make.nonce
    assert proof.chain[0].subject == "vTPM key (HCLAkPub)"
    assert len(proof.chain) == 4
    assert proof.anchor == "SIMULATED ARK-Genoa"


def test_every_form_holds_the_same(make: Maker) -> None:
    """Versions 0 to 2, with or without wrapper and padding."""
    bare = {
        name: told.rstrip("=") if isinstance(told, str) else told
        for name, told in make.bundle().items()
    }
    forms = (
        make.first(),
        make.bundle(version=2),
        bare,
        {"platform": "az-snp", "evidence": make.bundle()},
    )
    for told in forms:
        data = make.data(told)
        assert AZURE_SNP.recognises(data)
        assert verify(make, data).claims.report_data == make.nonce


def test_evidence_shows_all_its_fields(make: Maker) -> None:
    """The hardware's first, then the bundle's, unproven; it carries the VCEK."""
    vcek = make.machine.certificates()[0]
    found = AZURE_SNP.parse(make.data(make.bundle(vcek=make.url(vcek))))
    names = list(found.fields())
    assert names.index("snp.measurement") < names.index("azure.bundle_version")
    assert found.carried.certificates == (vcek,)


def test_it_needs_what_the_report_needs(make: Maker) -> None:
    """The VCEK is inside, so the chain is missing."""
    found = AZURE_SNP.parse(make.data(make.bundle()))
    needs = AZURE_SNP.needs(found, Endorsements(), make.now)
    assert any(isinstance(need, AmdChainNeed) for need in needs)
    assert not any(isinstance(need, VekNeed) for need in needs)


def test_a_report_of_the_guests_own_is_refused(make: Maker) -> None:
    """Only VMPL 0 is the paravisor's: what runs above could have anything hashed."""
    runtime = make.runtime()
    report = make.snp_report(runtime, vmpl=2)
    with pytest.raises(UnauthenticError, match=r"snp.vmpl: got 2, want 0"):
        verify(make, make.bundle(hcl_report=make.url(make.hcl(report, runtime))))


def test_other_runtime_data_are_refused(make: Maker) -> None:
    """The report must hold their hash, and nothing else."""
    runtime = make.runtime()
    report = make.snp_report(runtime)
    other = make.hcl(report, make.runtime(user_data=...))
    more = make.hcl(make.snp_report(runtime, report_data=b"\1" * 64), runtime)
    for report in (other, more):
        with pytest.raises(UnauthenticError, match="binding of the runtime data"):
            verify(make, make.bundle(hcl_report=make.url(report)))


def test_a_quote_of_another_key_is_refused(make: Maker) -> None:
    """Only the vTPM whose key the paravisor named signs for this machine."""
    message = make.message()
    stranger = rsa.generate_private_key(65_537, 2048)
    signature = stranger.sign(message, padding.PKCS1v15(), hashes.SHA256()).hex()
    with pytest.raises(UnauthenticError, match=r"azure.tpm.signature"):
        verify(make, make.bundle(tpm_quote=make.quote(message, signature=signature)))


def test_other_registers_are_refused(make: Maker) -> None:
    """The registers beside the quote must have its digest, in their order."""
    swapped = (make.pcrs[1], make.pcrs[0], *make.pcrs[2:])
    with pytest.raises(UnauthenticError, match=r"azure.tpm.pcr_digest"):
        verify(make, make.bundle(tpm_quote=make.quote(make.message(), pcrs=swapped)))


def test_from_version_2_the_nonce_is_in_the_report(make: Maker) -> None:
    """Another nonce, a longer one, or none at all in the user data is refused."""
    for user_data in ("00" * 64, (make.nonce + b"\1").ljust(64, b"\0").hex(), ...):
        runtime = make.runtime(user_data=user_data)
        report = make.url(make.hcl(make.snp_report(runtime), runtime))
        with pytest.raises(UnauthenticError, match="binding of the nonce"):
            verify(make, make.bundle(version=2, hcl_report=report))
        assert verify(make, make.bundle(hcl_report=report))


def test_hardware_that_is_not_genuine_is_refused(make: Maker) -> None:
    """The report must be authentic by the rules of SNP before anything else counts."""
    runtime = make.runtime()
    report = bytearray(make.snp_report(runtime))
    report[0x90] ^= 1
    with pytest.raises(UnauthenticError, match="report signature"):
        verify(make, make.bundle(hcl_report=make.url(make.hcl(bytes(report), runtime))))


def test_another_bundle_is_refused(make: Maker) -> None:
    """Unknown, missing and damaged parts, and parts of other hardware, are malformed."""
    runtime = make.runtime()
    others: tuple[tuple[dict[str, object], str], ...] = (
        (make.bundle(version=3), "version: got 3, want 1 to 2"),
        (make.bundle(more=1), "unknown key 'more'"),
        (make.bundle(vcek=...), "key 'vcek' is missing"),
        (make.bundle(vcek="AA="), "wrong padding"),
        (make.bundle(vcek="A+=="), "not"),
        (make.bundle(td_quote=""), "unknown key 'td_quote'"),
        (make.bundle(hcl_report=make.url(make.hcl(b"", runtime, kind=4))), "an HCL report of tdx"),
        (make.bundle(tpm_quote=make.quote(make.message(), more=1)), "unknown key 'more'"),
        (make.bundle(tpm_quote=make.quote(make.message(), signature="0")), "not hexadecimal"),
        (make.bundle(tpm_quote=make.quote(make.message(), pcrs=[b""] * 33)), "want at most 32"),
        (make.first(more=1), "unknown key 'more'"),
        (make.first(report="x"), "want an array of at most"),
        (make.first(report=[0] * 70_000), "want an array of at most"),
        (make.first(report=[256]), "got 256, want numbers"),
        (make.first(report=[True]), "got True, want numbers"),
        (make.first(vcek="ä"), "vcek: not ASCII"),
        (make.first(vcek=""), "want one PEM block"),
        (make.first(vcek="-----BEGIN X-----\n-----END X-----\n"), "want one PEM block"),
        ({"platform": "az-tdx", "evidence": make.bundle()}, "platform"),
        ({"platform": "az-snp", "evidence": make.bundle(), "more": 1}, "unknown key 'more'"),
        ({"platform": "az-snp", "evidence": []}, "got an array"),
        ({}, "is missing"),
    )
    for told, problem in others:
        with pytest.raises(MalformedError) as caught:
            AZURE_SNP.parse(make.data(told))
        assert problem in str(caught.value)
    with pytest.raises(MalformedError, match="want at most"):
        AZURE_SNP.parse(b"{" + b" " * (1 << 20))


def test_a_key_that_occurs_twice_is_refused(make: Maker) -> None:
    """In the bundle as in the runtime data."""
    data = make.data(make.bundle())
    with pytest.raises(MalformedError, match="occurs twice"):
        AZURE_SNP.parse(data[:-1] + b', "version": 1}')
    runtime = make.runtime()[:-1] + b', "user-data": ""}'
    report = make.hcl(make.snp_report(runtime), runtime)
    with pytest.raises(MalformedError, match="occurs twice"):
        AZURE_SNP.parse(make.data(make.bundle(hcl_report=make.url(report))))


def test_other_data_is_not_recognised() -> None:
    """Neither another JSON object nor anything else looks like a bundle."""
    for data in (b"", b"{}", b'{"vcek":1}', b'["quote","report","vcek"]', b'{"hcl_report":1}'):
        assert not AZURE_SNP.recognises(data)


NAMES = ["version", "tpm_quote", "hcl_report", "vcek", "quote", "report", "platform", "evidence"]
INNER = ["message", "signature", "pcrs"]
WHOLE = {
    "version": 1,
    "tpm_quote": {"signature": "", "message": "ff54434780180000", "pcrs": ["00" * 32]},
    "hcl_report": "SENMQQEAAAA",
    "vcek": "",
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(NAMES + INNER), inner, max_size=6)
    ),
    max_leaves=10,
)


@settings(max_examples=80)
@given(st.dictionaries(st.sampled_from(NAMES), JSON))
def test_nested_junk_raises_only_our_error(value: dict[str, object]) -> None:
    """Anything in the places of a bundle is evidence or MalformedError."""
    for told in (value, {**WHOLE, **value}):
        with suppress(MalformedError):
            AZURE_SNP.parse(json.dumps(told).encode())


@pytest.mark.slow
def test_every_bit_flip_of_a_signed_part_is_refused(make: Maker) -> None:
    """No bit of the report, the runtime data, the quote or its registers can change.

    The header, lengths and zeros around them are fixed by their shape.
    """
    told = make.bundle()
    certificate = make.machine.endorsements()
    report = base64.urlsafe_b64decode(str(told["hcl_report"]))
    for bit in range(8 * len(report)):
        flipped = bytearray(report)
        flipped[bit // 8] ^= 1 << bit % 8
        if bit // 8 == 4 and flipped[4] in (1, 2):
            continue  # the header's version: 1 and 2 mean the same
        data = make.data({**told, "hcl_report": make.url(bytes(flipped))})
        with pytest.raises(RejectedError):
            AZURE_SNP.authenticate(AZURE_SNP.parse(data), certificate, make.anchors, make.now)
