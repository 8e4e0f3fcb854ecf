"""Registers that are extended while a TDX guest boots: recorded ones, and what changes them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.measure.kernels import HEADERS, kernel
from tests.measure.test_td_hob import CODE, FIRMWARE, GIB, HOB, LOGS, TEMPORARY, section

from enarx.errors import MalformedError, MisconfiguredError
from enarx.evidence import event_log
from enarx.measure import pe_image, td_hob, tdvf
from enarx.measure.rtmr import (
    BYTES,
    Handover,
    boot_registers,
    image_register,
    platform_register,
    replay,
)
from enarx.measure.snp_guest import Boot
from enarx.measure.tdvf import Section
from enarx.tee.tdx.evidence import parse as parse_quote

BOOT = Boot(kernel=kernel(), initrd=b"initrd", command_line="console=hvc0")
OLD = Handover(release=202408, patched_for=2 * GIB)
CFV = replace(section(0xFFC0_0000, 4096, 1), data=b"variables")
FIRMWARE_SECTIONS = (CODE, CFV, HOB, TEMPORARY)


def chain(*digests: bytes) -> bytes:
    """A register, by its definition."""
    found = bytes(BYTES)
    for digest in digests:
        found = hashlib.sha384(found + digest).digest()
    return found


def sha384(data: bytes) -> bytes:
    """As events hold it."""
    return hashlib.sha384(data).digest()


def events(path: Path) -> list[tuple[int, bytes]]:
    """Registers and digests of a recorded log."""
    found = event_log.parse(path.read_bytes())
    return [(e.index - 1, e.digests["sha384"]) for e in found if e.is_extended]


def test_a_hardware_signed_log(shared: Path) -> None:
    """The log of a guest on Google's cloud leads to the registers of its signed quote."""
    vectors = shared / "vectors"
    found = replay(events(vectors / "measure/tdx-gcp-cos113/ccel_data.dat"))
    quote = parse_quote((vectors / "tdx/tdx-v4-gcp-cos113/quote.bin").read_bytes())
    fields = quote.fields()
    assert [fields[f"tdx.quote.body.rtmr_{n}"] for n in range(4)] == list(found)


def test_its_events_are_those_that_others_read(shared: Path) -> None:
    """Register, type, digest and size of the data of each, as a second reader listed them."""
    folder = shared / "vectors/measure/tdx-gcp-cos113"
    found = event_log.parse((folder / "ccel_data.dat").read_bytes())
    assert [
        {
            "mr": event.index,
            "type": f"{event.number:#x}",
            "sha384": event.digests["sha384"].hex(),
            "size": len(event.data),
        }
        for event in found
    ] == json.loads((folder / "events.json").read_text())


def test_a_recorded_direct_boot(shared: Path) -> None:
    """What follows the kernel's image in RTMR 1 of a recorded guest is what is computed."""
    recorded = events(shared / LOGS / "CCEL_data_ovmf")
    image, *_ = [digest for register, digest in recorded if register == 1]
    assert image_register(image, OLD) == replay(recorded)[1]
    assert image_register(image, Handover(release=202411, patched_for=GIB)) != replay(recorded)[1]


def test_registers_by_their_definition() -> None:
    """Image, action, separator, two actions; then the options in UTF-16 and the disk."""
    actions = (
        b"Calling EFI Application from Boot Option", bytes(4), b"Exit Boot Services Invocation",
        b"Exit Boot Services Returned with Success",
    )  # fmt: skip
    first, second = boot_registers(BOOT)
    assert first == chain(pe_image.digest(BOOT.kernel), *map(sha384, actions))
    options = "initrd=initrd console=hvc0\0".encode("utf-16-le")
    assert second == chain(sha384(options), sha384(b"initrd"))


@pytest.mark.parametrize(
    ("boot", "release", "options"),
    [
        (BOOT, 202505, "console=hvc0 initrd=initrd"),
        (BOOT, 202508, "initrd=initrd console=hvc0"),
        (replace(BOOT, command_line=""), 202505, " initrd=initrd"),
        (replace(BOOT, command_line=""), 202508, "initrd=initrd "),
        (replace(BOOT, initrd=b""), 202505, "console=hvc0"),
        (replace(BOOT, initrd=b"", command_line=""), 202508, ""),
    ],
)
def test_options_as_each_firmware_makes_them(boot: Boot, release: int, options: str) -> None:
    """The word that names the disk stands behind the line, since edk2-stable202508 before it."""
    measured = [(options + "\0").encode("utf-16-le")] if options else []
    disk = [boot.initrd] if boot.initrd else []
    want = chain(*map(sha384, measured + disk))
    assert boot_registers(boot, Handover(release=release))[1] == want


def test_an_older_qemu_hands_over_another_kernel() -> None:
    """Its header depends on the memory and the disk; the options do not."""
    plain, patched = boot_registers(BOOT), boot_registers(BOOT, replace(OLD, release=202608))
    assert plain[0] != patched[0]
    assert plain[1] == patched[1]
    other = boot_registers(BOOT, Handover(patched_for=GIB))
    assert other[0] != patched[0]


