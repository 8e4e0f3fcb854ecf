"""The HCL report: what Azure's paravisor writes into the vTPM (NV index 0x01400001) at boot.

A header, the hardware's report, and runtime data in JSON whose hash the hardware's report holds.
Only the hash binds anything: the header and the lengths are unsigned.

Sources: Microsoft, "Azure confidential VM guest attestation design" (guest attestation, HCL report
structure); kinvolk/azure-cvm-tooling, az-cvm-vtpm, hcl/mod.rs (versions 1 and 2, TDX).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from enarx.errors import MalformedError
from enarx.wire.reader import Reader
from enarx.wire.record import raw, record, size_of, u32, unpack, zero

if TYPE_CHECKING:
    from collections.abc import Callable

Kind = Literal["snp", "tdx"]

MAX_BYTES = 64 * 1024
"""Of one report; the vTPM's index holds 2600 bytes."""

HARDWARE_BYTES = 1184
"""Reserved for the hardware's report, which is an SNP report's size."""
TD_REPORT_BYTES = 1024
"""Of TDREPORT_STRUCT, behind which zeros follow."""

_SIGNATURE = b"HCLA"
_KINDS: dict[int, Kind] = {2: "snp", 4: "tdx"}
_TD_REPORT_DATA = 128
"""Where REPORTDATA begins in TDREPORT_STRUCT (Intel 348551, REPORTMACSTRUCT)."""


def _signature(value: bytes) -> bytes:
    if value != _SIGNATURE:
        raise ValueError(f"got {value.hex()}, want {_SIGNATURE.hex()} (HCLA)")
    return value


def _one_of(*known: int) -> Callable[[int], int]:
    def check(value: int) -> int:
        if value not in known:
            raise ValueError(f"got {value}, want {' or '.join(map(str, known))}")
        return value

    return check


@record(size=32)
class Header:
    """HCL_REPORT_HEADER, little-endian."""

    signature: bytes = raw(0x00, 4, _signature)
    version: int = u32(0x04, _one_of(1, 2))
    report_size: int = u32(0x08)
    request_type: int = u32(0x0C, _one_of(2))
    status: int = u32(0x10, _one_of(0))
    reserved_14: bytes = zero(0x14, 12)


@record(size=20)
class RuntimeHead:
    """IGVM_REQUEST_DATA, up to the runtime data, little-endian."""

    data_size: int = u32(0x00)
    version: int = u32(0x04, _one_of(1))
    report_type: int = u32(0x08, _one_of(*_KINDS))
    hash_type: int = u32(0x0C, _one_of(1))  # SHA-256
    variable_data_size: int = u32(0x10)


@dataclass(frozen=True, slots=True, kw_only=True)
class HclReport:
    """An HCL report in shape.

    Args:
        version: of its header; nothing else differs.
        kind: what hardware made *hardware*.
        hardware: an SNP report (1184 bytes) or a TDREPORT_STRUCT (1024 bytes).
        runtime_data: JSON, as it was hashed.
    """

    version: int
    kind: Kind
    hardware: bytes
    runtime_data: bytes

    @property
    def td_report_data(self) -> bytes:
        """REPORTDATA of the TDREPORT_STRUCT, 64 bytes; only of the kind "tdx"."""
        reader = Reader(self.hardware, "TD report")
        reader.take(_TD_REPORT_DATA, "beginning")
        return reader.take(64, "report data")


def parse(data: bytes) -> HclReport:
    """*data* as one report, behind which there may be zeros up to the index's end.

    Raises:
        MalformedError: another version, a kind or hash that is unknown, sizes that do not fit.
    """
    where = "HCL report"
    if len(data) > MAX_BYTES:
        raise MalformedError(where, f"got {len(data)} bytes, want at most {MAX_BYTES}")
    reader = Reader(data, where)
    header = unpack(Header, reader.take(size_of(Header), "header"), f"{where}.header")
    hardware = reader.take(HARDWARE_BYTES, "hardware report")
    head = unpack(
        RuntimeHead, reader.take(size_of(RuntimeHead), "runtime head"), f"{where}.runtime"
    )
    if head.data_size != size_of(RuntimeHead) + head.variable_data_size:
        raise MalformedError(where, f"data of {head.data_size} bytes do not fit its own parts")
    if header.report_size != size_of(Header) + HARDWARE_BYTES + head.data_size:
        raise MalformedError(where, f"report of {header.report_size} bytes does not fit its parts")
    runtime_data = reader.take(head.variable_data_size, "runtime data")
    reader.zeros(reader.left, "end")
    kind = _KINDS[head.report_type]
    return HclReport(
        version=header.version,
        kind=kind,
        hardware=hardware if kind == "snp" else _td_report(hardware),
        runtime_data=runtime_data,
    )


def _td_report(hardware: bytes) -> bytes:
    reader = Reader(hardware, "HCL report.hardware report")
    found = reader.take(TD_REPORT_BYTES, "TD report")
    reader.zeros(reader.left, "end")
    return found
