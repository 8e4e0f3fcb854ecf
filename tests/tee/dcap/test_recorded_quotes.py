"""Recorded quotes get their recorded verdicts and facts, under Intel's own key."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from enarx.errors import MalformedError, UnauthenticError
from enarx.tee.anchors import TrustAnchor
from enarx.tee.dcap.certification import PckNamed
from enarx.tee.dcap.enclave import EnclaveReport
from enarx.tee.dcap.pck import SGX_TYPES, is_pck, pck_identity
from enarx.tee.dcap.roots import ANCHORS
from enarx.tee.endorsements import Endorsements, IntelRootCrlNeed, PckCrlNeed, PckNeed
from enarx.tee.sgx import verify as sgx
from enarx.tee.sgx.technology import SGX
from enarx.tee.tdx import verify as tdx
from enarx.tee.tdx.report import TdReport
from enarx.tee.tdx.technology import TDX
from enarx.tee.x509 import load_certificate, subject_public_key_info
from enarx.wire.text import pem_blocks

if TYPE_CHECKING:
    from tests.tee.dcap.conftest import Recorded

SECOND = timedelta(seconds=1)
NO_STATUS = "TcbNotSupported"

TD_NAMES = {
    "tee_tcb_svn": "tee_tcb_svn", "mrseam": "mr_seam", "mrsignerseam": "mr_signer_seam",
    "seamattributes": "seam_attributes", "mrtd": "mr_td", "mrconfigid": "mr_config_id",
    "mrowner": "mr_owner", "mrownerconfig": "mr_owner_config", "rtmr0": "rtmr_0",
    "rtmr1": "rtmr_1", "rtmr2": "rtmr_2", "rtmr3": "rtmr_3", "reportdata": "report_data",
    "tee_tcb_svn2": "tee_tcb_svn2", "mrservicetd": "mr_servicetd",
}  # fmt: skip
ENCLAVE_NAMES = {
    "cpusvn": "cpu_svn", "isvextprodid": "isv_ext_prod_id", "mrenclave": "mr_enclave",
    "mrsigner": "mr_signer", "configid": "config_id", "isvfamilyid": "isv_family_id",
    "reportdata": "report_data",
}  # fmt: skip


def verifier(recorded: Recorded) -> Any:  # noqa: ANN401 - a module
    """The technology's ``verify``."""
    return tdx if recorded.technology is TDX else sgx


def at(text: str) -> datetime:
    """An instant of a manifest."""
    return datetime.fromisoformat(text)


def number(anything: int | str) -> int:
    """A number of a manifest, which may be hexadecimal."""
    return int(anything, 0) if isinstance(anything, str) else anything


# ── verdicts ─────────────────────────────────────────────────────────────────────────────────────


def test_every_evaluation_gets_its_verdict(recorded: tuple[Recorded, ...]) -> None:
    """Status, date, evaluation number and advisories, of the whole and of each part."""
    count = 0
    for one in recorded:
        evidence, name = one.technology.parse(one.quote), one.technology.name
        for want in one.evaluations:
            now = at(want["valid_at"])
            endorsements = one.endorsements(want["collateral"])
            claims = one.technology.authenticate(evidence, endorsements, ANCHORS, now).claims
            where, fields = f"{one.folder.name} {want['collateral']}", claims.fields
            count += 1
            assert claims.tcb.status == (want["final_status"] or NO_STATUS), where
            assert claims.tcb.date == (at(want["tcb_date"]) if want["tcb_date"] else None), where
            assert sorted(claims.tcb.advisories) == sorted(want["advisory_ids"]), where
            assert fields[f"{name}.tcb_info.eval_num"] == want["tcb_eval_number"], where
            assert fields[f"{name}.qe_tcb_status"] == want["qe_status"], where
            if want["final_status"]:
                assert fields[f"{name}.platform_tcb_status"] == want["platform_status"], where
                module = fields.get("tdx.module_tcb_status")
                assert module == want["tdx_module_status"], where
                assert fields.get("tdx.module_id") == want["tdx_module_id"], where
            else:
                assert fields[f"{name}.platform_tcb_status"] == NO_STATUS, where
            assert bool(claims.revocation.unchecked) is not want["complete"], where
            assert not claims.simulated
    print(f"{count} evaluations of {len(recorded)} recorded quotes")  # noqa: T201 - asked for
    assert count >= 74


def test_current_and_launch_status_are_told_apart(recorded: tuple[Recorded, ...]) -> None:
    """Reports of TDX 1.5 say what was launched and what runs now."""
    count = 0
    for one in recorded:
        for want in one.evaluations:
            if not want.get("current_status"):
                continue
            evidence = one.technology.parse(one.quote)
            given = one.endorsements(want["collateral"])
            authentic = one.technology.authenticate(evidence, given, ANCHORS, at(want["valid_at"]))
            assert authentic.claims.fields["tdx.current_tcb_status"] == want["current_status"]
            count += 1
    assert count >= 3


