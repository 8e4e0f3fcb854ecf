"""What a policy states about AMD SEV-SNP.

Source of the fields: AMD 56860 rev. 1.58, ATTESTATION_REPORT; of the list: go-sev-guest's policy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from enarx.appraisal.comparison import AtLeastVersion, Either, HasBits, Off
from enarx.appraisal.demand import Compared, MinimumTcb
from enarx.appraisal.property import (
    U32_MAX,
    Property,
    Words,
    compared,
    field,
    left_out,
    listed_bytes,
    listed_numbers,
    listed_words,
    minimum,
    setting,
)
from enarx.tee.snp.products import PRODUCTS
from enarx.tee.snp.tcb import COMPONENTS, LAYOUTS
from enarx.wire.shape import Many, Table, Text, Whole

if TYPE_CHECKING:
    from enarx.appraisal.comparison import Comparison, Got
    from enarx.appraisal.demand import Case

_VERSION = r"^[0-9]{1,3}(\.[0-9]{1,3}){%d}$"

_SVN = Whole("Its security version number.", 0, 255)
_PRODUCTS = Table(
    "By product; others are refused.",
    {
        product: Table(
            f"The numbers of {product}, all of them.",
            dict.fromkeys(COMPONENTS[LAYOUTS[product]], _SVN),
            required=tuple(COMPONENTS[LAYOUTS[product]]),
        )
        for product in PRODUCTS
    },
)


def _firmware(case: Case) -> Got:
    """The committed version: the host cannot go back behind it."""
    fields = case.authentic.claims.fields
    parts = [fields.get(f"snp.committed_{part}") for part in ("major", "minor", "build")]
    return _version(parts)


def _guest_abi(case: Case) -> Got:
    fields = case.authentic.claims.fields
    return _version([fields.get(f"snp.policy.abi_{part}") for part in ("major", "minor")])


def _version(parts: list[Any]) -> Got:
    return None if None in parts else tuple(parts)


def _provisional(case: Case) -> Got:
    """Whether what runs is newer than what is committed; a host can still go back."""
    fields = case.authentic.claims.fields
    names = ("tcb.raw", "major", "minor", "build")
    pairs = [(fields.get(f"snp.current_{n}"), fields.get(f"snp.committed_{n}")) for n in names]
    if any(None in pair for pair in pairs):
        return None
    return any(current != committed for current, committed in pairs)


def _tcb(name: str) -> Any:  # noqa: ANN401 - a fact
    def fact(case: Case) -> Got:
        prefix = f"snp.{name}."
        fields = case.authentic.claims.fields  # computes each value when it is asked for
        found = [(key, fields[key]) for key in fields if key.startswith(prefix)]
        return tuple(
            f"{key.removeprefix(prefix)} {value}"
            for key, value in found
            if not isinstance(value, bytes)
        )

    return fact


def _minimum_tcb(key: str, name: str, about: str, risk: str) -> Property:
    def demand(value: dict[str, dict[str, int]]) -> MinimumTcb:
        if not value:
            problem = "names no product, so that nothing could pass"
            raise ValueError(problem)
        return MinimumTcb(f"snp.{name}", value)

    return Property(
        key=key,
        about=about,
        value=_PRODUCTS,
        demand=demand,
        claim=f"snp.{name}",
        fact=_tcb(name),
        concern="hardware",
        risk=risk,
        hint="update the host's firmware, or use another host",
        starter=left_out("EDIT THIS: state the numbers of the newest firmware that you know of"),
    )


def _at_least_version(value: str) -> Comparison:
    return AtLeastVersion(tuple(int(part) for part in value.split(".")))


def _bits(value: tuple[int, ...]) -> Comparison:
    return HasBits(frozenset(value))


def _off_or_either(value: str) -> Comparison:
    return Off() if value == "forbidden" else Either()


def _mitigations(which: str, claim: str) -> Property:
    fact = field(claim)
    about = f"the vector of the mitigations that were on {which}"
    return Property(
        key=f"{claim.removeprefix('snp.').removesuffix('_mit_vector')}_mitigations",
        about=about,
        value=Many("The bits that must be set.", Whole("A bit of the vector.", 0, 63)),
        demand=compared(claim, fact, _bits),
        claim=claim,
        fact=fact,
        concern="hardware",
        risk="a hole that the firmware could close may be open",
        hint="update the host's firmware; reports before version 5 do not say",
        starter=left_out("only reports of version 5 say"),
    )


def _policy_bit(name: str, about: str, risk: str) -> Property:
    words = Words(about=about, risk=risk, hint="launch the guest with another policy")
    return setting(f"policy.{name}", f"snp.policy.{name}", words, starter="allowed")


def _platform_bit(name: str, about: str, risk: str) -> Property:
    words = Words(about=about, risk=risk, hint="change the host's settings, or use another host")
    return setting(f"platform_info.{name}", f"snp.platform_info.{name}", words, starter="allowed")


_KEY_HINT = "launch with an ID block that a listed key signed"

SNP: tuple[Property, ...] = (
    _minimum_tcb(
        "minimum_reported_tcb",
        "reported_tcb",
        "the TCB that the firmware reports and the chip's key is derived from",
        "firmware with published holes may run it",
    ),
    _minimum_tcb(
        "minimum_launch_tcb",
        "launch_tcb",
        "the TCB under which the guest was launched or imported",
        "the guest may have been launched by firmware with published holes",
    ),
    Property(
        key="minimum_firmware",
        about="the committed version of the firmware",
        value=Text(
            about="Major, minor and build.",
            wanted='three numbers like "1.55.21"',
            pattern=_VERSION % 2,
        ),
        demand=lambda value: Compared("snp.committed_version", _firmware, _at_least_version(value)),
        claim="snp.committed_version",
        fact=_firmware,
        concern="hardware",
        risk="old firmware lacks protections that came later",
        hint="update and commit the host's firmware",
        starter=left_out("the TCB's numbers say enough"),
    ),
    Property(
        key="provisional_firmware",
        about="firmware that the host has not committed to",
        value=Text(about="Whether it may run.", choices=("forbidden", "allowed")),
        demand=compared("snp.provisional_firmware", _provisional, _off_or_either),
        claim="snp.provisional_firmware",
        fact=_provisional,
        concern="hardware",
        risk="the host can go back to older firmware while the guest runs",
        hint="let the host commit its firmware (SNP_COMMIT)",
        starter='"forbidden"',
    ),
    _mitigations("at launch", "snp.launch_mit_vector"),
    _mitigations("when the report was made", "snp.current_mit_vector"),
    listed_words(
        "signers",
        "snp.vek.signer",
        Words(
            about="the kind of key that signed",
            risk="a provider's key (VLEK) does not tell machines apart, nor who holds it",
            hint="configure the host for the other kind of key",
        ),
        choices=("vcek", "vlek"),
        starter='["vcek"]',
        concern="hardware",
    ),
    listed_numbers(
        "vmpl",
        "snp.vmpl",
        Words(
            about="the privilege level that asked for the report",
            risk="less privileged software of the guest may speak for it",
            hint="ask for the report from the wanted level",
        ),
        most=3,
        leave="any level of the guest may ask",
    ),
    minimum(
        "guest_svn",
        "snp.guest_svn",
        Words(
            about="the guest's security version number",
            risk="an older release of the image, with holes, may run",
            hint="launch with a newer ID block",
        ),
        most=U32_MAX,
        leave="the image is checked by measurement",
    ),
    Property(
        key="minimum_policy_abi",
        about="the ABI version that the guest demands of the firmware",
        value=Text(
            about="Major and minor.", wanted='two numbers like "1.51"', pattern=_VERSION % 1
        ),
        demand=compared("snp.policy.abi", _guest_abi, _at_least_version),
        claim="snp.policy.abi",
        fact=_guest_abi,
        risk="the guest would also run on firmware that does not enforce newer rules",
        hint="launch the guest with another policy",
        starter=left_out("the firmware's own version is what counts"),
    ),
    listed_bytes(
        "host_data",
        "snp.host_data",
        Words(
            about="the data that the host gave at launch",
            risk="the host may have configured the guest as it likes",
            hint="launch with the configuration that was agreed",
        ),
        size=32,
        leave="the guest does not use it",
    ),
    listed_bytes(
        "id_key_digests",
        "snp.id_key_digest",
        Words(
            about="the key that signed the ID block",
            risk="family, image and version in the ID block may be anybody's claims",
            hint=_KEY_HINT,
        ),
        size=48,
        leave="no ID block is used",
        concern="executables",
    ),
    listed_bytes(
        "author_key_digests",
        "snp.author_key_digest",
        Words(
            about="the key that signed the ID key",
            risk="an ID key may be anybody's",
            hint=_KEY_HINT,
        ),
        size=48,
        leave="no author key is used",
        concern="executables",
    ),
    listed_bytes(
        "family_ids",
        "snp.family_id",
        Words(
            about="the family that the ID block names",
            risk="an image of another family of the same key may run",
            hint=_KEY_HINT,
        ),
        size=16,
        leave="no ID block is used",
        concern="executables",
    ),
    listed_bytes(
        "image_ids",
        "snp.image_id",
        Words(
            about="the image that the ID block names",
            risk="another image of the same key may run",
            hint=_KEY_HINT,
        ),
        size=16,
        leave="no ID block is used",
        concern="executables",
    ),
    _policy_bit(
        "single_socket",
        "the guest's demand to stay on one socket",
        "memory traffic may cross between sockets",
    ),
    _policy_bit(
        "cxl_allow",
        "the guest's permission for CXL memory",
        "memory on CXL devices is outside the processor's package",
    ),
    _policy_bit(
        "mem_aes_256_xts",
        "the guest's demand for AES-256-XTS",
        "memory may be encrypted with AES-128",
    ),
    _policy_bit(
        "rapl_dis",
        "the guest's demand that power is not measured",
        "the host can watch power consumption, a side channel",
    ),
    _policy_bit(
        "ciphertext_hiding_dram",
        "the guest's demand for hidden ciphertext",
        "the host can watch ciphertext change, a side channel",
    ),
    _policy_bit(
        "page_swap_disable",
        "the guest's demand that its pages stay",
        "the host can move and swap the guest's pages",
    ),
    _platform_bit(
        "smt_en",
        "the host's multithreading",
        "a sibling thread can observe timing and caches",
    ),
    _platform_bit(
        "tsme_en",
        "the host's encryption of all memory",
        "memory outside of guests is not encrypted",
    ),
    _platform_bit(
        "ecc_en",
        "the host's error-correcting memory",
        "flipped bits of memory (Rowhammer) are found less often",
    ),
    _platform_bit(
        "rapl_dis",
        "the host's giving up the measuring of power",
        "the host can watch power consumption, a side channel",
    ),
    _platform_bit(
        "ciphertext_hiding_dram_en",
        "the host's hiding of ciphertext",
        "the host can watch ciphertext change, a side channel",
    ),
    _platform_bit(
        "alias_check_complete",
        "the host's check for memory that answers at two addresses",
        "manipulated memory modules can let the host read and replace the guest's memory (BadRAM)",
    ),
    _platform_bit(
        "tio_en",
        "trusted input and output",
        "devices may reach the guest's memory in other ways than it expects",
    ),
)
