"""Recorded bundles and parts of Azure machines get their recorded verdicts."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from enarx.errors import MalformedError, RejectedError
from enarx.tee.azure import hcl, runtime, tpm
from enarx.tee.azure.technology import AZURE_SNP, AZURE_TDX
from enarx.tee.dcap.roots import INTEL_SGX_ROOT
from enarx.tee.endorsements import Endorsements
from enarx.tee.snp.roots import AMD_ROOTS
from enarx.wire.reader import Reader
from enarx.wire.text import pem_blocks

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def certificates(path: Path) -> tuple[bytes, ...]:
    """The certificates of a PEM file."""
    return tuple(der for _, der in pem_blocks(path.read_bytes(), path.name))


def bundles(shared: Path, vendor: str) -> list[tuple[Path, dict[str, Any]]]:
    """Every recorded bundle of *vendor*'s folder, with what is expected of it."""
    return [
        (path.parent / name, facts)
        for path in sorted((shared / "vectors" / vendor).glob("*/manifest.json"))
        for name, facts in (json.loads(path.read_text())["expected"].get("azure") or {}).items()
        if name.startswith("evidence")
    ]


def test_every_bundle_of_snp_is_authentic(shared: Path) -> None:
    """All are, with the recorded nonce and configuration, and the chain beside them."""
    found = bundles(shared, "snp")
    for path, want in found:
        data = path.read_bytes()
        assert AZURE_SNP.recognises(data)
        assert not AZURE_TDX.recognises(data)
        chain = Endorsements(certificates=certificates(path.parent / "ca_chain.pem"))
        claims = AZURE_SNP.authenticate(AZURE_SNP.parse(data), chain, AMD_ROOTS, NOW).claims
        assert claims.report_data.hex() == want["tpm_nonce"]
        assert not claims.simulated
        assert [name for name in claims.measurements if name.startswith("pcr")] == [
            f"pcr{i:02}" for i in want["pcr_selection"][0][1]
        ]
        assert claims.fields["azure.hcl_version"] == want["version"]
        for name, value in want["vm_configuration"].items():
            assert claims.fields[f"azure.vm_configuration.{name}"] == value
    print(f"{len(found)} recorded Azure bundles with SNP")  # noqa: T201 - the count is asked for
    assert len(found) >= 4


def test_every_bundle_of_tdx_is_authentic(shared: Path) -> None:
    """All are, with every recorded set of collateral, at its time, with its TCB status."""
    count = 0
    for path, want in bundles(shared, "tdx"):
        data = path.read_bytes()
        evidence = AZURE_TDX.parse(data)
        assert AZURE_TDX.recognises(data)
        expected = json.loads((path.parent / "manifest.json").read_text())["expected"]
        for evaluation in expected["evaluations"]:
            folder = path.parent / evaluation["collateral"]
            collateral = Endorsements(
                certificates=(
                    *certificates(folder / "tcb_signing_chain.pem"),
                    *certificates(folder / "pck_crl_issuer_chain.pem"),
                ),
                crls=tuple(
                    (folder / name).read_bytes() for name in ("pck_crl.der", "root_ca_crl.der")
                ),
                tcb_infos=((folder / "tcb_info.json").read_bytes(),),
                qe_identities=((folder / "qe_identity.json").read_bytes(),),
            )
            now = datetime.fromisoformat(evaluation["valid_at"])
            claims = AZURE_TDX.authenticate(evidence, collateral, (INTEL_SGX_ROOT,), now).claims
            assert claims.tcb.status == evaluation["final_status"]
            assert claims.report_data.hex() == want["tpm_nonce"]
            assert claims.measurements["mr_td"].hex() == expected["body"]["mrtd"]
            count += 1
    print(f"{count} evaluations of recorded Azure bundles with TDX")  # noqa: T201 - likewise
    assert count >= 4


def test_every_hcl_report_binds_its_runtime_data(shared: Path) -> None:
    """Reports that were recorded alone come apart as recorded, and their hashes fit."""
    paths = sorted((shared / "vectors").glob("*/*/hcl-report.bin"))
    for path in paths:
        report = hcl.parse(path.read_bytes())
        (want,) = (
            facts
            for name, facts in json.loads((path.parent / "manifest.json").read_text())["expected"][
                "azure"
            ].items()
            if name == path.name
        )
        assert (report.version, report.kind.upper()) == (want["version"], want["report_type"])
        found = runtime.parse(report.runtime_data)
        assert found.user_data.hex() == want["user_data"]
        assert dict(found.configuration) == want["vm_configuration"]
        digest = hashlib.sha256(report.runtime_data).digest().ljust(64, b"\0")
        held = report.hardware[0x50:0x90] if report.kind == "snp" else report.td_report_data
        assert held == digest
    assert len(paths) >= 3


