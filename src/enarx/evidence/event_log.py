"""Logs of measured boot: what was extended into which register, in order.

A log proves nothing by itself.  Registers that evidence states (RTMRs of a TDX quote, PCRs of a
vTPM) are digests of a history; a log tells one, and ``replay`` says to which registers it leads.
Only a log that leads to the registers of *authentic* evidence is the history of that machine, and
even then only its digests are, in their order: an event's type, data that is not what was digested
(``Event.says_what_was_measured``) and events of no action are the word of whoever hands it over.

Sources: TCG PC Client Platform Firmware Profile Specification, version 1.06 rev. 52, section 10
(event logging); UEFI 2.10, section 38 (confidential computing: measurement registers and CCEL).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes

from enarx.errors import MalformedError
from enarx.wire.reader import Reader

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MAX_BYTES = 8 * 1024 * 1024
MAX_EVENTS = 65_536

_WHERE = "event log"
_SIGNATURE = b"Spec ID Event03\0"
_VERSION = (0, 2)  # minor, major; what follows is an erratum's number, which changes no layout
_WORD_SIZES = frozenset((1, 2))  # of the firmware, in units of four bytes
_MAX_ALGORITHMS = 8
_ALGORITHM_BYTES = 4  # in the header: its number and its size
_MAX_EVENT = 1024 * 1024
_MAX_INDEX = 31
_PADDINGS = (b"\0", b"\xff")
_NO_ACTION = 3
_TAG = 6
_TAG_BYTES = 8  # TCG_PCClientTaggedEvent: an id and a size before the data
_VARIABLES = frozenset((0x8000_0001, 0x8000_0002, 0x8000_000C, 0x8000_00E0))
_GUID_BYTES = 16
_OLD_DIGEST_BYTES = 20  # of the first record, which has the form of TPM 1.2
_RTMRS = range(1, 5)  # indexes of RTMR 0 to 3 in a CCEL
_RTMR_ALGORITHM = "sha384"

ALGORITHMS: Mapping[int, hashes.HashAlgorithm] = {
    0x0004: hashes.SHA1(),  # noqa: S303 - what a log may hold, not what we rely on
    0x000B: hashes.SHA256(),
    0x000C: hashes.SHA384(),
    0x000D: hashes.SHA512(),
    0x0012: hashes.SM3(),
}
"""TPM_ALG_ID, from the TCG Algorithm Registry."""

EVENT_TYPES: Mapping[int, str] = {
    0x0000_0000: "EV_PREBOOT_CERT",
    0x0000_0001: "EV_POST_CODE",
    0x0000_0003: "EV_NO_ACTION",
    0x0000_0004: "EV_SEPARATOR",
    0x0000_0005: "EV_ACTION",
    0x0000_0006: "EV_EVENT_TAG",
    0x0000_0007: "EV_S_CRTM_CONTENTS",
    0x0000_0008: "EV_S_CRTM_VERSION",
    0x0000_0009: "EV_CPU_MICROCODE",
    0x0000_000A: "EV_PLATFORM_CONFIG_FLAGS",
    0x0000_000B: "EV_TABLE_OF_DEVICES",
    0x0000_000C: "EV_COMPACT_HASH",
    0x0000_000D: "EV_IPL",
    0x0000_000E: "EV_IPL_PARTITION_DATA",
    0x0000_000F: "EV_NONHOST_CODE",
    0x0000_0010: "EV_NONHOST_CONFIG",
    0x0000_0011: "EV_NONHOST_INFO",
    0x0000_0012: "EV_OMIT_BOOT_DEVICE_EVENTS",
    0x0000_0013: "EV_POST_CODE2",
    0x8000_0001: "EV_EFI_VARIABLE_DRIVER_CONFIG",
    0x8000_0002: "EV_EFI_VARIABLE_BOOT",
    0x8000_0003: "EV_EFI_BOOT_SERVICES_APPLICATION",
    0x8000_0004: "EV_EFI_BOOT_SERVICES_DRIVER",
    0x8000_0005: "EV_EFI_RUNTIME_SERVICES_DRIVER",
    0x8000_0006: "EV_EFI_GPT_EVENT",
    0x8000_0007: "EV_EFI_ACTION",
    0x8000_0008: "EV_EFI_PLATFORM_FIRMWARE_BLOB",
    0x8000_0009: "EV_EFI_HANDOFF_TABLES",
    0x8000_000A: "EV_EFI_PLATFORM_FIRMWARE_BLOB2",
    0x8000_000B: "EV_EFI_HANDOFF_TABLES2",
    0x8000_000C: "EV_EFI_VARIABLE_BOOT2",
    0x8000_000D: "EV_EFI_GPT_EVENT2",
    0x8000_0010: "EV_EFI_HCRTM_EVENT",
    0x8000_00E0: "EV_EFI_VARIABLE_AUTHORITY",
    0x8000_00E1: "EV_EFI_SPDM_FIRMWARE_BLOB",
    0x8000_00E2: "EV_EFI_SPDM_FIRMWARE_CONFIG",
}
"""Section 10.4.1; another number is shown as it is: firmware makers have some of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One record.

    Args:
        index: of the register as the log counts: a PCR; in a CCEL 0 is MRTD, n + 1 is RTMR n.
        number: the event's type.
        digests: by the algorithm's name ("sha384"); each was extended into its bank.
        data: what the record says about what was measured; the digest need not be that of *data*.
        offset: where the record begins, bytes from the start.
    """

    index: int
    number: int
    digests: Mapping[str, bytes]
    data: bytes
    offset: int

    @property
    def name(self) -> str:
        """The type's name, or its number in hexadecimal."""
        return EVENT_TYPES.get(self.number, f"0x{self.number:08x}")

    @property
    def is_extended(self) -> bool:
        """Whether a register was changed; the other events only inform."""
        return self.number != _NO_ACTION

    @property
    def says_what_was_measured(self) -> bool:
        """Whether registers prove its data, too: it was extended, by digests of its data.

        Then nobody can have exchanged the data, whereas the type is not in any digest.
        """
        return self.is_extended and all(self.matches(name) for name in self.digests)

    def matches(self, algorithm: str) -> bool:
        """Whether its digest is that of its data; of many types it is that of something larger."""
        return self.digests[algorithm] == _digest(algorithm, self.data)


