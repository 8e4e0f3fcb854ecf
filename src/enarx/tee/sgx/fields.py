"""The names of SGX claims, after Trustee where it has one."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

from enarx.tee.dcap.enclave import EnclaveReport
from enarx.tee.dcap.fields import octets, of_derived, of_flags, of_header, of_record
from enarx.tee.dcap.quote import V3, V4, V5

if TYPE_CHECKING:
    from enarx.tee.dcap.fields import Getters

_BODY = "sgx.body"
_NAMES = {"flags": "attributes.flags", "xfrm": "attributes.xfrm"}
_FLAGS = (
    "init", "debug", "mode64bit", "provision_key", "einittoken_key", "cet", "kss", "aex_notify",
)  # fmt: skip


def _evidence(version: int) -> Getters:
    """With a quote at ``quote`` and its body at ``report``."""
    body = {
        **of_record(EnclaveReport, _BODY, "report", _NAMES),
        f"{_BODY}.attributes.flags": octets("report.flags", 8),
        f"{_BODY}.attributes.xfrm": octets("report.xfrm", 8),
    }
    return {
        **of_header("sgx.header", version),
        "sgx.body_type": attrgetter("quote.body_type"),
        **body,
        **of_flags("sgx.attributes", "report.flags", _FLAGS),
    }


EVIDENCE: dict[int, Getters] = {version: _evidence(version) for version in (V3, V4, V5)}
"""By the version of the quote."""

CLAIMS: dict[tuple[int, bool, bool], Getters] = {
    (version, supported, multi_package): {
        **EVIDENCE[version],
        **of_derived("sgx", supported=supported, multi_package=multi_package),
    }
    for version in EVIDENCE
    for supported in (False, True)
    for multi_package in (False, True)
}
"""The same, then whether the verdict has a date, and whether there can be many packages."""