@pytest.mark.parametrize(
    ("change", "register"),
    [
        ({"kernel": kernel()[:HEADERS] + b"x" + kernel()[HEADERS + 1 :]}, 0),
        ({"initrd": b"initre"}, 1),
        ({"command_line": "console=hvc1"}, 1),
        ({"command_line": "console=hvc0 "}, 1),
    ],
)
def test_one_byte_is_another_register(change: dict[str, bytes | str], register: int) -> None:
    """Attack: another kernel, disk or command line under the name of the same image."""
    before, after = boot_registers(BOOT), boot_registers(replace(BOOT, **change))  # type: ignore[arg-type]
    assert before[register] != after[register]
    assert before[1 - register] == after[1 - register]


@pytest.mark.parametrize(
    ("boot", "error", "problem"),
    [
        (replace(BOOT, kernel=b""), MalformedError, "no PE/COFF image"),
        (replace(BOOT, command_line="é"), MisconfiguredError, "other characters than ASCII"),
        (replace(BOOT, command_line="a\0b"), MisconfiguredError, "other characters than ASCII"),
    ],
)
def test_what_no_firmware_boots_is_refused(
    boot: Boot, error: type[Exception], problem: str
) -> None:
    """By name of what is wrong."""
    with pytest.raises(error, match=problem):
        boot_registers(boot)


@pytest.mark.parametrize(
    ("release", "problem"),
    [(202211, "from 202302 on"), (202500, "a year and month"), (202413, "a year and month"),
     (202411, "patched for the memory")],
)  # fmt: skip
def test_releases_are_known(release: int, problem: str) -> None:
    """Earlier ones extend other registers; before 202502 a kernel is always patched."""
    with pytest.raises(MisconfiguredError, match=problem):
        Handover(release=release)


def test_what_each_release_changed_it_changed_from_then_on() -> None:
    """A separator in RTMR 1 since 202411; kernels as they are since 202502."""
    image = sha384(b"image")
    registers = {
        release: image_register(image, Handover(release=release, patched_for=GIB))
        for release in (202302, 202408, 202411, 202608)
    }
    assert registers[202302] == registers[202408] != registers[202411] == registers[202608]
    assert Handover(release=202502).patched_for is None


def test_wrong_events_are_our_mistakes() -> None:
    """A register that is none, a digest of another algorithm."""
    for event in ((4, bytes(48)), (-1, bytes(48)), (0, bytes(32))):
        with pytest.raises(ValueError, match="event"):
            replay([event])


def test_nothing_extended_is_zeros() -> None:
    """As RTMR 3 of a guest that only boots."""
    assert replay([]) == (bytes(48),) * 4


# ── RTMR 0 ───────────────────────────────────────────────────────────────────────────────────────


def recorded(sections: tuple[Section, ...] = FIRMWARE_SECTIONS) -> list[bytes]:
    """Digests as a guest of 2 GiB logs them."""
    return [sha384(td_hob.measured(sections, 2 * GIB)), sha384(b"variables"), sha384(b"tables")]


def test_the_platforms_register_is_the_recorded_one() -> None:
    """If it begins with what this firmware measures on a machine with this memory."""
    made = platform_register(recorded(), FIRMWARE_SECTIONS, 2 * GIB)
    assert made == chain(*recorded())


@pytest.mark.parametrize(
    ("digests", "sections", "memory", "problem"),
    [
        (recorded(), FIRMWARE_SECTIONS, GIB, "recorded with another memory"),
        (recorded(), (CODE, replace(CFV, data=b"others"), HOB, TEMPORARY), 2 * GIB,
         "recorded with another firmware"),
        (recorded()[:2], FIRMWARE_SECTIONS, 2 * GIB, "got 2 events"),
        ([], FIRMWARE_SECTIONS, 2 * GIB, "got 0 events"),
        (recorded(), (CODE, HOB, TEMPORARY), 2 * GIB, "got 0 configuration volumes"),
    ],
)  # fmt: skip
def test_a_record_of_another_machine_is_refused(
    digests: list[bytes], sections: tuple[Section, ...], memory: int, problem: str
) -> None:
    """Attack: the log of another machine, for a policy that should accept this one."""
    with pytest.raises(MisconfiguredError, match=problem):
        platform_register(digests, sections, memory)


def test_a_recorded_log_is_of_another_firmware(shared: Path) -> None:
    """The memory is right, the variables are those of another build: nothing is accepted."""
    digests = [d for register, d in events(shared / LOGS / "CCEL_data_ovmf") if register == 0]
    sections = tdvf.parse((shared / FIRMWARE).read_bytes())
    with pytest.raises(MisconfiguredError, match="another firmware"):
        platform_register(digests, sections, 2 * GIB)
