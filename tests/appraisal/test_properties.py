"""Every property of the catalogue: satisfied, violated, left out, and not stated."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from enarx.appraisal.appraise import judge
from enarx.appraisal.catalogue import PLATFORMS, SECTIONS
from enarx.appraisal.comparison import NOT_STATED
from enarx.appraisal.policy import Policy
from enarx.appraisal.verdict import Check
from enarx.tee.claims import Authentic

Values = dict[str, Any]
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


def listed(claim: str, good: bytes) -> tuple[Any, Values, Values, str]:
    """A list of bytes with one value."""
    return ((good.hex(),), {claim: good}, {claim: bytes(len(good))}, claim)


def bit(claim: str) -> tuple[Any, Values, Values, str]:
    """A bit that is required."""
    return ("required", {claim: True}, {claim: False}, claim)


# by platform and key: the value, fields that pass, fields that fail, the claim that is told
EXAMPLES: dict[tuple[str, str], tuple[Any, Values, Values, str]] = {
    ("snp", "minimum_reported_tcb"): (
        MILAN,
        tcb("reported_tcb", **TCB_OK),
        tcb("reported_tcb", **{**TCB_OK, "microcode": 255, "snp": 7}),
        "snp.reported_tcb.snp",
    ),
    ("snp", "minimum_launch_tcb"): (
        MILAN,
        tcb("launch_tcb", **TCB_OK),
        tcb("launch_tcb", **{**TCB_OK, "bootloader": 2}),
        "snp.launch_tcb.bootloader",
    ),
    ("snp", "minimum_firmware"): (
        "1.55.21",
        snp(**VERSIONS),
        snp(**{**VERSIONS, "committed_build": 20}),
        "snp.committed_version",
    ),
    ("snp", "provisional_firmware"): (
        "forbidden",
        {**snp(**VERSIONS, **CURRENT), "snp.current_tcb.raw": b"a", "snp.committed_tcb.raw": b"a"},
        {**snp(**VERSIONS, **CURRENT), "snp.current_tcb.raw": b"b", "snp.committed_tcb.raw": b"a"},
        "snp.provisional_firmware",
    ),
    ("snp", "launch_mitigations"): (
        (0, 3),
        snp(launch_mit_vector=0b1001),
        snp(launch_mit_vector=0b1110),
        "snp.launch_mit_vector",
    ),
    ("snp", "current_mitigations"): (
        (1,),
        snp(current_mit_vector=0b10),
        snp(current_mit_vector=0b101),
        "snp.current_mit_vector",
    ),
    ("snp", "signers"): (
        ("vcek",),
        {"snp.vek.signer": "vcek"},
        {"snp.vek.signer": "vlek"},
        "snp.vek.signer",
    ),
    ("snp", "vmpl"): ((0, 1), snp(vmpl=1), snp(vmpl=0xFFFFFFFF), "snp.vmpl"),
    ("snp", "guest_svn"): (5, snp(guest_svn=5), snp(guest_svn=4), "snp.guest_svn"),
    ("snp", "minimum_policy_abi"): (
        "1.51",
        {"snp.policy.abi_major": 1, "snp.policy.abi_minor": 51},
        {"snp.policy.abi_major": 1, "snp.policy.abi_minor": 50},
        "snp.policy.abi",
    ),
    ("snp", "host_data"): listed("snp.host_data", H32),
    ("snp", "id_key_digests"): listed("snp.id_key_digest", H48),
    ("snp", "author_key_digests"): listed("snp.author_key_digest", H48),
    ("snp", "family_ids"): listed("snp.family_id", H16),
    ("snp", "image_ids"): listed("snp.image_id", H16),
    **{
        ("snp", f"policy.{name}"): bit(f"snp.policy.{name}")
        for name in (
            "single_socket",
            "cxl_allow",
            "mem_aes_256_xts",
            "rapl_dis",
            "ciphertext_hiding_dram",
            "page_swap_disable",
        )
    },
    **{
        ("snp", f"platform_info.{name}"): bit(f"snp.platform_info.{name}")
        for name in (
            "smt_en",
            "tsme_en",
            "ecc_en",
            "rapl_dis",
            "ciphertext_hiding_dram_en",
            "alias_check_complete",
            "tio_en",
        )
    },
    ("tdx", "mr_seam"): listed("tdx.quote.body.mr_seam", H48),
    ("tdx", "mr_signer_seam"): listed("tdx.quote.body.mrsigner_seam", H48),
    ("tdx", "minimum_tee_tcb_svn"): (
        "05" + "00" * 15,
        {"tdx.quote.body.tcb_svn": b"\x05" + bytes(15)},
        {"tdx.quote.body.tcb_svn": b"\x04" + b"\xff" * 15},
        "tdx.quote.body.tcb_svn",
    ),
    ("tdx", "sept_ve_disable"): bit("tdx.td_attributes.sept_ve_disable"),
    ("tdx", "pks"): bit("tdx.td_attributes.pks"),
    ("tdx", "key_locker"): bit("tdx.td_attributes.key_locker"),
    ("tdx", "perfmon"): bit("tdx.td_attributes.perfmon"),
    ("tdx", "xfam"): (
        {"mask": "ff00000000000000", "value": "e700000000000000"},
        {"tdx.quote.body.xfam": bytes.fromhex("e702060000000000")},
        {"tdx.quote.body.xfam": bytes.fromhex("e602060000000000")},
        "tdx.quote.body.xfam",
    ),
    ("tdx", "mr_config_id"): listed("tdx.quote.body.mr_config_id", H48),
    ("tdx", "mr_owner"): listed("tdx.quote.body.mr_owner", H48),
    ("tdx", "mr_owner_config"): listed("tdx.quote.body.mr_owner_config", H48),
    ("tdx", "mr_service_td"): (
        ("ab" * 48,),
        {"tdx.quote.body.mr_servicetd": H48},
        {"tdx.quote.body.mr_servicetd": bytes(48)},
        "tdx.quote.body.mr_servicetd",
    ),
    ("sgx", "mr_signer"): listed("sgx.body.mr_signer", H32),
    ("sgx", "isv_prod_id"): (
        (3, 4),
        {"sgx.body.isv_prod_id": 4},
        {"sgx.body.isv_prod_id": 5},
        "sgx.body.isv_prod_id",
    ),
    ("sgx", "minimum_isv_svn"): (
        2,
        {"sgx.body.isv_svn": 2},
        {"sgx.body.isv_svn": 1},
        "sgx.body.isv_svn",
    ),
    ("sgx", "attributes"): (
        {"mask": "3000000000000000", "value": "0000000000000000"},
        {"sgx.body.attributes.flags": bytes.fromhex("0700000000000000")},
        {"sgx.body.attributes.flags": bytes.fromhex("1700000000000000")},
        "sgx.body.attributes.flags",
    ),
    ("sgx", "xfrm"): (
        {"mask": "0300000000000000", "value": "0300000000000000"},
        {"sgx.body.attributes.xfrm": bytes.fromhex("e700000000000000")},
        {"sgx.body.attributes.xfrm": bytes.fromhex("0100000000000000")},
        "sgx.body.attributes.xfrm",
    ),
    ("sgx", "kss"): bit("sgx.attributes.kss"),
    ("sgx", "config_id"): listed("sgx.body.config_id", H32 + H32),
    ("sgx", "minimum_config_svn"): (
        1,
        {"sgx.body.config_svn": 1},
        {"sgx.body.config_svn": 0},
        "sgx.body.config_svn",
    ),
    ("sgx", "isv_ext_prod_ids"): listed("sgx.body.isv_ext_prod_id", H16),
    ("sgx", "isv_family_ids"): listed("sgx.body.isv_family_id", H16),
    ("nitro", "pcrs"): (
        {"pcr3": ("ab" * 48,)},
        {"nitro.pcr3": H48},
        {"nitro.pcr3": bytes(48)},
        "nitro.pcr3",
    ),
    ("nitro", "nonces"): listed("nitro.nonce", b"12345"),
    ("cca", "personalization_values"): listed("cca.realm.personalization_value", H32 + H32),
    ("cca", "implementation_ids"): listed("cca.platform.implementation_id", H32),
    ("cca", "component_measurements"): (
        ("AB" * 32,),
        {
            "cca.platform.sw_component0.measurement": H32,
            "cca.platform.sw_component1.measurement": H32,
        },
        {
            "cca.platform.sw_component0.measurement": H32,
            "cca.platform.sw_component1.measurement": bytes(32),
        },
        "cca.platform.sw_components",
    ),
    ("cca", "component_signers"): (
        ("ab" * 32,),
        {"cca.platform.sw_component0.signer_id": H32},
        {
            "cca.platform.sw_component0.signer_id": H32,
            "cca.platform.sw_component1.measurement": H32,
        },
        "cca.platform.sw_component_signers",
    ),
    ("azure", "secure_boot"): bit("azure.vm_configuration.secure-boot"),
    ("azure", "console"): bit("azure.vm_configuration.console-enabled"),
    ("azure", "user_data"): listed("azure.user_data", H32 + H32),
    ("nvgpu", "minimum_devices"): (
        8,
        {"nvgpu.distinct_devices": 8},
        {"nvgpu.distinct_devices": 7},
        "nvgpu.distinct_devices",
    ),
    ("nvgpu", "chips"): (
        ("GH100",),
        {"nvgpu.device0.chip": "GH100", "nvgpu.device1.chip": "GH100"},
        {"nvgpu.device0.chip": "GH100", "nvgpu.device1.chip": "GB100"},
        "nvgpu.chips",
    ),
    ("nvgpu", "driver_versions"): (
        ("570.00",),
        {"nvgpu.device0.driver_version": "570.00"},
        {"nvgpu.device0.driver_version": "570.00", "nvgpu.device10.chip": "GH100"},
        "nvgpu.driver_versions",
    ),
    ("nvgpu", "vbios_versions"): (
        ("96.00",),
        {"nvgpu.device0.vbios_version": "96.00"},
        {"nvgpu.device0.vbios_version": "95.00"},
        "nvgpu.vbios_versions",
    ),
}


CASES = [
    (platform, one.key)
    for platform in PLATFORMS
    for one in SECTIONS[platform]
    if platform in ("snp", "tdx", "sgx", "nitro", "cca", "azure-snp", "nvgpu")
]
Make = Callable[..., Any]


def example(platform: str, key: str) -> tuple[Any, Values, Values, str]:
    """The example of a property; Azure's are of the bundle or of the hardware."""
    known = [platform] if platform in SECTIONS and "azure" not in platform else ["azure", "snp"]
    return next(EXAMPLES[name, key] for name in known if (name, key) in EXAMPLES)


