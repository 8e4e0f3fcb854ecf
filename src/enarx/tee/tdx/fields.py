"""The names of TDX claims, after Trustee where it has one."""

from __future__ import annotations

from itertools import product
from operator import attrgetter
from typing import TYPE_CHECKING

from enarx.tee.dcap.fields import octets, of_derived, of_flags, of_header, of_record
from enarx.tee.dcap.quote import V4, V5
from enarx.tee.tdx.report import TdReport10, TdReport15, TdReport15Ex

if TYPE_CHECKING:
    from enarx.tee.dcap.fields import Getters
    from enarx.tee.tdx.report import TdReport

_BODY = "tdx.quote.body"
_NAMES = {"tee_tcb_svn": "tcb_svn", "mr_signer_seam": "mrsigner_seam"}
_ATTRIBUTES = (
    "debug", "hgs_plus_prof", "perf_prof", "pmt_prof", "icssd", "lass", "sept_ve_disable",
    "migratable", "pks", "key_locker", "tpa", "perfmon", "unknown",
)  # fmt: skip

_LAYOUTS: tuple[tuple[int, type[TdReport]], ...] = (
    (V4, TdReport10),
    (V5, TdReport10),
    (V5, TdReport15),
    (V5, TdReport15Ex),
)


def _evidence(version: int, cls: type[TdReport]) -> Getters:
    """With a quote at ``quote`` and its body at ``report``."""
    body = {
        **of_record(cls, _BODY, "report", _NAMES),
        f"{_BODY}.td_attributes": octets("report.td_attributes", 8),
        f"{_BODY}.xfam": octets("report.xfam", 8),
    }
    return {
        **of_header("tdx.quote.header", version),
        "tdx.quote.body_type": attrgetter("quote.body_type"),
        **body,
        **of_flags("tdx.td_attributes", "report.td_attributes", _ATTRIBUTES),
    }


EVIDENCE: dict[tuple[int, type[TdReport]], Getters] = {
    (version, cls): _evidence(version, cls) for version, cls in _LAYOUTS
}
"""By the version of the quote and the layout of its body."""

_MODULE: Getters = {
    "tdx.module_tcb_status": attrgetter("verdict.module"),
    "tdx.module_id": attrgetter("verdict.module_name"),
}

CLAIMS: dict[tuple[int, type[TdReport], bool, bool, bool], Getters] = {
    (version, cls, supported, multi_package, module): {
        **EVIDENCE[version, cls],
        **of_derived("tdx", supported=supported, multi_package=multi_package),
        "tdx.current_tcb_status": attrgetter("verdict.current"),
        **(_MODULE if module else {}),
    }
    for version, cls in _LAYOUTS
    for supported, multi_package, module in product((False, True), repeat=3)
}
"""The same, then whether the verdict has a date, whether there can be many packages, and whether
the TDX module has a status of its own."""