def text_of(event: Event) -> str:
    """What *event* says about itself in words: a variable's name, or text; empty where it has none.

    It is anybody's text unless the event ``says_what_was_measured``, in a log that leads to
    authentic registers.
    """
    if event.number in _VARIABLES:
        return _variable_name(event.data)
    data = event.data[_TAG_BYTES:] if event.number == _TAG else event.data
    text = data.rstrip(b"\0").decode("ascii", "replace")
    return text if text.isascii() and text.isprintable() else ""


def parse(data: bytes) -> tuple[Event, ...]:
    """The events of a crypto-agile log, without its header.

    Behind the last record only bytes 0xFF or only zeros may stand: the unused rest of the area.

    Raises:
        MalformedError: it is not such a log, damaged, or larger than one can be.
    """
    if len(data) > MAX_BYTES:
        raise MalformedError(_WHERE, f"got {len(data)} bytes, want at most {MAX_BYTES}")
    reader = Reader(data, _WHERE)
    sizes = _header(reader)
    events: list[Event] = []
    blank_from = min(len(data.rstrip(blank)) for blank in _PADDINGS)
    while reader.offset < blank_from:
        if len(events) == MAX_EVENTS:
            raise MalformedError(_WHERE, f"more than {MAX_EVENTS} events", offset=reader.offset)
        events.append(_event(reader, sizes))
    return tuple(events)


def replay(events: Iterable[Event], algorithm: str) -> dict[int, bytes]:
    """The registers of the bank *algorithm* after *events*, by index, from zeros on.

    Registers that nothing was extended into are left out: they are zeros.  PCR 0 of a machine whose
    TPM was started at another locality than 0 begins otherwise (event StartupLocality, section
    10.4.5.3), and is not what is found here.

    Raises:
        MalformedError: an event has no digest of *algorithm*.
    """
    found: dict[int, bytes] = {}
    for event in events:
        if not event.is_extended:
            continue
        if algorithm not in event.digests:
            problem = f"an event without a digest of {algorithm}"
            raise MalformedError(_WHERE, problem, offset=event.offset)
        digest = event.digests[algorithm]
        before = found.get(event.index, bytes(len(digest)))
        found[event.index] = _digest(algorithm, before + digest)
    return found


def rtmrs(events: Sequence[Event]) -> tuple[bytes, ...]:
    """RTMR 0 to 3 of the TDX guest whose CCEL has *events*.

    Raises:
        MalformedError: an event extends another register, so that no quote can tell whether it took
            place, or has no digest of SHA-384.
    """
    for event in events:
        if event.is_extended and event.index not in _RTMRS:
            problem = f"extends register {event.index}, want 1 to 4 (RTMR 0 to 3)"
            raise MalformedError(_WHERE, problem, offset=event.offset)
    found = replay(events, _RTMR_ALGORITHM)
    zeros = bytes(hashes.SHA384.digest_size)
    return tuple(found.get(index, zeros) for index in _RTMRS)


