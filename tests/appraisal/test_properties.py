"""Every property of the catalogue: satisfied, violated, left out, and not stated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from enarx.appraisal.appraise import judge
from enarx.appraisal.catalogue import PLATFORMS, SECTIONS, neutral
from enarx.appraisal.comparison import NOT_STATED
from enarx.appraisal.policy import Policy
from enarx.appraisal.verdict import Check
from enarx.tee.claims import Authentic, Revocation, Tcb

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

DAY = datetime(2026, 2, 20, tzinfo=UTC)
OLD = Tcb(
    status="OutOfDate",
    date=datetime(2023, 1, 1, tzinfo=UTC),
    evaluation_number=17,
    advisories=("INTEL-SA-00001", "INTEL-SA-00002"),
    components={},
)

# the value, changed claims or proof that fail, the claim, got; what good evidence has passes
NEUTRAL: dict[str, tuple[Any, dict[str, Any], str, str]] = {
    "simulated": ("forbidden", {"simulated": True}, "simulated", "on"),
    "debug": ("forbidden", {"debug": True}, "debug", "on"),
    "migration": ("forbidden", {"migratable": True}, "migration", "on"),
    "smt": ("forbidden", {"smt": True}, "smt", "on"),
    "instances": (("07" * 64,), {"instance": b"\x08"}, "instance", "08"),
    "revocation": (
        "required",
        {"revocation": Revocation(unchecked=("A: no CRL given", "B: too old"))},
        "revocation",
        "A: no CRL given; B: too old",
    ),
    "collateral_age": (
        10 * 86400.0,
        {"proof": {"collateral_issued": datetime(2026, 1, 1, tzinfo=UTC)}},
        "collateral_age",
        "2026-01-01T00:00:00Z, 59 d ago",
    ),
    "tcb.statuses": (("UpToDate",), {"tcb": OLD}, "tcb.status", "OutOfDate"),
    "tcb.advisories": (
        ("INTEL-SA-00001",),
        {"tcb": OLD},
        "tcb.advisories",
        "INTEL-SA-00001, INTEL-SA-00002",
    ),
    "tcb.not_older_than": ("365d", {"tcb": OLD}, "tcb.date", "2023-01-01T00:00:00Z, 1155 d ago"),
    "tcb.minimum_evaluation_number": (18, {"tcb": OLD}, "tcb.evaluation_number", "17"),
}
UNSTATED: dict[str, dict[str, Any]] = {
    "migration": {"migratable": None},
    "smt": {"smt": None},
    "instances": {"instance": b""},
    "collateral_age": {"proof": {"collateral_issued": None}},
    "tcb.statuses": {"tcb": Tcb(components={})},
    "tcb.advisories": {"tcb": Tcb(components={})},
    "tcb.not_older_than": {"tcb": replace(OLD, date=None)},
    "tcb.minimum_evaluation_number": {"tcb": replace(OLD, evaluation_number=None)},
}
SPECIAL = {"image", "report_data"}  # test_image.py, test_appraise.py

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
    every = {one.key for platform in PLATFORMS for one in neutral(platform)}
    assert every == set(NEUTRAL) | SPECIAL


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


@pytest.mark.parametrize("key", NEUTRAL)
def test_a_neutral_property_passes_or_fails(
    key: str, authentic_of: Make, policy_of: Make, now: datetime
) -> None:
    """What holds on every platform is judged on every platform."""
    value, bad, claim, got = NEUTRAL[key]
    policy = policy_of("tdx", **{key: value})
    (found,) = check_of(authentic_of("tdx"), policy, key, now)
    assert (found.claim, found.outcome) == (claim, "passed")
    (found,) = check_of(authentic_of("tdx", **bad), policy, key, now)
    assert (found.claim, found.outcome, found.got) == (claim, "failed", got)


@pytest.mark.parametrize("key", UNSTATED)
def test_a_neutral_property_that_is_not_stated_fails(
    key: str, authentic_of: Make, policy_of: Make, now: datetime
) -> None:
    """A platform that cannot say does not pass what demands it."""
    policy = policy_of("tdx", **{key: NEUTRAL[key][0]})
    (found,) = check_of(authentic_of("tdx", **UNSTATED[key]), policy, key, now)
    assert (found.outcome, found.got) == ("failed", NOT_STATED)


@pytest.mark.parametrize("key", sorted(set(NEUTRAL) - {"simulated"}))
def test_a_neutral_property_that_is_left_out_is_told(
    key: str, authentic_of: Make, policy_of: Make, now: datetime
) -> None:
    """Left out, it passes nothing and fails nothing."""
    _, bad, claim, _ = NEUTRAL[key]
    (found,) = check_of(authentic_of("tdx", **bad), policy_of("tdx"), key, now)
    assert (found.claim, found.outcome) == (claim, "unchecked")
    assert found.reason == f"no {key} in this test"


@pytest.mark.parametrize("key", ["debug", "migration", "smt"])
@pytest.mark.parametrize("got", [True, False, None])
def test_what_is_allowed_passes_either_way(
    key: str, got: object, authentic_of: Make, policy_of: Make, now: datetime
) -> None:
    """An operator who allows debugging, migration or threads demands nothing about them."""
    claim = {"migration": "migratable"}.get(key, key)
    policy = policy_of("tdx", **{key: "allowed"})
    (found,) = check_of(authentic_of("tdx", **{claim: got}), policy, key, now)
    assert (found.outcome, found.want) == ("passed", "on or off")


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
    _, good, _, _ = EXAMPLES["snp", "provisional_firmware"]
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


@pytest.mark.parametrize(
    ("value", "outcome"),
    [
        ("2025-08-13", "passed"),
        ("2025-08-13T00:00:00Z", "passed"),
        ("2025-08-13T00:00:01Z", "failed"),
        ("2025-08-14", "failed"),
        ("201d", "passed"),
        ("200d", "failed"),
    ],
)
def test_a_tcb_may_be_bounded_by_date_or_age(
    value: str, outcome: str, authentic_of: Make, policy_of: Make, now: datetime
) -> None:
    """Both bounds include their own instant, the age counts up to the appraisal."""
    key = "tcb.not_older_than"
    (found,) = check_of(authentic_of("tdx"), policy_of("tdx", **{key: value}), key, now)
    assert found.outcome == outcome


def test_a_missing_list_may_be_reported_instead_of_refused(
    authentic_of: Make, policy_of: Make, now: datetime
) -> None:
    """With if_available a missing list is unchecked with the verifier's reason; else it passes."""
    policy = policy_of(revocation="if_available")
    missing = Revocation(unchecked=("ARK-Milan: no CRL given",))
    (found,) = check_of(authentic_of(revocation=missing), policy, "revocation", now)
    assert (found.claim, found.outcome, found.reason) == (
        "revocation",
        "unchecked",
        "no current list: ARK-Milan: no CRL given",
    )
    assert found.got == "ARK-Milan: no CRL given"
    (found,) = check_of(authentic_of(), policy, "revocation", now)
    assert (found.outcome, found.got) == ("passed", "ARK-Milan")
    nothing = Revocation(unchecked=(), lists=())
    (found,) = check_of(authentic_of(revocation=nothing), policy, "revocation", now)
    assert found.got == "nothing can be revoked"


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


def test_half_a_version_is_not_stated(authentic_of: Make, policy_of: Make, now: datetime) -> None:
    """Where one part of what is compared is missing, the claim is not stated."""
    _, good, _, _ = EXAMPLES["snp", "provisional_firmware"]
    key = "snp.provisional_firmware"
    for name in good:
        fields = {other: value for other, value in good.items() if other != name}
        authentic = authentic_of(fields=fields)
        (found,) = check_of(authentic, policy_of(**{key: "forbidden"}), key, now)
        assert (found.outcome, found.got) == ("failed", NOT_STATED)
