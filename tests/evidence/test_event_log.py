"""Logs of measured boot: read strictly, replayed, and held to recorded ones."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.errors import MalformedError
from enarx.evidence.event_log import (
    EVENT_TYPES,
    MAX_BYTES,
    MAX_EVENTS,
    algorithms,
    parse,
    replay,
    rtmrs,
    text_of,
)
from enarx.tee.tdx.technology import TDX

SHA384 = (0x000C, 48)
SHA256 = (0x000B, 32)
OTHER_NAMES = {"sha256": "SHA-256", "sha384": "SHA-384", "sm3": "SM3"}

Extended = tuple[int, int, bytes]  # register, event type, data


def u(size: int, number: int) -> bytes:
    """*number* as *size* bytes, little-endian."""
    return number.to_bytes(size, "little")


def header(
    *banks: tuple[int, int],
    signature: bytes = b"Spec ID Event03\0",
    kind: int = 3,
    tail: bytes = b"",
    version: tuple[int, int, int, int] = (0, 2, 0, 2),
) -> bytes:
    """The first record, which declares *banks*."""
    body = signature + u(4, 0) + bytes(version) + u(4, len(banks))
    body += b"".join(u(2, number) + u(2, size) for number, size in banks) + b"\0" + tail
    return u(4, 1) + u(4, kind) + bytes(20) + u(4, len(body)) + body


def record(index: int, kind: int, digests: Sequence[tuple[int, bytes]], data: bytes) -> bytes:
    """One record of the other kind."""
    found = b"".join(u(2, number) + digest for number, digest in digests)
    return u(4, index) + u(4, kind) + u(4, len(digests)) + found + u(4, len(data)) + data


def log(*events: Extended) -> bytes:
    """A log of one bank, in which every digest is that of the data."""
    records = (
        record(index, kind, ((SHA384[0], hashlib.sha384(data).digest()),), data)
        for index, kind, data in events
    )
    return header(SHA384) + b"".join(records)


BOOT = log((1, 4, bytes(4)), (2, 0x8000_0007, b"Exit Boot Services"), (1, 5, b"again"))


def test_registers_are_what_the_events_extend_from_zeros() -> None:
    """Each digest is hashed behind the register's value, in order; registers do not mix."""
    events = parse(BOOT)
    assert [(e.index, e.name, e.data) for e in events] == [
        (1, "EV_SEPARATOR", bytes(4)),
        (2, "EV_EFI_ACTION", b"Exit Boot Services"),
        (1, "EV_ACTION", b"again"),
    ]
    assert all(event.matches("sha384") for event in events)

    def extend(value: bytes, data: bytes) -> bytes:
        return hashlib.sha384(value + hashlib.sha384(data).digest()).digest()

    one = extend(extend(bytes(48), bytes(4)), b"again")
    assert replay(events, "sha384") == {1: one, 2: extend(bytes(48), b"Exit Boot Services")}


def test_what_only_informs_extends_nothing() -> None:
    """Attack: an event of no action with a digest must not count as measured."""
    events = parse(BOOT + log((1, 3, b"just saying"))[len(header(SHA384)) :])
    assert len(events) == 4
    assert not events[-1].is_extended
    assert replay(events, "sha384") == replay(parse(BOOT), "sha384")


def test_a_digest_need_not_be_that_of_the_data() -> None:
    """Attack: data is what the log says was measured; only the digest was."""
    lie = header(SHA384) + record(1, 13, ((SHA384[0], b"d" * 48),), b"a harmless kernel")
    (event,) = parse(lie)
    assert not event.matches("sha384")
    assert not event.says_what_was_measured
    assert all(event.says_what_was_measured for event in parse(BOOT))


def test_data_is_measured_only_if_every_bank_says_so() -> None:
    """Attack: digests of the data in a bank that no quote states, of another thing in the other."""
    data = b"a harmless kernel"
    digests = ((SHA256[0], hashlib.sha256(data).digest()), (SHA384[0], b"d" * 48))
    (event,) = parse(header(SHA256, SHA384) + record(1, 13, digests, data))
    assert event.matches("sha256")
    assert not event.says_what_was_measured


