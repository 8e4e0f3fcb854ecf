"""Every field of a report by its dotted name, computed when it is asked for.

Names are ``snp.`` and the specification's field in snake case.  What the product's layout or the
report's version does not have is absent, never zero.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING

from enarx.tee.claims import ClaimValue
from enarx.tee.snp.products import PRODUCTS, Product
from enarx.tee.snp.report import CPUID_SINCE, MITIGATIONS_SINCE, TCB_FIELDS, VERSIONS
from enarx.tee.snp.tcb import COMPONENTS, LAYOUTS, TcbVersion, interpret

if TYPE_CHECKING:
    from enarx.tee.snp.report import AttestationReport
    from enarx.tee.snp.vek import Vek

_Getter = Callable[["ReportFields"], ClaimValue]


class ReportFields(Mapping[str, ClaimValue]):
    """A read-only view of a report, and of the VEK that signed it once that is known.

    Args:
        product: None where the report does not tell (version 2), and then TCBs are only shown raw.
        vek: None as long as nothing is verified.
    """

    __slots__ = ("_getters", "product", "report", "vek")

    def __init__(
        self, report: AttestationReport, product: Product | None, vek: Vek | None = None
    ) -> None:
        self.report, self.product, self.vek = report, product, vek
        self._getters = _GETTERS[report.version, product, vek is not None]

    def __getitem__(self, name: str) -> ClaimValue:
        return self._getters[name](self)

    def __iter__(self) -> Iterator[str]:
        return iter(self._getters)

    def __len__(self) -> int:
        return len(self._getters)

    def __repr__(self) -> str:
        return f"ReportFields({dict(self)!r})"

    @property
    def current_tcb(self) -> TcbVersion:
        """CURRENT_TCB, interpreted."""
        return self._tcb("current_tcb")

    @property
    def committed_tcb(self) -> TcbVersion:
        """COMMITTED_TCB, interpreted."""
        return self._tcb("committed_tcb")

    @property
    def reported_tcb(self) -> TcbVersion:
        """REPORTED_TCB, interpreted."""
        return self._tcb("reported_tcb")

    @property
    def launch_tcb(self) -> TcbVersion:
        """LAUNCH_TCB, interpreted."""
        return self._tcb("launch_tcb")

    @property
    def chip_id_masked(self) -> bool:
        """CHIP_ID is zero, as the host can have it (MASK_CHIP_ID)."""
        return not self.report.chip_id.strip(b"\0")

    def _tcb(self, name: str) -> TcbVersion:
        if self.product is None:
            raise KeyError(name)
        return interpret(getattr(self.report, name), self.product, f"report.{name}")


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    source: str  # a path of attributes from ReportFields
    since: int = VERSIONS[0]
    vek: bool = False


def _plain(*names: str, since: int = VERSIONS[0]) -> tuple[_Field, ...]:
    return tuple(_Field(f"snp.{name}", f"report.{name}", since) for name in names)


def _within(name: str, *parts: str) -> tuple[_Field, ...]:
    raw = _Field(f"snp.{name}.raw", f"report.{name}.value")
    return (raw, *(_Field(f"snp.{name}.{part}", f"report.{name}.{part}") for part in parts))


def _signer(*names: str) -> tuple[_Field, ...]:
    return tuple(_Field(f"snp.{name}", f"report.signer_info.{name}") for name in names)


_POLICY = (
    "abi_minor", "abi_major", "smt", "migrate_ma", "debug", "single_socket", "cxl_allow",
    "mem_aes_256_xts", "rapl_dis", "ciphertext_hiding_dram", "page_swap_disable",
)  # fmt: skip
_PLATFORM_INFO = (
    "smt_en", "tsme_en", "ecc_en", "rapl_dis", "ciphertext_hiding_dram_en", "alias_check_complete",
    "tio_en",
)  # fmt: skip

_FIELDS: tuple[_Field, ...] = (  # in the order of the report; TCBs are expanded by layout
    *_plain("version", "guest_svn"),
    *_within("policy", *_POLICY),
    *_plain("family_id", "image_id", "vmpl", "signature_algo", "current_tcb"),
    *_within("platform_info", *_PLATFORM_INFO),
    *_signer("author_key_en", "mask_chip_key", "signing_key"),
    *_plain("report_data", "measurement", "host_data", "id_key_digest", "author_key_digest"),
    *_plain("report_id", "report_id_ma", "reported_tcb"),
    *_plain("cpuid_fam_id", "cpuid_mod_id", "cpuid_step", since=CPUID_SINCE),
    *_plain("chip_id"),
    _Field("snp.chip_id_masked", "chip_id_masked"),
    *_plain("committed_tcb", "current_build", "current_minor", "current_major"),
    *_plain("committed_build", "committed_minor", "committed_major", "launch_tcb"),
    *_plain("launch_mit_vector", "current_mit_vector", since=MITIGATIONS_SINCE),
    *(
        _Field(f"snp.vek.{name}", f"vek.{name}", vek=True)
        for name in ("signer", "product_name", "hwid", "csp_id")
    ),
)


def _getters(version: int, product: Product | None, *, vek: bool) -> dict[str, _Getter]:
    found: dict[str, _Getter] = {}
    for field in _FIELDS:
        if version < field.since or (field.vek and not vek):
            continue
        part = field.name.removeprefix("snp.")
        if part not in TCB_FIELDS:
            found[field.name] = attrgetter(field.source)
            continue
        found[f"{field.name}.raw"] = attrgetter(field.source)
        for component in COMPONENTS[LAYOUTS[product]] if product else ():
            found[f"{field.name}.{component}"] = attrgetter(f"{part}.{component}")
    return found | ({"snp.product": attrgetter("product")} if product else {})


_GETTERS: dict[tuple[int, Product | None, bool], dict[str, _Getter]] = {
    (version, product, vek): _getters(version, product, vek=vek)
    for version in VERSIONS
    for product in (None, *PRODUCTS)
    for vek in (False, True)
}