def serialized(data: bytes) -> tuple[bytes, bytes, list[bytes]]:
    """Signature, message and registers of a quote in the form of Trustee's ``tpm-quote.bin``."""
    reader = Reader(data, "quote")
    signature = reader.sized(8, "signature", most=1024)
    message = reader.sized(8, "message", most=1024)
    values = [reader.take(32, "pcr") for _ in range(reader.uint(8, "count"))]
    reader.end()
    return signature, message, values


def test_every_quote_is_of_the_key_beside_it(shared: Path) -> None:
    """Quotes that were recorded alone are signed by the vTPM of the HCL report beside them."""
    count = 0
    for path in sorted((shared / "vectors").glob("*/*/tpm-quote-v1.json")):
        report = hcl.parse((path.parent / "hcl-report.bin").read_bytes())
        key = runtime.parse(report.runtime_data).key
        told = json.loads(path.read_text())
        values = [bytes.fromhex(value) for value in told["pcrs"]]
        forms = [(bytes.fromhex(told["signature"]), bytes.fromhex(told["message"]), values)]
        forms += [serialized(p.read_bytes()) for p in path.parent.glob("tpm-quote*.bin")]
        for signature, message, pcrs in forms:
            quote = tpm.parse(message, signature, pcrs, "quote")
            assert quote.is_signed_by(key)
            assert quote.digest_of_pcrs() == quote.pcr_digest
            assert quote.extra_data == b"challenge"
            count += 1
    print(f"{count} recorded quotes of vTPMs")  # noqa: T201 - the count is asked for
    assert count >= 4


def test_a_quote_of_another_vtpm_is_told_apart(shared: Path) -> None:
    """One quote was recorded without its machine; it selects nine registers."""
    folder = shared / "vectors/snp/milan-v2-azure-hcl"
    key = runtime.parse(hcl.parse((folder / "hcl-report.bin").read_bytes()).runtime_data).key
    message = (folder / "tpm-quote.msg").read_bytes()
    signature = (folder / "tpm-quote.sig").read_bytes()
    quote = tpm.parse(message, signature, [bytes(32)] * 9, "quote")
    assert list(quote.pcrs) == [0, 1, 2, 3, 4, 5, 6, 7, 14]
    assert not quote.is_signed_by(key)
    with pytest.raises(MalformedError, match="got 24 values for 9 selected registers"):
        tpm.parse(message, signature, [bytes(32)] * 24, "quote")


@pytest.mark.slow
def test_no_bit_of_a_recorded_quote_can_change(shared: Path) -> None:
    """Every flip of the vTPM's message, signature and registers in a recorded bundle is refused."""
    folder = shared / "vectors/snp/milan-v3-azure-coco-v1"
    told = json.loads((folder / "evidence.json").read_text())
    chain = Endorsements(certificates=certificates(folder / "ca_chain.pem"))
    quote = told["tpm_quote"]
    parts = [bytes.fromhex(quote["message"]), bytes.fromhex(quote["signature"])]
    whole = b"".join((*parts, *(bytes.fromhex(pcr) for pcr in quote["pcrs"])))
    for bit in range(8 * len(whole)):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        reader = Reader(bytes(flipped), "flipped")
        message, signature = (reader.take(len(part), "part") for part in parts)
        changed = {
            "message": message.hex(),
            "signature": signature.hex(),
            "pcrs": [reader.take(32, "pcr").hex() for _ in quote["pcrs"]],
        }
        data = json.dumps({**told, "tpm_quote": changed}).encode()
        with pytest.raises(RejectedError):
            AZURE_SNP.authenticate(AZURE_SNP.parse(data), chain, AMD_ROOTS, NOW)


@pytest.mark.slow
def test_a_flipped_bit_of_a_bundle_changes_nothing_that_is_proven(shared: Path) -> None:
    """One flip in each byte of a recorded bundle is refused, or the claims are the same."""
    folder = shared / "vectors/snp/milan-v3-azure-coco-v1"
    whole = (folder / "evidence.json").read_bytes()
    chain = Endorsements(certificates=certificates(folder / "ca_chain.pem"))
    want = AZURE_SNP.authenticate(AZURE_SNP.parse(whole), chain, AMD_ROOTS, NOW).claims
    version = {"azure.bundle_version", "azure.hcl_version"}
    for at in range(len(whole)):
        flipped = bytearray(whole)
        flipped[at] ^= 1 << at % 8
        try:
            evidence = AZURE_SNP.parse(bytes(flipped))
            got = AZURE_SNP.authenticate(evidence, chain, AMD_ROOTS, NOW).claims
        except RejectedError:
            continue
        differing = {name for name in want.fields if got.fields[name] != want.fields[name]}
        assert differing <= version
        assert (got.report_data, got.measurements) == (want.report_data, want.measurements)