def test_an_event_of_no_action_does_not_say_what_was_measured() -> None:
    """Attack: its digest may be right, but anybody can put it there."""
    (event,) = parse(log((1, 3, b"all is well")))
    assert event.matches("sha384")
    assert not event.says_what_was_measured


def test_indexes_1_to_4_of_a_ccel_are_the_rtmrs() -> None:
    """RTMR n is register n + 1, and zeros if nothing was extended."""
    events = parse(log(*((index, 5, bytes((index,))) for index in (1, 2, 4)), (0, 3, b"informs")))
    found = replay(events, "sha384")
    assert rtmrs(events) == (found[1], found[2], bytes(48), found[4])
    assert rtmrs(()) == (bytes(48),) * 4


@pytest.mark.parametrize("index", [0, 5, 31])
def test_what_no_rtmr_covers_is_no_history_of_a_tdx_guest(index: int) -> None:
    """Attack: an invented event in a register that no quote states changes none that it does."""
    doctored = parse(BOOT + log((index, 5, b"invented"))[len(header(SHA384)) :])
    of_boot, of_doctored = replay(parse(BOOT), "sha384"), replay(doctored, "sha384")
    assert {1: of_doctored[1], 2: of_doctored[2]} == of_boot
    problem = f"at 0x{len(BOOT):x}: extends register {index}, want 1 to 4"
    with pytest.raises(MalformedError, match=problem):
        rtmrs(doctored)


def test_rtmrs_are_of_sha384() -> None:
    """A log of another bank has none."""
    other = header(SHA256) + record(1, 1, ((SHA256[0], b"a" * 32),), b"")
    with pytest.raises(MalformedError, match="without a digest of sha384"):
        rtmrs(parse(other))


def test_banks_are_told_apart() -> None:
    """A register has a value for each algorithm, and only banks without gaps can be replayed."""
    both = ((SHA256[0], b"a" * 32), (SHA384[0], b"b" * 48))
    two = header(SHA256, SHA384) + record(0, 1, both, b"")
    assert algorithms(parse(two)) == ("sha256", "sha384")
    assert len(replay(parse(two), "sha256")[0]) == 32
    gap = two + record(0, 3, both[:1], b"") + record(0, 1, both[1:], b"")
    assert algorithms(parse(gap)) == ("sha384",)
    with pytest.raises(MalformedError, match="an event without a digest of sha256"):
        replay(parse(gap), "sha256")
    assert algorithms(()) == ()
    assert replay((), "sha384") == {}


def test_the_rest_of_the_area_may_be_blank() -> None:
    """Bytes 0xFF or zeros up to the end are the unused rest of the area, nothing else is."""
    for blank in (b"\xff", b"\0"):
        assert parse(BOOT + blank * 1000) == parse(BOOT + blank) == parse(BOOT)
    for tail in (b"\xff" * 40 + b"\0", b"\0" * 40 + b"\xff", b"\0" * 40 + b"\1", b"\xfe" * 40):
        with pytest.raises(MalformedError):
            parse(BOOT + tail)


