"""Evidence of simulated machines, for whoever has no hardware: ``enarx evidence simulate``."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from enarx.adapters.package_files import write_new
from enarx.adapters.simulated_root import default_directory, load
from enarx.errors import MalformedError, MisconfiguredError
from enarx.evidence import cmw
from enarx.tee.simulated.machine import IntelMachine
from enarx.tee.simulated.sgx import Enclave, SimulatedSgx
from enarx.tee.simulated.snp import SimulatedSnp, SnpGuest
from enarx.tee.simulated.tdx import SimulatedTdx, TdGuest
from enarx.wire.text import hexadecimal

if TYPE_CHECKING:
    from collections.abc import Callable

    from enarx.tee.endorsements import Endorsements
    from enarx.tee.simulated.root import SimulatedRoot

    Made = tuple[bytes, Endorsements]

REPORT_DATA_BYTES = 64
_DIGEST_HINT = "leave it out for zeros, or give a digest: two digits a byte, 48 bytes, 32 for sgx"
_BOUND_HINT = "give what the evidence shall be bound to, such as a digest: two digits a byte"


def simulate(platform: str, output: str, *, measurement: str, report_data: str) -> None:
    """Write simulated evidence with everything that its verification needs.

    Args:
        platform: one of ``PLATFORMS``.
        output: a new file, a conceptual message wrapper in JSON.
        measurement: hexadecimal, of the size that the platform has; zeros if empty.
        report_data: hexadecimal, at most 64 bytes, filled up with zeros.

    Raises:
        MisconfiguredError: an argument is wrong, or the file exists.
    """
    technology, size, make = PLATFORMS[platform]
    digest = _bytes("--measurement", measurement or "00" * size, _DIGEST_HINT)
    if len(digest) != size:
        problem = f"got {len(digest)} bytes, want {size} for {platform}"
        raise MisconfiguredError("--measurement", problem, hints=(_DIGEST_HINT,))
    bound = _bytes("--report-data", report_data, _BOUND_HINT)
    if len(bound) > REPORT_DATA_BYTES:
        problem = f"got {len(bound)} bytes, want at most {REPORT_DATA_BYTES}"
        raise MisconfiguredError("--report-data", problem, hints=(_BOUND_HINT,))
    root = load(default_directory(os.environ))
    now = datetime.now(UTC).replace(microsecond=0)
    evidence, endorsements = make(root, now, digest, bound.ljust(REPORT_DATA_BYTES, b"\0"))
    write_new(output, cmw.wrap(evidence, technology, endorsements, "json"))


def _bytes(option: str, text: str, hint: str) -> bytes:
    try:
        return hexadecimal(text, option)
    except MalformedError as e:
        raise MisconfiguredError(option, e.problem, hints=(hint,)) from e


def _snp(root: SimulatedRoot, now: datetime, measurement: bytes, bound: bytes) -> Made:
    machine = SimulatedSnp(root=root, issued=now)
    report = machine.report(SnpGuest(measurement=measurement), report_data=bound)
    return report, machine.endorsements()


def _turin(root: SimulatedRoot, now: datetime, measurement: bytes, bound: bytes) -> Made:
    machine = SimulatedSnp(root=root, issued=now, product="Turin")
    report = machine.report(SnpGuest(measurement=measurement), report_data=bound)
    return report, machine.endorsements()


def _tdx(root: SimulatedRoot, now: datetime, measurement: bytes, bound: bytes) -> Made:
    machine = SimulatedTdx(machine=IntelMachine(root=root, issued=now))
    quote = machine.quote(TdGuest(mr_td=measurement), report_data=bound)
    return quote, machine.endorsements()


def _sgx(root: SimulatedRoot, now: datetime, measurement: bytes, bound: bytes) -> Made:
    machine = SimulatedSgx(machine=IntelMachine(root=root, issued=now))
    quote = machine.quote(Enclave(mr_enclave=measurement), report_data=bound)
    return quote, machine.endorsements()


PLATFORMS: dict[str, tuple[str, int, Callable[[SimulatedRoot, datetime, bytes, bytes], Made]]] = {
    "sgx": ("sgx", 32, _sgx),
    "snp": ("snp", 48, _snp),
    "snp-turin": ("snp", 48, _turin),
    "tdx": ("tdx", 48, _tdx),
}
"""Name: technology, bytes of the measurement, and how it is made."""
