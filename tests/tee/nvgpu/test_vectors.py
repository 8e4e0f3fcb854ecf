"""Recorded NVIDIA reports get their recorded verdicts, under NVIDIA's own key."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509

from enarx.errors import RejectedError, UnauthenticError
from enarx.tee.endorsements import Endorsements
from enarx.tee.nvgpu.roots import NVIDIA_DEVICE_IDENTITY
from enarx.tee.nvgpu.technology import NVGPU
from enarx.wire.text import pem_blocks

NOW = datetime(2025, 6, 1, tzinfo=UTC)
INVALID = "nvgpu-neg-hopper-invalid-signature"
UNSIGNED = {"nvgpu-nras-eat"}
"""Recorded results of NVIDIA's service, which are no evidence."""


@dataclass(frozen=True)
class Vector:
    """One folder: evidence, endorsements, and what is expected of them."""

    name: str
    data: bytes
    endorsements: Endorsements
    expected: dict[str, object]


@pytest.fixture(scope="module")
def vectors(shared: Path) -> tuple[Vector, ...]:
    """Every recorded report and list."""
    return tuple(
        vector(path.parent, manifest)
        for path in sorted((shared / "vectors/nvgpu").glob("*/manifest.json"))
        for manifest in [json.loads(path.read_text())]
        if manifest["id"] not in UNSIGNED
    )


def vector(folder: Path, manifest: dict[str, object]) -> Vector:
    """The vector in *folder*: a report with its chain, or the only JSON file."""
    endorsements = Endorsements()
    if (folder / "report.bin").exists():
        data = (folder / "report.bin").read_bytes()
        chain = pem_blocks((folder / "chain.pem").read_bytes(), "chain")
        endorsements = Endorsements(certificates=tuple(der for _, der in chain))
    else:
        (path,) = (p for p in folder.glob("*.json") if p.name != "manifest.json")
        data = path.read_bytes()
    return Vector(str(manifest["id"]), data, endorsements, manifest["expected"])


def test_every_report_gets_its_verdict(vectors: tuple[Vector, ...]) -> None:
    """All but the tampered one are authentic, with the recorded nonce and five certificates."""
    for one in vectors:
        evidence = NVGPU.parse(one.data)
        assert NVGPU.recognises(one.data)
        if one.name == INVALID:
            with pytest.raises(UnauthenticError, match="report signature"):
                NVGPU.authenticate(evidence, one.endorsements, (NVIDIA_DEVICE_IDENTITY,), NOW)
            continue
        proof = NVGPU.authenticate(evidence, one.endorsements, (NVIDIA_DEVICE_IDENTITY,), NOW)
        items = one.expected.get("items") or [one.expected]
        assert proof.claims.fields["nvgpu.devices"] == len(items)
        for item, found in zip(items, evidence.devices, strict=True):
            assert found.transcript.nonce.hex() == item["nonce"]
        assert not proof.claims.simulated
        assert proof.claims.report_data.hex() == items[0]["nonce"]
        assert proof.chain[-1].subject == NVIDIA_DEVICE_IDENTITY.subject
        assert len(proof.chain) == 5 + 2 * (proof.claims.fields["nvgpu.distinct_devices"] - 1)
    print(f"{len(vectors)} recorded NVIDIA vectors")  # noqa: T201 - the count is asked for
    assert len(vectors) >= 8


@pytest.mark.parametrize(
    ("folder", "parsed"),
    [("hopper-b", "spdm_parsed_output.json"), ("switch-ls10", "switch_spdm_parsed_output.json")],
)
def test_measurements_are_those_of_nvidias_parser(shared: Path, folder: str, parsed: str) -> None:
    """Every measurement and opaque field is what NVIDIA's own parser found."""
    place = shared / "vectors/nvgpu" / folder
    (device,) = NVGPU.parse((place / "report.bin").read_bytes()).devices
    want = json.loads((place / parsed).read_text())
    blocks = want["MeasurementRecord"]["MeasurementBlocks"]
    assert {
        str(index): f"0x{found.value.hex()}"
        for index, found in device.transcript.measurements.items()
    } == {index: block["DMTFSpecMeasurementValue"] for index, block in blocks.items()}
    recorded = want["OpaqueData"]["OpaqueDataField"]
    vbios = recorded["OPAQUE_FIELD_ID_VBIOS_VERSION"]
    assert f"0x{device.transcript.opaque[6].hex()}" == vbios


def test_the_pinned_key_is_the_recorded_roots(shared: Path) -> None:
    """The anchor is the name and key of the recorded certificate."""
    pem = (shared / "vectors/roots/nvidia-device-identity-ca.pem").read_bytes()
    assert NVIDIA_DEVICE_IDENTITY.is_key_of(x509.load_pem_x509_certificate(pem))


@pytest.mark.slow
def test_no_bit_of_a_recorded_report_can_change(shared: Path) -> None:
    """Every flip of a recorded switch report is refused."""
    one = shared / "vectors/nvgpu/switch-ls10"
    whole = (one / "report.bin").read_bytes()
    chain = pem_blocks((one / "chain.pem").read_bytes(), "chain")
    endorsements = Endorsements(certificates=tuple(der for _, der in chain))
    for bit in range(8 * len(whole)):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(RejectedError):
            NVGPU.authenticate(
                NVGPU.parse(bytes(flipped)), endorsements, (NVIDIA_DEVICE_IDENTITY,), NOW
            )
