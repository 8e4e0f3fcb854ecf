"""Recorded evidence of the further platforms has the fields that their properties look at."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from enarx.appraisal.appraise import judge
from enarx.appraisal.comparison import NOT_STATED
from enarx.errors import RejectedError
from enarx.tee.claims import Authentic
from enarx.tee.endorsements import Endorsements
from enarx.tee.technologies import TECHNOLOGIES, VENDOR_ANCHORS
from enarx.wire.text import pem_blocks

Make = Callable[..., Any]
SHAPE_ONLY = {"nitro", "cca"}
"""Whose documents are long expired, or of unpublished keys: their fields are looked at unproven."""


def recorded(folder: Path, platform: str, authentic_of: Make) -> Iterator[Authentic]:
    """Every recorded evidence of *platform* that is what it seems to be."""
    technology = next(one for one in TECHNOLOGIES if one.name == platform)
    for path in sorted((folder / "vectors" / platform).glob("*/*")):
        data = path.read_bytes() if path.is_file() else b""
        if path.name == "manifest.json" or not technology.recognises(data):
            continue
        chain = path.parent / "chain.pem"
        blocks = pem_blocks(chain.read_bytes(), "chain") if chain.exists() else ()
        given = Endorsements(certificates=tuple(der for _, der in blocks))
        try:
            evidence = technology.parse(data)
            if platform in SHAPE_ONLY:
                yield authentic_of(platform, fields=evidence.fields())
            else:
                now = datetime(2025, 6, 1, tzinfo=UTC)
                yield technology.authenticate(evidence, given, VENDOR_ANCHORS, now)
        except RejectedError:
            continue  # a negative vector


@pytest.mark.parametrize("platform", ["nitro", "cca", "nvgpu"])
def test_every_property_has_its_field(
    platform: str, shared: Path, authentic_of: Make, policy_of: Make
) -> None:
    """Each property finds its claim in some recorded evidence."""
    blank: set[str] = set()
    found: set[str] = set()
    for authentic in recorded(shared, platform, authentic_of):
        policy = policy_of(platform)
        for check in judge(authentic, policy, now=authentic.verified_at).unchecked:
            if check.key.startswith(f"{platform}."):
                (blank if check.got in (NOT_STATED, "none") else found).add(check.key)
    assert found
    assert blank - found == set()


def test_azure_names_its_settings_so(shared: Path) -> None:
    """The settings of a recorded machine are those that the catalogue looks at."""
    facts = [
        json.loads(path.read_text())["expected"].get("azure") or {}
        for path in sorted((shared / "vectors").glob("*/*/manifest.json"))
        if "expected" in json.loads(path.read_text())
    ]
    names = {
        name
        for each in facts
        for bundle in each.values()
        for name in bundle.get("vm_configuration", ())
    }
    assert {"secure-boot", "console-enabled"} <= names
