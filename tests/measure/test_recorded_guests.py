"""Launch digests that others computed and published: every case, of every kind of guest."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from enarx.errors import MisconfiguredError
from enarx.measure import sev_guest, snp_guest, svsm_guest
from enarx.measure.firmware import Firmware, parse
from enarx.measure.id_block import id_block
from enarx.measure.snp_guest import Boot, Processors

FOLDER = "vectors/measure/snp-sev-snp-measure"
Inputs = dict[str, Any]


def boot(given: Inputs) -> Boot | None:
    """Kernels and RAM disks are empty files."""
    if given["kernel"] is None:
        return None
    return Boot(kernel=b"", command_line=given["append"] or "")


def processors(given: Inputs) -> Processors:
    """As their tool takes them."""
    return Processors(
        count=given["vcpus"],
        signature=given["vcpu_sig"] or 0,
        features=given["guest_features"],
        vmm=given["vmm_type"].partition(".")[2].lower(),
    )


def snp(given: Inputs, firmware: Firmware, _: Path) -> bytes:
    """On QEMU, EC2 or GCE, sometimes with the digest of the firmware given."""
    known = given["snp_ovmf_hash_str"]
    start = bytes.fromhex(known) if known else None
    return snp_guest.launch_digest(firmware, processors(given), boot(given), firmware_digest=start)


def svsm(given: Inputs, firmware: Firmware, folder: Path) -> bytes:
    """Digests that were compared with launched guests; SEV_FEATURES are always 1 there."""
    found = parse((folder / Path(given["svsm_file"]).name).read_bytes())
    ours = Processors(count=given["vcpus"], signature=given["vcpu_sig"])
    size = given["ovmf_vars_size"]
    return svsm_guest.launch_digest(firmware, found, ours, variables_size=size)


KINDS: dict[str, Callable[[Inputs, Firmware, Path], bytes]] = {
    "SEV": lambda given, firmware, _: sev_guest.launch_digest(firmware, boot(given)),
    "SEV_ES": lambda given, firmware, _: sev_guest.launch_digest(
        firmware, boot(given), processors(given)
    ),
    "SEV_SNP": snp,
    "SEV_SNP_SVSM": svsm,
    "ovmf_hash": lambda _given, firmware, _: snp_guest.firmware_only(firmware).value,
}


def test_recorded_digests(shared: Path) -> None:
    """QEMU, EC2, GCE, an SVSM, SEV and SEV-ES; what their tool refuses is refused."""
    folder, compared = shared / FOLDER, Counter[str]()
    for case in json.loads((folder / "cases.json").read_text()):
        given, measure = case["inputs"], KINDS[case["kind"]]
        firmware = parse((folder / Path(given["ovmf_file"]).name).read_bytes())
        if case["launch_digest"] is None:
            with pytest.raises(MisconfiguredError, match="checks no kernel"):
                measure(given, firmware, folder)
        else:
            made = measure(given, firmware, folder).hex()
            assert made == case["launch_digest"], case["name"]
        compared[case["kind"]] += 1
    assert compared == {"SEV": 4, "SEV_ES": 4, "SEV_SNP": 18, "SEV_SNP_SVSM": 3, "ovmf_hash": 2}


def test_a_recorded_id_block(shared: Path) -> None:
    """The block that their tool makes for a digest; who signed it, its keys would say."""
    case = json.loads((shared / FOLDER / "manifest.json").read_text())["expected"]["id_block_case"]
    made = id_block(base64.b64decode(case["ld_b64"]))
    assert base64.b64encode(made).decode() == case["id_block_prefix_b64"]