def check_of(authentic: Authentic, policy: Policy, key: str, now: datetime) -> list[Check]:
    """The checks that *key* of a policy asked for."""
    return [c for c in judge(authentic, policy, now=now).checks if c.key == key]


def test_every_property_has_an_example() -> None:
    """No property of the catalogue is untested."""
    own = {(p, one.key) for p in PLATFORMS if "azure" not in p for one in SECTIONS[p]}
    assert {pair for pair in EXAMPLES if pair[0] != "azure"} == own


@pytest.mark.parametrize(("platform", "key"), CASES, ids=str)
def test_a_stated_property_passes_or_fails(
    platform: str, key: str, authentic_of: Make, policy_of: Make, now: datetime
) -> None:
    """What is as the policy says passes; otherwise the claim is told with want, got and advice."""
    value, good, bad, claim = example(platform, key)
    whole = f"{platform}.{key}"
    policy = policy_of(platform, **{whole: value})
    found = check_of(authentic_of(platform, fields=good), policy, whole, now)
    assert {c.outcome for c in found} == {"passed"}
    assert not any(c.hint or c.reason for c in found)
    found = check_of(authentic_of(platform, fields=bad), policy, whole, now)
    failed = [c for c in found if c.outcome == "failed"]
    assert [c.claim for c in failed] == [claim]
    assert failed[0].want
    assert failed[0].want != failed[0].got
    assert failed[0].hint.endswith(f"; or change {whole} in a policy of your own (--policy)")


