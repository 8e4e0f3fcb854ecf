"""Authentic evidence as the verifiers make it, and policies that leave out all but what is tested.

Everything is made here from values; no vendor's evidence is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from enarx.appraisal.catalogue import SECTIONS, neutral
from enarx.appraisal.policy import Policy, compiled
from enarx.tee.claims import Authentic, ChainLink, Claims, Revocation, Tcb
from enarx.wire.shape import Unchecked

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

MEASUREMENTS: dict[str, dict[str, bytes]] = {
    "snp": {"measurement": bytes([1]) * 48},
    "tdx": {
        "mr_td": bytes([2]) * 48,
        **{f"rtmr_{n}": bytes([0x30 + n]) * 48 for n in range(4)},
    },
    "sgx": {"mr_enclave": bytes([4]) * 32, "mr_signer": bytes([5]) * 32},
}
INTEL = Tcb(
    status="UpToDate",
    date=datetime(2025, 8, 13, tzinfo=UTC),
    evaluation_number=19,
    advisories=(),
    components={},
)


CHAIN = (
    ChainLink(
        subject="CN=SEV-VCEK",
        sha256=bytes([0xAA]) * 32,
        not_before=datetime(2025, 1, 1, tzinfo=UTC),
        not_after=datetime(2032, 1, 1, tzinfo=UTC),
    ),
    ChainLink(subject="CN=ARK-Milan", sha256=bytes([0xBB]) * 32, not_before=None, not_after=None),
)


@pytest.fixture(scope="session")
def now() -> datetime:
    """The instant of every appraisal."""
    return NOW


@pytest.fixture(scope="session")
def authentic_of() -> Callable[..., Authentic]:
    """Good evidence of a platform, with changed claims."""

    def make(
        platform: str = "snp",
        *,
        fields: Mapping[str, Any] | None = None,
        proof: Mapping[str, Any] | None = None,
        **claims: object,
    ) -> Authentic:
        intel = platform in ("tdx", "sgx", "azure-tdx")
        good = Claims(
            platform=platform,
            simulated=False,
            measurements=MEASUREMENTS.get(platform, {"measurement": b"\x01"}),
            report_data=bytes([9]) * 64,
            debug=False,
            migratable=False,
            smt=False,
            instance=bytes([7]) * 64,
            tcb=INTEL if intel else Tcb(components={"snp": 23}),
            revocation=Revocation(unchecked=(), lists=("ARK-Milan",)),
            fields=fields or {},
        )
        made = Authentic(
            claims=replace(good, **claims),
            evidence=b"evidence",
            chain=CHAIN,
            anchor="ARK-Milan",
            collateral_issued=datetime(2026, 2, 20, tzinfo=UTC),
            not_after=datetime(2026, 4, 1, tzinfo=UTC),
            verified_at=NOW,
        )
        return replace(made, **(proof or {}))

    return make


@pytest.fixture(scope="session")
def policy_of() -> Callable[..., Policy]:
    """A policy for one platform that leaves everything out but what is given, by whole key."""

    def make(platform: str = "snp", /, **stated: object) -> Policy:
        values: dict[str, Any] = {
            one.key: Unchecked(f"no {one.key} in this test") for one in neutral(platform)
        }
        for one in SECTIONS[platform]:
            values[f"{platform}.{one.key}"] = Unchecked(f"no {one.key} in this test")
        values["simulated"] = "forbidden"
        values |= stated
        return compiled(values, name="test", platforms=(platform,))

    return make


@pytest.fixture(scope="session")
def policy_file() -> Callable[..., str]:
    """A policy's text for one platform, complete: every property is left out but what is given."""

    def make(platform: str = "snp", *, head: str = "", tail: str = "", **stated: str) -> str:
        lines = ["version = 1", 'name = "test"', f'platforms = ["{platform}"]', head]
        values = {one.key: f'{{ unchecked = "no {one.key}" }}' for one in neutral(platform)}
        values["simulated"] = '"forbidden"'
        for one in SECTIONS[platform]:
            values[f"{platform}.{one.key}"] = f'{{ unchecked = "no {one.key}" }}'
        values |= stated
        lines += [f"{key} = {value}" for key, value in values.items() if value]
        return "\n".join([*lines, tail])

    return make