BROKEN = {
    "nothing": (b"", "got 0 bytes, want 4"),
    "text": (b"# Enarx\n" * 20, "begins with event type 0x"),
    "another first record": (header(SHA384, kind=4), "want EV_NO_ACTION"),
    "another signature": (header(SHA384, signature=b"Spec ID Event02\0"), "Spec ID Event03"),
    "minor version": (header(SHA384, version=(1, 2, 0, 2)), "at 0x14: got version 2.1 and"),
    "major version": (header(SHA384, version=(0, 3, 0, 2)), "at 0x14: got version 3.0 and"),
    "word size": (header(SHA384, version=(0, 2, 0, 3)), "word size 3, want 2.0 and 1 or 2"),
    "no algorithm": (header(), "got 0 algorithms, want 1 to 8"),
    "many algorithms": (header(*[SHA384] * 9), "got 9 algorithms"),
    "one twice": (header(SHA384, SHA384), "algorithm 0x000c twice"),
    "unknown algorithm": (header((0x27, 32)), "at 0x1c: unknown algorithm 0x0027"),
    "no size": (header((0x0C, 0)), "got digests of 0 bytes, want 48 for sha384"),
    "largest size": (header((0x0C, 65_535)), "at 0x1c: got digests of 65535 bytes"),
    "trailing header": (header(SHA384, tail=b"x"), "header at 0x.*: 1 trailing bytes"),
    "register": (header(SHA384) + record(32, 1, (), b""), "got register 32, want at most 31"),
    "no digest": (header(SHA384) + record(1, 1, (), b""), "got 0 digests, want 1 to 1"),
    "digests": (header(SHA384) + record(1, 1, ((0x0C, b""), (0x0C, b"")), b""), "got 2 digests"),
    "another bank": (header(SHA384) + record(1, 1, ((0x0B, b"x" * 32),), b""), "0x000b is not in"),
    "no bank": (header(SHA384) + record(1, 1, ((0x99, b"x" * 32),), b""), "0x0099 is not in"),
    "one bank twice": (
        header(SHA256, SHA384) + record(1, 1, ((0x0C, b"x" * 48),) * 2, b""), "or twice",
    ),
    "endless data": (BOOT[:-9] + b"\xff" * 4, "event data"),
    "too large": (BOOT.ljust(MAX_BYTES + 1, b"\xff"), "want at most 8388608"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_log_is_malformed(name: str) -> None:
    """Wrong beginnings, sizes, algorithms and counts, each by its own error."""
    data, problem = BROKEN[name]
    with pytest.raises(MalformedError, match=problem):
        parse(data)


def test_too_many_events() -> None:
    """Their number is bounded, whatever their size."""
    most = log(*[(1, 1, b"")] * MAX_EVENTS)
    assert len(parse(most)) == MAX_EVENTS
    with pytest.raises(MalformedError, match=f"more than {MAX_EVENTS} events"):
        parse(most + record(1, 1, ((0x0C, bytes(48)),), b""))


def test_every_truncation_is_malformed_or_fewer_events() -> None:
    """A log that is cut leads elsewhere, and never to the same registers."""
    whole = replay(parse(BOOT), "sha384")
    ends = 0
    for size in range(len(BOOT)):
        try:
            events = parse(BOOT[:size])
        except MalformedError:
            continue
        assert replay(events, "sha384") != whole
        ends += 1
    assert ends == 3  # after the header, and after each of two events


def test_every_flipped_bit_is_malformed_or_leads_elsewhere() -> None:
    """Or it is in what no register holds: a type, the data, what the header says in passing."""
    whole, same = parse(BOOT), 0
    for bit in range(len(BOOT) * 8):
        flipped = bytearray(BOOT)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            events = parse(bytes(flipped))
        except MalformedError:
            continue
        if replay(events, "sha384") == replay(whole, "sha384"):
            measured = [(e.index, e.digests, e.is_extended) for e in events]
            assert measured == [(e.index, e.digests, e.is_extended) for e in whole]
            same += 1
    assert same >= sum(len(e.data) for e in whole) * 8


@given(
    st.lists(
        st.tuples(st.integers(0, 31), st.sampled_from(sorted(EVENT_TYPES)), st.binary(max_size=40)),
        max_size=6,
    )
)
def test_what_is_written_is_read(events: list[Extended]) -> None:
    """Registers, types and data come out as they were put in."""
    assert [(e.index, e.number, e.data) for e in parse(log(*events))] == events


def variable(name: str, length: int | None = None) -> bytes:
    """A UEFI variable's data."""
    count = len(name) if length is None else length
    return bytes(16) + u(8, count) + u(8, 1) + name.encode("utf-16-le") + b"\1"


@pytest.mark.parametrize(
    ("kind", "data", "text"),
    [
        (0x8000_0001, variable("SecureBoot"), "SecureBoot"),
        (0x8000_0001, variable("SecureBoot", 1 << 60), ""),
        (0x8000_0001, variable("\x1b[2J"), ""),
        (0x8000_0002, bytes(16) + u(8, 1) + u(8, 0) + b"\x00\xd8", ""),
        (6, u(4, 1) + u(4, 5) + b"hello\0", "hello"),
        (13, b"MokList\0", "MokList"),
        (13, b"two\nlines", ""),
        (13, b"\xff\xfe", ""),
        (4, bytes(4), ""),
    ],
)
def test_what_an_event_says_in_words(kind: int, data: bytes, text: str) -> None:
    """Names of variables and plain text; nothing that a terminal would obey."""
    (event,) = parse(log((1, kind, data)))
    assert text_of(event) == text


def test_an_unknown_type_keeps_its_number() -> None:
    """Firmware makers have numbers of their own."""
    (event,) = parse(log((1, 0x8000_FFFF, b"")))
    assert event.name == "0x8000ffff"


# ── recorded logs ────────────────────────────────────────────────────────────────────────────────


def test_recorded_logs_are_read_and_lead_to_the_recorded_registers(shared: Path) -> None:
    """Every event of every log, and the registers of those whose registers are known."""
    folder = shared / "vectors/eventlog/trustee-ccel"
    replayed = json.loads((folder / "manifest.json").read_text())["expected"]["replay"]
    count = registers = 0
    for path in sorted(folder.glob("*_out.json")):
        name = path.name.removesuffix("_out.json")
        events = parse((folder / name).read_bytes())
        bank = algorithms(events)[0]
        wanted = json.loads(path.read_text())["uefi_event_logs"]
        for event, want in zip(events, wanted, strict=True):
            assert (event.index, event.name) == (want["index"], want["type_name"])
            assert base64.b64encode(event.data).decode() == want["event"]
            digests = [
                {"alg": OTHER_NAMES[algorithm], "digest": digest.hex()}
                for algorithm, digest in event.digests.items()
            ]
            assert digests == want["digests"]
            assert event.matches(bank) is want["digest_matches_event"]
            if event.name.startswith("EV_EFI_VARIABLE_"):
                assert text_of(event) == want["details"]["unicode_name"]
            count += 1
        for index, value in enumerate(replayed.get(name, ()), 1):
            assert replay(events, bank).get(index, bytes(48)).hex() == value
            registers += 1
    print(f"{count} events of recorded logs, {registers} registers")  # noqa: T201 - asked for
    assert count >= 226
    assert registers >= 8


def test_a_recorded_log_leads_to_the_registers_that_hardware_signed(shared: Path) -> None:
    """The log of a machine, and the quote that the machine made then."""
    folder = shared / "vectors/measure/tdx-gcp-cos113"
    expected = json.loads((folder / "manifest.json").read_text())["expected"]
    events = parse((folder / "ccel_data.dat").read_bytes())
    quote = TDX.parse((shared / "vectors/tdx/tdx-v4-gcp-cos113/quote.bin").read_bytes())
    fields, registers = quote.fields(), replay(events, "sha384")
    assert len(events) == expected["events"]
    for index in range(4):
        stated = fields[f"tdx.quote.body.rtmr_{index}"]
        assert registers.get(index + 1, bytes(48)) == stated
        assert stated.hex() == expected[f"rtmr{index}"]


def test_a_recorded_log_of_another_boot_leads_elsewhere(shared: Path) -> None:
    """Attack: the log of a boot of the same guest with another initrd, beside the quote."""
    folder = shared / "vectors/tdx/tdx-v4-live-confidential"
    fields = TDX.parse((folder / "quote.bin").read_bytes()).fields()
    stated = tuple(fields[f"tdx.quote.body.rtmr_{index}"] for index in range(4))
    assert rtmrs(parse((folder / "ccel_live2.dat").read_bytes())) == stated
    other = rtmrs(parse((folder / "ccel_live.bin").read_bytes()))
    assert [a == b for a, b in zip(other, stated, strict=True)] == [True, True, False, True]