def test_every_verdict_has_its_time(recorded: tuple[Recorded, ...]) -> None:
    """A second outside of the recorded window, trusted collateral counts no more.

    Verified anew, the quote is refused, or the list that ended is reported for policy.
    """
    count = 0
    for one in recorded:
        evidence, verify = one.technology.parse(one.quote), verifier(one)
        for want in one.evaluations:
            given, now = one.endorsements(want["collateral"]), at(want["valid_at"])
            first, last = map(at, want["window"])
            trusted = verify.trust(evidence, given, ANCHORS, now)
            for inside in (first, now, last):
                assert verify.authenticate_with(evidence, trusted, inside).verified_at == inside
            assert verify.authenticate_with(evidence, trusted, now).not_after == last
            for outside in (first - SECOND, last + SECOND):
                with pytest.raises(UnauthenticError):
                    verify.authenticate_with(evidence, trusted, outside)
                assert refused_or_reported(one, given, outside)
            count += 1
    assert count >= 74


def refused_or_reported(one: Recorded, given: Endorsements, now: datetime) -> bool:
    """Whether a quote is refused at *now*, or a list is missed."""
    try:
        found = one.technology.authenticate(one.technology.parse(one.quote), given, ANCHORS, now)
    except UnauthenticError:
        return True
    return bool(found.claims.revocation.unchecked)


def test_all_sets_of_collateral_in_one_bag(recorded: tuple[Recorded, ...]) -> None:
    """Whatever else is in the bag, the current item with the highest number is found."""
    everything = Endorsements()
    for one in recorded:
        for want in one.evaluations:
            everything = everything + one.endorsements(want["collateral"])
    for one in recorded[::4]:
        for want in one.evaluations[-1:]:
            evidence, now = one.technology.parse(one.quote), at(want["valid_at"])
            claims = one.technology.authenticate(evidence, everything, ANCHORS, now).claims
            number = claims.fields[f"{one.technology.name}.tcb_info.eval_num"]
            assert isinstance(number, int)
            assert number >= want["tcb_eval_number"]


def test_recorded_collateral_is_all_that_is_needed(recorded: tuple[Recorded, ...]) -> None:
    """Nothing is asked for where a set is complete, and the missing list where it is not."""
    for one in recorded:
        evidence = one.technology.parse(one.quote)
        for want in one.evaluations:
            given = one.endorsements(want["collateral"])
            missing = one.technology.needs(evidence, given, at(want["valid_at"]))
            assert all(isinstance(need, PckCrlNeed) for need in missing)
            assert bool(missing) is not want["complete"]


def test_quotes_without_collateral_are_asked_for_it(recorded: tuple[Recorded, ...]) -> None:
    """Their chains hold; TCB info and QE identity are named as missing."""
    count = 0
    for one in recorded:
        if one.expected["verdict"] != "signature_and_chain_valid":
            continue
        evidence, now = one.technology.parse(one.quote), datetime.fromisoformat("2025-06-01T00Z")
        with pytest.raises(UnauthenticError) as refused:
            one.technology.authenticate(evidence, Endorsements(), ANCHORS, now)
        assert refused.value.step == "endorsements"
        assert len(refused.value.failures) == 2
        assert IntelRootCrlNeed() in one.technology.needs(evidence, Endorsements(), now)
        count += 1
    assert count >= 2


def test_quotes_that_only_name_their_certificate(recorded: tuple[Recorded, ...]) -> None:
    """Certification data of type 3: the certificate is asked for."""
    count = 0
    now = datetime.fromisoformat("2024-01-01T00Z")
    for one in recorded:
        evidence = one.technology.parse(one.quote)
        if not isinstance(evidence.quote.certification, PckNamed):
            continue
        (need,) = one.technology.needs(evidence, Endorsements(), now)
        assert isinstance(need, PckNeed)
        assert len(need.encrypted_ppid) == 384
        with pytest.raises(UnauthenticError, match="PCK certificate"):
            one.technology.authenticate(evidence, Endorsements(), ANCHORS, now)
        count += 1
    assert count >= 2


# ── facts ────────────────────────────────────────────────────────────────────────────────────────


def test_every_quote_says_what_was_recorded(recorded: tuple[Recorded, ...]) -> None:
    """Header, body, quoting enclave and certificate, field by field."""
    for one in recorded:
        evidence, want = one.technology.parse(one.quote), one.expected
        assert one.technology.recognises(one.quote)
        header, quote = want["header"], evidence.quote
        assert quote.header.version == header["version"]
        assert quote.header.att_key_type == header["att_key_type"]
        assert quote.header.user_data.hex() == header["user_data"]
        assert quote.header.vendor_id.hex() == header["qe_vendor_id"]
        if header["qe_svn"] is not None:
            assert quote.header.qe_svn == header["qe_svn"]
            assert quote.header.pce_svn == header["pce_svn"]
        assert quote.certification.type == want["cert_data_type"]
        check_enclave(quote.qe, want["qe_report"])
        if one.technology is TDX:
            check_domain(evidence.report, want["body"])
        else:
            check_enclave(evidence.report, want["body"])
        if "pck" in want:
            check_certificate(quote.carried.certificates, want["pck"])
    assert len(recorded) >= 42


