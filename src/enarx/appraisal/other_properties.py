"""What a policy states about AWS Nitro, Arm CCA, Azure's vTPM and NVIDIA's devices.

Sources of the fields: AWS, Nitro Enclaves attestation process; Arm DEN0137 (RMM), section A7.2;
Microsoft, guest attestation design; NVIDIA, attestation-sdk.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from enarx.appraisal.comparison import NOT_STATED, Within
from enarx.appraisal.demand import EachOneOf
from enarx.appraisal.property import (
    PRINTABLE,
    Property,
    Words,
    compared,
    hexadecimal,
    left_out,
    listed_bytes,
    minimum,
    setting,
)
from enarx.wire.shape import Many, Named, Text

if TYPE_CHECKING:
    from collections.abc import Callable

    from enarx.appraisal.comparison import Comparison, Got
    from enarx.appraisal.demand import Case
    from enarx.appraisal.verdict import Concern
    from enarx.tee.claims import ClaimValue


def each_part(prefix: str, suffix: str) -> Callable[[Case], Got]:
    """A field of every numbered part, as one list; None where there is no part.

    A part that does not state it has its name in the list, which no policy allows.
    """

    def fact(case: Case) -> Got:
        fields = case.authentic.claims.fields
        found = (re.match(f"{re.escape(prefix)}[0-9]+", name) for name in fields)
        parts = dict.fromkeys(part[0] for part in found if part)
        return tuple(_text(part, fields.get(f"{part}{suffix}")) for part in parts) or None

    return fact


def _text(part: str, value: ClaimValue | None) -> str:
    if value is None:
        return f"{part}: {NOT_STATED}"
    return value.hex() if isinstance(value, bytes) else str(value)


def _within(values: tuple[str, ...]) -> Comparison:
    return Within(frozenset(values))


def _within_bytes(values: tuple[str, ...]) -> Comparison:
    return Within(frozenset(value.lower() for value in values))


def _each(
    key: str,
    fact: Callable[[Case], Got],
    claim: str,
    words: Words,
    *,
    item: Text,
    leave: str,
    concern: Concern = "hardware",
) -> Property:
    """Something of every part, each of which must be listed."""
    return Property(
        key=key,
        about=words.about,
        value=Many(words.about, item, least=1),
        demand=compared(claim, fact, _within if item.pattern == PRINTABLE else _within_bytes),
        claim=claim,
        fact=fact,
        concern=concern,
        risk=words.risk,
        hint=words.hint,
        starter=left_out(leave),
    )


def _registers(prefix: str, pattern: str, sizes: str, words: Words, leave: str) -> Property:
    """Registers by name, each with the values that it may have."""

    def demand(value: dict[str, tuple[str, ...]]) -> EachOneOf:
        if not value:
            problem = "names no register"
            raise ValueError(problem)
        sets = {name: frozenset(map(bytes.fromhex, values)) for name, values in value.items()}
        return EachOneOf(prefix, sets)

    def fact(case: Case) -> Got:
        names = (name.removeprefix(prefix) for name in case.authentic.claims.fields)
        return tuple(name for name in names if re.fullmatch(pattern, name))

    item = Text(wanted="a register's value in hexadecimal", pattern=sizes)
    return Property(
        key="pcrs",
        about=words.about,
        value=Named(
            words.about,
            Text(wanted="a register's name", pattern=pattern),
            Many("The values that it may have.", item, least=1),
        ),
        demand=demand,
        claim=f"{prefix}pcrs",
        fact=fact,
        concern="executables",
        risk=words.risk,
        hint=words.hint,
        starter=left_out(leave),
    )


_ANY_BYTES = hexadecimal(0)
_ANY_TEXT = Text(wanted="its name, in ASCII", pattern=PRINTABLE)

NITRO: tuple[Property, ...] = (
    _registers(
        "nitro.",
        r"^(nitrotpm_)?pcr(0|[1-9]|[12][0-9]|3[01])$",
        r"^[0-9a-fA-F]{96}$",
        Words(
            about="registers beside those of the image",
            risk="role, parent instance and what the enclave extended itself may be any",
            hint="run the enclave under the role and in the instance that was agreed",
        ),
        "the image's reference values name the registers that matter",
    ),
    listed_bytes(
        "nonces",
        "nitro.nonce",
        Words(
            about="the nonce",
            risk="the document may be as old as its certificate allows, three hours",
            hint="ask for a document with a fresh nonce",
        ),
        size=0,
        leave="the binding carries what makes it fresh",
        concern="instance-identity",
    ),
)

CCA: tuple[Property, ...] = (
    listed_bytes(
        "personalization_values",
        "cca.realm.personalization_value",
        Words(
            about="the value that the host gave at launch (RPV)",
            risk="the host may have configured the realm as it likes",
            hint="launch the realm with the value that was agreed",
        ),
        size=64,
        leave="the realm does not use it",
    ),
    listed_bytes(
        "implementation_ids",
        "cca.platform.implementation_id",
        Words(
            about="the platform's implementation",
            risk="any implementation whose key is pinned may run the realm",
            hint="use a platform that the policy lists",
        ),
        size=32,
        leave="the pinned keys are of known platforms",
        concern="hardware",
    ),
    _each(
        "component_measurements",
        each_part("cca.platform.sw_component", ".measurement"),
        "cca.platform.sw_components",
        Words(
            about="the measurement of every firmware component",
            risk="firmware with published holes may run the realm",
            hint="update the platform's firmware, or add its measurements",
        ),
        item=_ANY_BYTES,
        leave="EDIT THIS: state the measurements of the firmware that may run",
    ),
    _each(
        "component_signers",
        each_part("cca.platform.sw_component", ".signer_id"),
        "cca.platform.sw_component_signers",
        Words(
            about="the signer of every firmware component",
            risk="firmware of anybody may run the realm",
            hint="use a platform whose firmware a listed key signed",
        ),
        item=_ANY_BYTES,
        leave="EDIT THIS: state the keys that may sign firmware",
    ),
)

AZURE: tuple[Property, ...] = (
    setting(
        "secure_boot",
        "azure.vm_configuration.secure-boot",
        Words(
            about="secure boot",
            risk="an unsigned boot loader or kernel may run; only registers tell",
            hint="create the machine with secure boot",
        ),
        starter="required",
    ),
    setting(
        "console",
        "azure.vm_configuration.console-enabled",
        Words(
            about="the serial console",
            risk="who may use the console may log in",
            hint="create the machine without a console",
        ),
        starter="allowed",
    ),
    listed_bytes(
        "user_data",
        "azure.user_data",
        Words(
            about="the user data in the paravisor's report",
            risk="none where the nonce of the vTPM's quote is what counts",
            hint="ask for a report with the data that was agreed",
        ),
        size=64,
        leave="the nonce of the vTPM's quote is what counts",
        concern="instance-identity",
    ),
)

_DEVICE = "nvgpu.device"

NVGPU: tuple[Property, ...] = (
    minimum(
        "minimum_devices",
        "nvgpu.distinct_devices",
        Words(
            about="the number of devices that proved themselves",
            risk="a device may be missing from the list",
            hint="collect the evidence of every device",
        ),
        most=256,
        leave="the application knows how many devices it uses",
    ),
    _each(
        "chips",
        each_part(_DEVICE, ".chip"),
        "nvgpu.chips",
        Words(
            about="the chip of every device",
            risk="any chip that NVIDIA vouches for may be used",
            hint="use devices with a chip that the policy lists",
        ),
        item=_ANY_TEXT,
        leave="any chip that NVIDIA vouches for will do",
    ),
    _each(
        "driver_versions",
        each_part(_DEVICE, ".driver_version"),
        "nvgpu.driver_versions",
        Words(
            about="the driver of every device",
            risk="a driver with published holes may run it",
            hint="update the driver",
        ),
        item=_ANY_TEXT,
        leave="EDIT THIS: state the drivers that may run",
    ),
    _each(
        "vbios_versions",
        each_part(_DEVICE, ".vbios_version"),
        "nvgpu.vbios_versions",
        Words(
            about="the firmware (VBIOS) of every device",
            risk="firmware with published holes may run it",
            hint="update the firmware",
        ),
        item=_ANY_TEXT,
        leave="EDIT THIS: state the firmware that may run",
    ),
)