@pytest.mark.parametrize(("platform", "key"), CASES, ids=str)
def test_a_property_that_is_not_stated_fails(
    platform: str, key: str, authentic_of: Make, policy_of: Make, now: datetime
) -> None:
    """Evidence without the field does not pass a policy that demands it."""
    whole = f"{platform}.{key}"
    policy = policy_of(platform, **{whole: example(platform, key)[0]})
    found = check_of(authentic_of(platform, fields={}), policy, whole, now)
    assert {c.outcome for c in found} == {"failed"}
    assert found[0].got == NOT_STATED


@pytest.mark.parametrize(("platform", "key"), CASES, ids=str)
def test_a_property_that_is_left_out_is_told(
    platform: str, key: str, authentic_of: Make, policy_of: Make, now: datetime
) -> None:
    """Left out, it neither passes nor fails, whatever the evidence says, and the reason is told."""
    for fields in (*example(platform, key)[1:3], {}):
        authentic = authentic_of(platform, fields=fields)
        (found,) = check_of(authentic, policy_of(platform), f"{platform}.{key}", now)
        told = (found.outcome, found.want, found.reason, found.hint)
        assert told == ("unchecked", "not checked", f"no {key} in this test", "")


@pytest.mark.parametrize(("platform", "key"), [c for c in CASES if "." in c[1]], ids=str)
def test_a_setting_may_be_forbidden_or_allowed(
    platform: str, key: str, authentic_of: Make, policy_of: Make, now: datetime
) -> None:
    """Forbidden is the opposite of required; allowed passes whatever is stated, or not stated."""
    whole = f"{platform}.{key}"
    _, on, off, _ = example(platform, key)
    for value, outcomes in (("forbidden", ["failed", "passed"]), ("allowed", ["passed"] * 3)):
        policy = policy_of(platform, **{whole: value})
        for fields, outcome in zip((on, off, {}), outcomes, strict=False):
            (found,) = check_of(authentic_of(platform, fields=fields), policy, whole, now)
            assert found.outcome == outcome