def check_domain(report: TdReport, want: dict[str, Any]) -> None:
    """A trust domain's report says *want*."""
    for name, ours in TD_NAMES.items():
        if name in want:
            assert getattr(report, ours).hex() == want[name], name
    assert int(report.td_attributes).to_bytes(8, "little").hex() == want["tdattributes"]
    assert report.xfam.to_bytes(8, "little").hex() == want["xfam"]
    assert report.td_attributes.debug is want["debug"]
    assert report.td_attributes.sept_ve_disable is want["sept_ve_disable"]


def check_enclave(report: EnclaveReport, want: dict[str, Any]) -> None:
    """An enclave's report says *want*."""
    for name, ours in ENCLAVE_NAMES.items():
        assert getattr(report, ours).hex() == want[name], name
    attributes = int(report.flags).to_bytes(8, "little") + report.xfrm.to_bytes(8, "little")
    assert attributes.hex() == want["attributes"]
    numbers = ("isvprodid", "isvsvn", "configsvn", "cet_attributes", "miscselect")
    assert [number(want[name]) for name in numbers] == [
        report.isv_prod_id,
        report.isv_svn,
        report.config_svn,
        report.cet_attributes,
        report.misc_select,
    ]
    flags = report.flags
    assert [want[name] for name in ("debug", "mode64", "provision_key", "kss")] == [
        flags.debug,
        flags.mode64bit,
        flags.provision_key,
        flags.kss,
    ]


def check_certificate(certificates: tuple[bytes, ...], want: dict[str, Any]) -> None:
    """The PCK certificate among *certificates* says *want*."""
    (pck,) = (c for c in (load_certificate(d, "x") for d in certificates) if is_pck(c))
    found = pck_identity(pck, "PCK certificate")
    assert pck.subject.rfc4514_string() == want["subject"]
    assert pck.serial_number == number(want["serial"])
    assert [found.ppid.hex(), found.fmspc.hex(), found.pce_id.hex(), found.cpu_svn.hex()] == [
        want[name] for name in ("ppid", "fmspc", "pceid", "cpusvn")
    ]
    assert list(found.components) == want["comp"]
    assert (found.pce_svn, found.sgx_type) == (want["pcesvn"], SGX_TYPES[want["sgxtype"]])
    assert found.instance_id.hex() == want.get("piid", "")
    configuration = found.configuration
    if configuration is None:
        assert not want.get("config")
    else:
        assert want["config"] == {
            "1": configuration.dynamic_platform,
            "2": configuration.cached_keys,
            "3": configuration.smt,
        }


# ── whose quote, under which root ─────────────────────────────────────────────────────────────────


def test_quotes_are_of_one_technology(recorded: tuple[Recorded, ...]) -> None:
    """No quote is taken for the other technology's."""
    for one in recorded:
        other = SGX if one.technology is TDX else TDX
        assert not other.recognises(one.quote)
        with pytest.raises(MalformedError, match=r"got an? (SGX|TDX) quote"):
            other.parse(one.quote)


def test_intels_sample_is_accepted_under_its_own_root_only(shared: Path) -> None:
    """A complete set with another key under Intel's names: the key decides."""
    folder = shared / "vectors/intel-sample-root/sgx"
    expected = json.loads((folder / "manifest.json").read_text())["expected"]

    def read(name: str) -> bytes:
        return (folder / name).read_bytes()

    def certificates(*names: str) -> tuple[bytes, ...]:
        return tuple(der for name in names for _, der in pem_blocks(read(name), name))

    given = Endorsements(
        certificates=certificates("pckCert.pem", "pckSignChain.pem", "tcbSignChain.pem"),
        crls=(read("intermediateCaCrl.der"), read("rootCaCrl.der")),
        tcb_infos=(read("tcbInfo.json"),),
        qe_identities=(read("qeIdentity.json"),),
    )
    (root,) = certificates("trustedRootCaCert.pem")
    certificate = load_certificate(root, "sample root")
    sample = TrustAnchor(
        vendor="intel",
        name="Intel SGX Root CA",
        spki=subject_public_key_info(certificate),
        subject=certificate.subject.rfc4514_string(),
    )
    evidence, now = SGX.parse(read("quote.dat")), at(expected["valid_at"])
    check_enclave(evidence.report, expected["body"])
    claims = SGX.authenticate(evidence, given, (sample,), now).claims
    assert claims.tcb.status in ("UpToDate", "OutOfDate", "SWHardeningNeeded", NO_STATUS)
    assert claims.revocation.unchecked == ()
    assert SGX.authenticate(evidence, given, (*ANCHORS, sample), now).anchor == sample.name
    with pytest.raises(UnauthenticError, match="certificate chain"):
        SGX.authenticate(evidence, given, ANCHORS, now)
