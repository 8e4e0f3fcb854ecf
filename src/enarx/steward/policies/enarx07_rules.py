"""What each key of Enarx 0.7's policy file demands, in the words of our policies.

Sources: as of ``enarx07``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from enarx.appraisal.image import ImageName, ReferenceValue
from enarx.appraisal.neutral import INTEL_STATUSES
from enarx.steward.policies.enarx07_abi import minimum_abi
from enarx.wire.shape import Unchecked
from enarx.wire.shape_check import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from enarx.wire.shape_check import Problems

NOT_LOOKED_AT = Unchecked("Enarx 0.7 did not look at it")
IMAGE = ImageName("enarx-0.7", "imported")

_SNP_BYTES = 48
_SGX_BYTES = 32
_INIT, _DEBUG, _MODE64BIT, _PROVISION_KEY, _EINITTOKEN_KEY, _CET, _KSS = 0, 1, 2, 4, 5, 6, 7
"""Bits of an enclave's attributes (Intel SDM, volume 3D, ATTRIBUTES)."""
_FEATURES = {
    "CET": _CET,
    "Debug": _DEBUG,
    "EInitKey": _EINITTOKEN_KEY,
    "KSS": _KSS,
    "ProvisioningKey": _PROVISION_KEY,
}
_STRENGTHENING = ("alias_check_complete", "ciphertext_hiding_dram_en", "ecc_en", "rapl_dis")
"""Flags of a platform that 0.7 did not know, and that only make it better."""


@dataclass(slots=True)
class Found:
    """What one section demands.

    Args:
        stated: by our keys, without the platform's name.
        references: what its images measure.
        notes: what counts otherwise than it did.
    """

    stated: dict[str, object] = field(default_factory=dict)
    references: list[ReferenceValue] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def snp(values: Mapping[str, object], problems: Problems) -> Found:
    """The section ``[snp]``, and what 0.7 demanded of every guest."""
    found = Found()
    found.stated |= {
        "debug": "forbidden",
        "migration": "forbidden",
        "vmpl": (0,),
        "family_ids": (bytes(16),),
        "image_ids": (bytes(16),),
        "host_data": (bytes(32),),
        "signers": ("vcek",),
        "policy.ciphertext_hiding_dram": "allowed",
        "policy.page_swap_disable": "allowed",
    }
    lists = _measured(values, "snp", _SNP_BYTES, problems)
    _image(found, "snp", lists["hash"])
    _listed(found, "author_key_digests", lists["signer"])
    keys = _allowed(values, "snp", "id_key_digest", _SNP_BYTES, problems)
    _listed(found, "id_key_digests", keys)
    if any(not any(key) for key in lists["signer"]):
        problems.add("snp.signer", "a digest of zeros stands for no author key", "leave it out")
    abi = minimum_abi(str(values.get("abi", "*")), problems)
    found.stated["minimum_policy_abi"] = abi or Unchecked("Enarx 0.7's file demands none")
    _policy_flags(found, values)
    _platform_info(found, values)
    return found


def sgx(values: Mapping[str, object], problems: Problems) -> Found:
    """The section ``[sgx]``."""
    found = Found()
    lists = _measured(values, "sgx", _SGX_BYTES, problems)
    _image(found, "sgx", lists["hash"])
    _listed(found, "mr_signer", lists["signer"])
    if "enclave_product_id" in values:
        found.stated["isv_prod_id"] = (values["enclave_product_id"],)
    if "enclave_security_version" in values:
        found.stated["minimum_isv_svn"] = values["enclave_security_version"]
    _features(found, values)
    _advisories(found, values)
    if values.get("misc_select"):
        found.notes.append("sgx.misc_select named all that 0.7 knew, and is not looked at")
    return found


def _policy_flags(found: Found, values: Mapping[str, object]) -> None:
    flags = cast("tuple[str, ...] | None", values.get("policy_flags"))
    found.stated["smt"] = "allowed" if flags is None or "SMT" in flags else "forbidden"
    single = flags is not None and "SingleSocket" in flags
    found.stated["policy.single_socket"] = "required" if single else "allowed"
    if flags is None:
        return
    found.notes.append("snp.policy_flags was read by 0.7 and never checked; it is demanded now")
    if "Debug" in flags:
        found.notes.append("snp.policy_flags names Debug, which 0.7 refused all the same")


def _platform_info(found: Found, values: Mapping[str, object]) -> None:
    flag = values.get("platform_info_flags")
    if flag is None:
        return
    on = {"SME": "smt_en", "TSME": "tsme_en"}[str(flag)]
    for name in ("smt_en", "tsme_en", "tio_en"):
        found.stated[f"platform_info.{name}"] = "required" if name == on else "forbidden"
    for name in _STRENGTHENING:
        found.stated[f"platform_info.{name}"] = "allowed"
    found.notes.append(
        f'snp.platform_info_flags = "{flag}" is the bit {on.upper()} of AMD 56860; 0.7 refused '
        "every other bit, also those of protections that came later, which may be on now"
    )