def algorithms(events: Iterable[Event]) -> tuple[str, ...]:
    """The banks that every one of *events* was extended into."""
    common: dict[str, None] | None = None
    for event in events:
        if event.is_extended:
            names = event.digests if common is None else (n for n in common if n in event.digests)
            common = dict.fromkeys(names)
    return tuple(common or ())


def _header(reader: Reader) -> Mapping[int, int]:
    """The first record: which algorithms the others have digests of, with their sizes in bytes."""
    reader.take(4, "register")  # 0 of a TPM, 1 in some CCELs; nothing is extended
    number = reader.uint(4, "event type")
    if number != _NO_ACTION:
        raise MalformedError(_WHERE, f"begins with event type {number:#x}, want EV_NO_ACTION (3)")
    reader.zeros(_OLD_DIGEST_BYTES, "digest")
    header = Reader(reader.sized(4, "header", most=_MAX_EVENT), f"{_WHERE}: header")
    if header.take(len(_SIGNATURE), "signature") != _SIGNATURE:
        raise MalformedError(header.where, "want the signature 'Spec ID Event03'")
    _version(header)
    count = header.uint(4, "number of algorithms")
    if not 0 < count <= _MAX_ALGORITHMS:
        raise MalformedError(header.where, f"got {count} algorithms, want 1 to {_MAX_ALGORITHMS}")
    sizes: dict[int, int] = {}
    for _ in range(count):
        number, size = header.uint(2, "algorithm"), header.uint(2, "digest size")
        _must_be_known(number, size, header)
        if number in sizes:
            raise MalformedError(header.where, f"algorithm {number:#06x} twice")
        sizes[number] = size
    header.sized(1, "vendor info", most=255)
    header.end()
    return sizes


def _version(header: Reader) -> None:
    header.take(4, "platform class")
    offset = header.offset
    minor, major = header.uint(1, "minor version"), header.uint(1, "major version")
    header.take(1, "errata")
    size = header.uint(1, "word size")
    if (minor, major) != _VERSION or size not in _WORD_SIZES:
        problem = f"got version {major}.{minor} and word size {size}, want 2.0 and 1 or 2"
        raise MalformedError(header.where, problem, offset=offset)


def _must_be_known(number: int, size: int, header: Reader) -> None:
    algorithm, offset = ALGORITHMS.get(number), header.offset - _ALGORITHM_BYTES
    if algorithm is None:
        raise MalformedError(header.where, f"unknown algorithm {number:#06x}", offset=offset)
    if size != algorithm.digest_size:
        want = f"{algorithm.digest_size} for {algorithm.name}"
        problem = f"got digests of {size} bytes, want {want}"
        raise MalformedError(header.where, problem, offset=offset)


def _event(reader: Reader, sizes: Mapping[int, int]) -> Event:
    offset = reader.offset
    index, number = reader.uint(4, "register"), reader.uint(4, "event type")
    if index > _MAX_INDEX:
        problem = f"got register {index}, want at most {_MAX_INDEX}"
        raise MalformedError(_WHERE, problem, offset=offset)
    count = reader.uint(4, "number of digests")
    if not 0 < count <= len(sizes):
        problem = f"got {count} digests, want 1 to {len(sizes)}"
        raise MalformedError(_WHERE, problem, offset=offset)
    digests: dict[str, bytes] = {}
    for _ in range(count):
        algorithm = reader.uint(2, "algorithm")
        name = ALGORITHMS[algorithm].name if algorithm in sizes else ""
        if not name or name in digests:
            problem = f"algorithm {algorithm:#06x} is not in the header, or twice"
            raise MalformedError(_WHERE, problem, offset=offset)
        digests[name] = reader.take(sizes[algorithm], "digest")
    data = reader.sized(4, "event data", most=_MAX_EVENT)
    return Event(index=index, number=number, digests=digests, data=data, offset=offset)


def _variable_name(data: bytes) -> str:
    """The name in a UEFI_VARIABLE_DATA; empty if *data* is none (section 10.4.5)."""
    reader = Reader(data, "variable")
    try:
        reader.take(_GUID_BYTES, "vendor's GUID")
        characters = reader.uint(8, "name's length")
        reader.take(8, "data's length")
        name = reader.take(2 * characters, "name").decode("utf-16-le")
    except (MalformedError, UnicodeDecodeError):
        return ""
    return name if name.isprintable() else ""


def _digest(name: str, data: bytes) -> bytes:
    algorithm = next(each for each in ALGORITHMS.values() if each.name == name)
    digest = hashes.Hash(algorithm)
    digest.update(data)
    return digest.finalize()
