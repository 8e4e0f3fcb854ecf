"""What single properties of platforms do beside comparing: minima, halves, several parts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from enarx.appraisal.appraise import judge
from enarx.appraisal.comparison import NOT_STATED
from enarx.appraisal.policy import Policy
from enarx.appraisal.verdict import Check
from enarx.tee.claims import Authentic, Revocation

Values = dict[str, Any]
Make = Callable[..., Any]
H48, H32, H16 = bytes([0xAB]) * 48, bytes([0xAB]) * 32, bytes([0xAB]) * 16
MILAN = {"Milan": {"bootloader": 3, "tee": 0, "snp": 8, "microcode": 115}}
TCB_OK = {"bootloader": 3, "tee": 0, "snp": 8, "microcode": 115}
VERSIONS = {"committed_major": 1, "committed_minor": 55, "committed_build": 21}
CURRENT = {"current_major": 1, "current_minor": 55, "current_build": 21}


def snp(**fields: object) -> Values:
    """Fields with SNP's prefix."""
    return {f"snp.{name}": value for name, value in fields.items()}


def tcb(name: str, **numbers: int) -> Values:
    """A product, and the components of one of its TCBs."""
    return {"snp.product": "Milan", **{f"snp.{name}.{k}": n for k, n in numbers.items()}}


COMMITTED = {
    **snp(**VERSIONS, **CURRENT),
    "snp.current_tcb.raw": b"a",
    "snp.committed_tcb.raw": b"a",
}


def check_of(authentic: Authentic, policy: Policy, key: str, now: datetime) -> list[Check]:
    """The checks that *key* of a policy asked for."""
    return [c for c in judge(authentic, policy, now=now).checks if c.key == key]


def test_a_product_without_minimum_is_refused(
    authentic_of: Make, policy_of: Make, now: datetime
) -> None:
    """A minimum TCB for Milan does not let Turin pass."""
    key = "snp.minimum_reported_tcb"
    fields = {"snp.product": "Turin", "snp.reported_tcb.snp": 255}
    (found,) = check_of(authentic_of(fields=fields), policy_of(**{key: MILAN}), key, now)
    assert (found.claim, found.outcome) == ("snp.product", "failed")
    assert (found.got, found.want) == ("Turin", "Milan")


def test_every_component_below_its_minimum_is_told(
    authentic_of: Make, policy_of: Make, now: datetime
) -> None:
    """A newer component does not make up for an older one, and each older one is a failure."""
    key = "snp.minimum_reported_tcb"
    fields = tcb("reported_tcb", bootloader=2, tee=9, snp=255, microcode=114)
    found = check_of(authentic_of(fields=fields), policy_of(**{key: MILAN}), key, now)
    failed = [(c.claim, c.got, c.want) for c in found if c.outcome == "failed"]
    assert failed == [
        ("snp.reported_tcb.bootloader", "2", "at least 3"),
        ("snp.reported_tcb.microcode", "114", "at least 115"),
    ]


@pytest.mark.parametrize("part", ["tcb.raw", "major", "minor", "build"])
def test_firmware_is_provisional_where_anything_differs(
    part: str, authentic_of: Make, policy_of: Make, now: datetime
) -> None:
    """What runs must be what is committed, in every part."""
    good = COMMITTED
    key = "snp.provisional_firmware"
    fields = {**good, f"snp.current_{part}": b"z" if part == "tcb.raw" else 99}
    (found,) = check_of(authentic_of(fields=fields), policy_of(**{key: "forbidden"}), key, now)
    assert (found.outcome, found.got, found.want) == ("failed", "on", "off")
    (found,) = check_of(authentic_of(fields=fields), policy_of(**{key: "allowed"}), key, now)
    assert found.outcome == "passed"


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({}, "passed"),
        ({"tdx.quote.body.mr_servicetd": bytes(48)}, "passed"),
        ({"tdx.quote.body.mr_servicetd": H48}, "failed"),
    ],
)
def test_no_service_domain_may_be_demanded_of_either_quote(
    fields: Values, outcome: str, authentic_of: Make, policy_of: Make, now: datetime
) -> None:
    """The word none passes zeros, and a quote of TDX 1.0, which has no such field."""
    key = "tdx.mr_service_td"
    (found,) = check_of(
        authentic_of("tdx", fields=fields), policy_of("tdx", **{key: ("none",)}), key, now
    )
    assert found.outcome == outcome


def test_what_is_left_out_is_shown(authentic_of: Make, policy_of: Make, now: datetime) -> None:
    """A check that was left out shows what the evidence says."""
    fields = {
        **tcb("reported_tcb", bootloader=3, snp=8),
        "snp.reported_tcb.raw": b"\x03",
        "snp.guest_svn": 4,
    }
    authentic = authentic_of(fields=fields)
    shown = {c.key: c.got for c in judge(authentic, policy_of(), now=now).unchecked}
    assert shown["snp.minimum_reported_tcb"] == "bootloader 3, snp 8"
    assert shown["snp.guest_svn"] == "4"
    assert shown["snp.vmpl"] == NOT_STATED
    claims = {c.key: c.claim for c in judge(authentic, policy_of(), now=now).unchecked}
    assert (claims["image"], claims["report_data"]) == ("image", "report_data")
    missing = authentic_of(revocation=Revocation(unchecked=("A: no CRL", "B: old")))
    got = {c.key: c.got for c in judge(missing, policy_of(), now=now).unchecked}
    assert got["revocation"] == "A: no CRL, B: old"
    assert shown["image"] == f"measurement {'01' * 48}"
    assert shown["report_data"] == "09" * 64
    assert shown["revocation"] == "looked up"
    fields = {"nitro.pcr3": H48, "nitro.pcr31": H48, "nitro.nonce": b"", "nitro.pcr32": b""}
    nitro = authentic_of("nitro", fields=fields)
    shown = {c.key: c.got for c in judge(nitro, policy_of("nitro"), now=now).unchecked}
    assert shown["nitro.pcrs"] == "pcr3, pcr31"


def test_a_part_that_says_nothing_is_named(
    authentic_of: Make, policy_of: Make, now: datetime
) -> None:
    """Of several devices, the one that does not state its driver is told."""
    key = "nvgpu.driver_versions"
    fields = {"nvgpu.device0.driver_version": "570.00", "nvgpu.device10.chip": "GH100"}
    policy = policy_of("nvgpu", **{key: ("570.00",)})
    (found,) = check_of(authentic_of("nvgpu", fields=fields), policy, key, now)
    assert found.got == f"570.00, nvgpu.device10: {NOT_STATED}"
    assert found.want == "none but 570.00"


def test_half_a_version_is_not_stated(authentic_of: Make, policy_of: Make, now: datetime) -> None:
    """Where one part of what is compared is missing, the claim is not stated."""
    good = COMMITTED
    key = "snp.provisional_firmware"
    for name in good:
        fields = {other: value for other, value in good.items() if other != name}
        authentic = authentic_of(fields=fields)
        (found,) = check_of(authentic, policy_of(**{key: "forbidden"}), key, now)
        assert (found.outcome, found.got) == ("failed", NOT_STATED)
