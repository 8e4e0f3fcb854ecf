"""Evidence of Azure confidential VMs: a bundle, and the hardware's evidence inside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from enarx.tee.azure import bundle, runtime
from enarx.tee.endorsements import Endorsements
from enarx.tee.snp import evidence as snp
from enarx.tee.tdx import evidence as tdx

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from enarx.tee.claims import ClaimValue
    from enarx.tee.technology import Evidence

H = TypeVar("H", bound="Evidence")

_FIRST_KEYS = (b'"quote"', b'"report"')
_KEYS = (b'"tpm_quote"', b'"hcl_report"')


@dataclass(frozen=True, slots=True, kw_only=True)
class AzureEvidence(Generic[H]):
    """A bundle in shape.

    Args:
        bundle: its parts.
        runtime: what the HCL report says beside the hardware's report.
        hardware: the SNP report, or the TDX quote, as its own technology reads it.
    """

    raw: bytes
    bundle: bundle.Bundle
    runtime: runtime.RuntimeData
    hardware: H

    @property
    def carried(self) -> Endorsements:
        """The VCEK of a bundle of SNP, and what the hardware's evidence carries."""
        own = self.bundle.certificate
        return Endorsements(certificates=(own,) if own else ()) + self.hardware.carried

    def fields(self) -> Mapping[str, ClaimValue]:
        """The hardware's fields, then those of the bundle, as ``azure.…``."""
        return {**self.hardware.fields(), **dict(self.own_fields())}

    def own_fields(self) -> Iterator[tuple[str, ClaimValue]]:
        """Those of the bundle alone, by their dotted names."""
        yield "azure.bundle_version", self.bundle.version
        yield "azure.hcl_version", self.bundle.report.version
        for name, value in self.runtime.configuration.items():
            yield f"azure.vm_configuration.{name}", value
        yield "azure.user_data", self.runtime.user_data
        for name, value in self.bundle.quote.fields():
            yield f"azure.tpm.{name}", value


def recognises_snp(data: bytes) -> bool:
    """Whether *data* looks like a bundle with an SNP report: JSON with its keys."""
    return b'"vcek"' in data and any(_has(data, keys) for keys in (_FIRST_KEYS, _KEYS))


def recognises_tdx(data: bytes) -> bool:
    """Whether *data* looks like a bundle with a TDX quote: JSON with its keys."""
    return b'"td_quote"' in data and _has(data, _KEYS)


def parse_snp(data: bytes) -> AzureEvidence[snp.SnpEvidence]:
    """A bundle with an SNP report, in shape.

    Raises:
        MalformedError: it is none, or a part of it is not of its form.
    """
    found = bundle.parse(data, "snp")
    return AzureEvidence(
        raw=data,
        bundle=found,
        runtime=runtime.parse(found.report.runtime_data),
        hardware=snp.parse(found.report.hardware),
    )


def parse_tdx(data: bytes) -> AzureEvidence[tdx.TdxEvidence]:
    """A bundle with a TDX quote, in shape.

    Raises:
        MalformedError: it is none, or a part of it is not of its form.
    """
    found = bundle.parse(data, "tdx")
    return AzureEvidence(
        raw=data,
        bundle=found,
        runtime=runtime.parse(found.report.runtime_data),
        hardware=tdx.parse(found.td_quote),
    )


def _has(data: bytes, keys: tuple[bytes, ...]) -> bool:
    is_object = data[:64].lstrip(b" \t\r\n").startswith(b"{")
    return is_object and len(data) <= bundle.MAX_BYTES and all(key in data for key in keys)
