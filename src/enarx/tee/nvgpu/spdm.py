"""SPDM: the transcript of one GET_MEASUREMENTS, which is what a GPU or a switch signs.

The request and the response, one after the other, without the signature are the signed bytes.
Decides shape only; what a measurement should be is told by reference values.

Source: DMTF DSP0274 1.1.0 (SPDM), section 10.11 (GET_MEASUREMENTS, MEASUREMENTS, measurement block,
DMTF measurement specification).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from enarx.errors import MalformedError
from enarx.wire.reader import Reader
from enarx.wire.record import raw, record, size_of, u8, u16, unpack, zero

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

VERSION, GET_MEASUREMENTS, MEASUREMENTS = 0x11, 0xE0, 0x60
SIGNATURE_SIZE = 96
"""ECDSA on P-384 (TPM_ALG_ECDSA_ECC_NIST_P384), r || s."""

MAX_REPORT = 128 * 1024
"""Of one transcript, bytes; 255 blocks of the largest digest have 18 KiB."""
_MAX_RECORD = 64 * 1024
_MAX_OPAQUE = 4096
"""The standard says at most 1024; devices of the next generations say more about themselves."""

_WITH_SIGNATURE, _ALL_INDICES = 0x01, 0xFF
_SLOTS = range(8)
_DMTF = 1
_RAW_BIT = 0x80
_VALUE_TYPES = range(5)


def exactly(wanted: int) -> Callable[[int], int]:
    """A decoder that knows only *wanted*."""

    def check(value: int) -> int:
        if value != wanted:
            raise ValueError(f"got 0x{value:02x}, want 0x{wanted:02x}")
        return value

    return check


def _slot(value: int) -> int:
    if value not in _SLOTS:
        raise ValueError(f"got {value}, want a slot of 0 to 7")
    return value


@record(size=37)
class Request:
    """GET_MEASUREMENTS request: all measurements, signed (DSP0274 1.1.0, section 10.11.1)."""

    spdm_version: int = u8(0, exactly(VERSION))
    request_response_code: int = u8(1, exactly(GET_MEASUREMENTS))
    param1: int = u8(2, exactly(_WITH_SIGNATURE))
    param2: int = u8(3, exactly(_ALL_INDICES))
    nonce: bytes = raw(4, 32)
    slot_id_param: int = u8(36, _slot)


@record(size=5)
class ResponseHead:
    """MEASUREMENTS response up to its first length (DSP0274 1.1.0, section 10.11.2)."""

    spdm_version: int = u8(0, exactly(VERSION))
    request_response_code: int = u8(1, exactly(MEASUREMENTS))
    param1: bytes = zero(2, 1)
    slot_id: int = u8(3, _slot)
    number_of_blocks: int = u8(4)


@record(size=7)
class BlockHead:
    """A measurement block up to its value (DSP0274 1.1.0, section 10.11.3)."""

    index: int = u8(0)
    measurement_specification: int = u8(1, exactly(_DMTF))
    measurement_size: int = u16(2)
    value_type: int = u8(4)
    value_size: int = u16(5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One measurement.

    Args:
        index: 1 to 254, as reference values number it.
        value_type: 0 immutable ROM, 1 mutable firmware, 2 hardware configuration, 3 firmware
            configuration, 4 manifest.
        is_raw: the value itself, not a digest of it.
    """

    index: int
    value_type: int
    is_raw: bool
    value: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """Request and response of one device; nothing of it is proven.

    Args:
        nonce: 32 bytes of whoever asked.
        responder_nonce: 32 bytes of the device.
        measurements: by index, in their order.
        opaque: type to value, in their order.
        signed: the bytes that the signature covers, as they arrived.
    """

    nonce: bytes
    responder_nonce: bytes
    slot: int
    measurements: Mapping[int, Measurement]
    opaque: Mapping[int, bytes]
    signed: bytes
    signature: bytes


def parse(data: bytes, where: str) -> Transcript:
    """*data* as exactly one request and its response.

    Raises:
        MalformedError: another version, message, length or field, or a block or opaque field twice.
    """
    if len(data) > MAX_REPORT:
        raise MalformedError(where, f"got {len(data)} bytes, want at most {MAX_REPORT}")
    reader = Reader(data, where)
    request = unpack(Request, reader.take(size_of(Request), "request"), f"{where}.request")
    head = unpack(ResponseHead, reader.take(size_of(ResponseHead), "response"), f"{where}.response")
    if head.slot_id != request.slot_id_param:
        problem = f"got slot {head.slot_id}, want slot {request.slot_id_param} as requested"
        raise MalformedError(f"{where}.response.slot_id", problem)
    blocks = reader.sized(3, "measurement record", most=_MAX_RECORD)
    responder_nonce = reader.take(32, "nonce")
    opaque = reader.sized(2, "opaque data", most=_MAX_OPAQUE)
    signed = reader.offset
    signature = reader.take(SIGNATURE_SIZE, "signature")
    reader.end()
    return Transcript(
        nonce=request.nonce,
        responder_nonce=responder_nonce,
        slot=head.slot_id,
        measurements=_measurements(blocks, head.number_of_blocks, f"{where}.measurement record"),
        opaque=_opaque(opaque, f"{where}.opaque data"),
        signed=Reader(data, where).take(signed, "signed bytes"),
        signature=signature,
    )


def _measurements(data: bytes, count: int, where: str) -> Mapping[int, Measurement]:
    reader = Reader(data, where)
    found: dict[int, Measurement] = {}
    for _ in range(count):
        begin = reader.offset
        head = unpack(BlockHead, reader.take(size_of(BlockHead), "block"), f"{where}.block")
        value_type = head.value_type & ~_RAW_BIT
        if head.index in found or head.index in (0, _ALL_INDICES):
            raise MalformedError(where, f"index {head.index} twice or reserved", offset=begin)
        if value_type not in _VALUE_TYPES:
            raise MalformedError(where, f"unknown value type {value_type}", offset=begin)
        if head.measurement_size != head.value_size + _VALUE_HEAD:
            problem = f"a value of {head.value_size} bytes in {head.measurement_size}"
            raise MalformedError(where, problem, offset=begin)
        found[head.index] = Measurement(
            index=head.index,
            value_type=value_type,
            is_raw=bool(head.value_type & _RAW_BIT),
            value=reader.take(head.value_size, "value"),
        )
    reader.end()
    return found


def _opaque(data: bytes, where: str) -> Mapping[int, bytes]:
    reader = Reader(data, where)
    found: dict[int, bytes] = {}
    while reader.left:
        begin = reader.offset
        kind = reader.uint(2, "type")
        if kind in found:
            raise MalformedError(where, f"type {kind} occurs twice", offset=begin)
        found[kind] = reader.sized(2, f"type {kind}", most=_MAX_OPAQUE)
    return found


_VALUE_HEAD = 3
"""Bytes of a DMTF measurement before its value: type and size."""