def _features(found: Found, values: Mapping[str, object]) -> None:
    """A set that may be there: every other bit must be zero, reserved ones too."""
    if "features" not in values:
        found.stated["debug"] = "forbidden"
        found.notes.append(
            "sgx.features is not there: 0.7 let enclaves with debugging pass, they are refused now"
        )
        return
    named = cast("tuple[str, ...]", values["features"])
    found.stated["debug"] = "allowed" if "Debug" in named else "forbidden"
    found.stated["kss"] = "allowed" if "KSS" in named else "forbidden"
    allowed = sum(1 << bit for bit in {_INIT, _MODE64BIT, *(_FEATURES[name] for name in named)})
    mask = bytes(~allowed >> shift & 0xFF for shift in range(0, 64, 8))
    found.stated["attributes"] = {"mask": mask.hex(), "value": bytes(8).hex()}
    if "Debug" in named:
        found.notes.append("sgx.features names Debug: the host may read and change such an enclave")


def _advisories(found: Found, values: Mapping[str, object]) -> None:
    allowed = cast("tuple[str, ...]", values.get("allowed_advisories", ()))
    if not allowed:
        found.stated["tcb.statuses"] = ("UpToDate",)
        found.stated["tcb.advisories"] = Unchecked("no advisory is open where it is up to date")
        return
    found.stated["tcb.statuses"] = INTEL_STATUSES
    found.stated["tcb.advisories"] = allowed
    found.notes.append(
        "sgx.allowed_advisories: as with 0.7, the status of the TCB does not count beside it, "
        "except that a revoked one is refused"
    )


def _image(found: Found, platform: str, hashes: tuple[bytes, ...]) -> None:
    if not hashes:
        found.stated["image"] = Unchecked("Enarx 0.7's file names no hash; its signer decides")
        return
    found.stated["image"] = (IMAGE._asdict(),)
    measurement = {"snp": "measurement", "sgx": "mr_enclave"}[platform]
    measurements: dict[str, frozenset[bytes] | Unchecked] = {measurement: frozenset(hashes)}
    if platform == "sgx":
        measurements["mr_signer"] = Unchecked("the property sgx.mr_signer is about it")
    one = ReferenceValue(image=IMAGE, platform=platform, measurements=measurements)
    found.references.append(one)


def _listed(found: Found, key: str, values: tuple[bytes, ...]) -> None:
    found.stated[key] = values or Unchecked("Enarx 0.7's file names none")


def _measured(
    values: Mapping[str, object], platform: str, size: int, problems: Problems
) -> dict[str, tuple[bytes, ...]]:
    """Signers and hashes, of which 0.7 wanted one."""
    found = {"signer": _digests(values, platform, "signer", size, problems)}
    found["hash"] = _allowed(values, platform, "hash", size, problems)
    if not any(values.get(key) for key in ("signer", "hash", "hash_blacklist")):
        problem = "one of `signer`, `hash`, or `hash_blacklist` must be specified"
        problems.add(platform, problem)
    return found


def _allowed(
    values: Mapping[str, object], platform: str, key: str, size: int, problems: Problems
) -> tuple[bytes, ...]:
    """A list of what may be, and its blacklist, which says nothing more where there is a list."""
    allowed = _digests(values, platform, key, size, problems)
    denied = _digests(values, platform, f"{key}_blacklist", size, problems)
    path = f"{platform}.{key}_blacklist"
    for one in allowed:
        if one in denied:
            problems.add(path, f"same hash `{one.hex()}` in both `{key}` and `{key}_blacklist`")
    if denied and not allowed:
        hint = f"list what may run in {platform}.{key}; whoever builds anew escapes a blacklist"
        problems.add(path, f"cannot be stated without {key}", hint)
    return allowed


def _digests(
    values: Mapping[str, object], platform: str, key: str, size: int, problems: Problems
) -> tuple[bytes, ...]:
    found: dict[bytes, None] = {}
    for number, text in enumerate(cast("tuple[str, ...]", values.get(key, ()))):
        path = f"{platform}.{key}[{number}]"
        try:
            one = bytes.fromhex(text) if text.isalnum() else None
        except ValueError:
            one = None
        if one is None:
            problems.add(path, f"invalid hex: {shown(text)}")
        elif len(one) != size:
            problems.add(path, f"expected digest to have length of {size}, got {len(one)}")
        else:
            found[one] = None
    return tuple(found)
