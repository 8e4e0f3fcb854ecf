"""The policy file of Enarx 0.7's Steward (``--config``), read as ours.

Two tables, ``[sgx]`` and ``[snp]``; a platform without one is not accepted here, because there any
program passed.  What 0.7 checked is demanded; what it read and never checked (``policy_flags``) is
demanded too; what it did not look at is left out, and says so.  An SGX enclave with debugging
passes only where ``features`` names it.  What ours cannot say is an error.

Sources: enarx/steward, crates/attestation/src/{lib,snp/config,snp/mod,sgx/config,sgx/mod}.rs at
455c0536 and 17e3ccc6 (keys, errors, checks); the semver crate 1.0 (requirements).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from enarx.appraisal.composition import MAX_BYTES
from enarx.steward.policies.document import parse
from enarx.steward.policies.enarx07_rules import Found, sgx, snp
from enarx.steward.policies.enarx07_text import write
from enarx.wire.shape import Many, Table, Text, Whole
from enarx.wire.shape_check import Problems, read
from enarx.wire.toml import read_toml

if TYPE_CHECKING:
    from collections.abc import Mapping

    from enarx.errors import MisconfiguredError


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """A policy of 0.7's as ours.

    Args:
        text: the document; it passes ``document.parse``.
        notes: what counts otherwise than it did, for people; they stand in the text too.
    """

    text: str
    notes: tuple[str, ...]


def imported(
    data: bytes, where: str, *, name: str = "enarx-0.7", dns_names: tuple[str, ...] = ()
) -> Imported:
    """The policy in *data*.

    Args:
        where: what to call it in errors.
        name: what results call the policy.
        dns_names: that certificates may have; 0.7 had them on its command line (``--san``).

    Raises:
        MisconfiguredError: the first problem; a hint says how many more there are.  Or *name* or
            *dns_names* cannot be used.
    """
    problems = Problems(where)
    loaded = read_toml(data, problems, most=MAX_BYTES)
    values: Mapping[str, object] = {}
    if not problems.found:
        values = cast("Mapping[str, object]", read(_FILE, loaded, "", problems))
    if not problems.found and not values:
        hint = "0.7 accepted every program then; write a policy: enarx steward policy init"
        problems.add("", "neither [sgx] nor [snp] is there", hint)
    found = _sections(values, problems) if not problems.found else {}
    if problems.found:
        raise _first(problems)
    text, notes = write(found, name=name, source=where, dns_names=dns_names)
    parse(text.encode(), where)
    return Imported(text=text, notes=notes)


def _sections(values: Mapping[str, object], problems: Problems) -> dict[str, Found]:
    readers = {"snp": snp, "sgx": sgx}
    return {
        platform: reader(cast("Mapping[str, object]", values[platform]), problems)
        for platform, reader in readers.items()
        if platform in values
    }


def _first(problems: Problems) -> MisconfiguredError:
    first = problems.found[0]
    if len(problems.found) > 1:
        first.hints = (*first.hints, f"{len(problems.found) - 1} more problems")
    return first


_TEXTS = Many("Digests, in hexadecimal.", Text())
_U16 = 0xFFFF
_MEASUREMENTS = {"signer": _TEXTS, "hash": _TEXTS, "hash_blacklist": _TEXTS}
_FILE = Table(
    "The file.",
    {
        "sgx": Table(
            "What enclaves must be.",
            {
                **_MEASUREMENTS,
                "features": Many(
                    "Allowed features.",
                    Text(choices=("CET", "Debug", "EInitKey", "KSS", "ProvisioningKey")),
                ),
                "misc_select": Many("Allowed parameters.", Text(choices=("EXINFO",))),
                "enclave_security_version": Whole("The minimum.", 0, _U16),
                "enclave_product_id": Whole("The only one.", 0, _U16),
                "allowed_advisories": Many(
                    "Those that may be open.", Text(pattern=r"^[\u0020-\u007e]{1,200}$")
                ),
            },
        ),
        "snp": Table(
            "What guests must be.",
            {
                **_MEASUREMENTS,
                "id_key_digest": _TEXTS,
                "id_key_digest_blacklist": _TEXTS,
                "abi": Text(about="A requirement of versions."),
                "policy_flags": Many(
                    "Flags of the guest's policy.", Text(choices=("Debug", "SingleSocket", "SMT"))
                ),
                "platform_info_flags": Text(about="The platform's flags.", choices=("SME", "TSME")),
            },
        ),
    },
)
