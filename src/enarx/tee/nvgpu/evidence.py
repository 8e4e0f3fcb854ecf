"""NVIDIA evidence: one report as the device gave it, or the list that NVIDIA's SDK writes.

Two forms (docs/design/adr/0020-further-evidence.md):

* a report: the SPDM transcript; its certificates are given as endorsements;
* a list: JSON ``[{"arch", "nonce", "evidence", "certificate"}, …]``, one object for each device,
  with the transcript and the PEM chain in base64.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from enarx.errors import MalformedError
from enarx.tee.endorsements import Endorsements
from enarx.tee.nvgpu import device, spdm
from enarx.wire import document, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from enarx.tee.claims import ClaimValue

MAX_BYTES = 8 * 1024 * 1024
"""Of a list: 64 devices with the largest transcripts and chains."""

MAX_DEVICES = 64
"""In one list; a baseboard has 8 GPUs and 4 switches."""

ARCHITECTURES: Mapping[str, str] = {"BLACKWELL": "GB", "HOPPER": "GH", "LS10": "LS"}
"""The SDK's names, and how the names of such chips begin in their certificates."""

_REPORT = bytes((spdm.VERSION, spdm.GET_MEASUREMENTS))
_LOOK = 4096
_BLANK = b" \t\r\n"
_NONCE_SIZE = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One device's report.

    Args:
        arch: what the list calls it, unsigned; empty for a report without a list.
        transcript: what the device signed.
        certificates: its chain, DER, in the order of arrival.
    """

    arch: str
    transcript: spdm.Transcript
    certificates: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NvgpuEvidence:
    """Reports of one device or more, in shape."""

    raw: bytes
    devices: tuple[Device, ...]

    @property
    def carried(self) -> Endorsements:
        """The certificates of every device."""
        return Endorsements(certificates=tuple(c for d in self.devices for c in d.certificates))

    def fields(self) -> Mapping[str, ClaimValue]:
        """Every field of every device, as ``nvgpu.device0.…``."""
        found: dict[str, ClaimValue] = {"nvgpu.devices": len(self.devices)}
        for number, one in enumerate(self.devices):
            for name, value in _fields(one):
                found[f"nvgpu.device{number}.{name}"] = value
        return found


def recognises(data: bytes) -> bool:
    """Whether *data* begins like a report or like the SDK's list."""
    if data.startswith(_REPORT):
        return True
    begin = data[:_LOOK].lstrip(_BLANK)
    return begin.startswith(b"[") and any(key in begin for key in (b'"arch"', b'"evidence"'))


def parse(data: bytes) -> NvgpuEvidence:
    """Either form, in shape.

    Raises:
        MalformedError: it is neither, or something in it is not as it must be.
    """
    if len(data) > MAX_BYTES:
        raise MalformedError("NVIDIA evidence", f"got {len(data)} bytes, want at most {MAX_BYTES}")
    if not data.lstrip(_BLANK).startswith(b"["):
        found = _transcript(data, "NVIDIA report")
        return NvgpuEvidence(
            raw=data, devices=(Device(arch="", transcript=found, certificates=()),)
        )
    listed = document.load_list(data, "NVIDIA evidence", most=MAX_DEVICES)
    if not listed:
        raise MalformedError("NVIDIA evidence", "no device in the list")
    return NvgpuEvidence(raw=data, devices=tuple(_device(item) for item in listed))


def _transcript(data: bytes, where: str) -> spdm.Transcript:
    found = spdm.parse(data, where)
    device.check(found.opaque, f"{where}.opaque data")
    return found


def _device(item: document.Fields) -> Device:
    where = item.where
    arch = item.one_of("arch", ARCHITECTURES)
    nonce = text.hexadecimal(item.text("nonce", most=200), f"{where}: nonce", size=_NONCE_SIZE)
    found = _transcript(text.base64(item.text("evidence"), f"{where}: evidence"), where)
    if found.nonce != nonce:
        raise MalformedError(f"{where}: nonce", "not the nonce of the report beside it")
    pem = text.base64(item.text("certificate"), f"{where}: certificate")
    blocks = text.pem_blocks(pem, f"{where}: certificate", most=16)
    if any(label != "CERTIFICATE" for label, _ in blocks):
        raise MalformedError(f"{where}: certificate", "a PEM block that is no certificate")
    item.done()
    return Device(arch=arch, transcript=found, certificates=tuple(der for _, der in blocks))


def _fields(one: Device) -> Iterator[tuple[str, ClaimValue]]:
    transcript = one.transcript
    if one.arch:
        yield "arch", one.arch
    yield "nonce", transcript.nonce
    yield "responder_nonce", transcript.responder_nonce
    yield "slot", transcript.slot
    yield from device.shown(transcript.opaque)
    for found in transcript.measurements.values():
        yield f"measurement_{found.index}", found.value
