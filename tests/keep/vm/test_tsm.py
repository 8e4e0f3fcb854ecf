"""The right report for what was asked, or an error that says why there is none."""

from __future__ import annotations

import errno
import itertools
import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.keep.vm.kernel import Kernel, report_for

from enarx.errors import MalformedError, UnavailableError
from enarx.keep.vm.report_data import report_data_of, technology_of
from enarx.keep.vm.tsm import MAX_BLOB_BYTES, TRIES, Directory, Tsm
from enarx.tee.simulated.tdx import SimulatedTdx, TdGuest

MINE = bytes(range(64))
THEIRS = b"t" * 64


def open_files() -> int:
    """How many descriptors this process has."""
    return len(list(Path("/proc/self/fd").iterdir()))


def failing(code: int) -> Kernel:
    """A kernel whose TEE answers with an error number."""

    def fail(_inblob: bytes, _privlevel: int) -> tuple[bytes, bytes]:
        raise OSError(code, os.strerror(code))

    return Kernel(fail)


def test_a_report_is_for_what_was_asked() -> None:
    """Evidence and certificates come whole, however long, and every file is closed."""
    kernel = Kernel(lambda inblob, _: (report_for(inblob)[0], b"c" * 16384))
    report = Tsm(kernel).quote(MINE)
    assert (report.provider, report.outblob) == ("sev_guest", report_for(MINE)[0])
    assert report.auxblob == b"c" * 16384
    assert (kernel.open_files, kernel.write_generation) == (0, 1)


def test_a_privilege_level_is_part_of_the_request() -> None:
    """It is written before, and counted."""
    kernel = Kernel(report_for, floor=1)
    tsm = Tsm(kernel)
    assert tsm.privlevel_floor() == 1
    assert tsm.quote(MINE, privlevel=2).outblob == report_for(MINE, 2)[0]
    with pytest.raises(UnavailableError, match=r"privlevel: the provider .* \(EINVAL\)"):
        tsm.quote(MINE, privlevel=0)


def test_a_floor_that_cannot_be_had() -> None:
    """A provider that went away, and a floor that is no level, are errors."""

    def gone(_call: str, _name: str) -> None:
        raise OSError(errno.ENXIO, "no such device")

    with pytest.raises(UnavailableError, match=r"privlevel_floor: no TEE has registered \(ENXIO\)"):
        Tsm(Kernel(report_for, before=gone)).privlevel_floor()
    with pytest.raises(MalformedError, match="privlevel_floor: got '4', want 0 to 3"):
        Tsm(Kernel(report_for, floor=4)).privlevel_floor()


def test_a_write_in_part_is_none() -> None:
    """A kernel that took half of the data was asked for something else."""

    class Half(Kernel):
        def write(self, fd: int, data: bytes) -> int:
            return super().write(fd, data[:32])

    kernel = Half(report_for)
    with pytest.raises(UnavailableError, match="inblob: took 32 of 64 bytes"):
        Tsm(kernel).quote(MINE)
    assert (kernel.open_files, kernel.signed) == (0, [])


def test_tdx_has_neither_levels_nor_certificates(simulated_tdx: SimulatedTdx) -> None:
    """What a provider does not show is not asked for; the zeros behind a quote are left."""

    def sign(inblob: bytes, _privlevel: int) -> tuple[bytes, bytes]:
        quote = simulated_tdx.quote(TdGuest(mr_td=bytes(48)), report_data=inblob)
        return quote.ljust(8000, b"\0"), b""

    tsm = Tsm(Kernel(sign, "tdx_guest"))
    report = tsm.quote(MINE)
    assert (tsm.privlevel_floor(), len(report.outblob), report.auxblob) == (0, 8000, b"")


@pytest.mark.parametrize("version", [4, 5])
def test_report_data_of_quotes(simulated_tdx: SimulatedTdx, version: int) -> None:
    """Both versions of quotes say what they were made for, at different places."""
    made = replace(simulated_tdx, version=version)
    quote = made.quote(TdGuest(mr_td=bytes(48)), report_data=MINE)
    assert report_data_of("tdx_guest", quote) == MINE
    assert technology_of("tdx_guest") == "tdx"


@pytest.mark.parametrize(
    ("provider", "outblob", "problem"),
    [
        ("arm_cca_guest", b"", "provider: got 'arm_cca_guest', want sev_guest or tdx_guest"),
        ("sev_guest", b"", "outblob.fields before report_data at 0x0: got 0 bytes, want 80"),
        ("sev_guest", bytes(100), "outblob.report_data at 0x50: got 20 bytes, want 64"),
        ("tdx_guest", b"\x03\0", "outblob.version at 0x0: got 3, want 4 or 5"),
        ("tdx_guest", b"\x04\0", "outblob.header at 0x2: got 0 bytes, want 46"),
    ],
)
def test_other_formats_are_refused(provider: str, outblob: bytes, problem: str) -> None:
    """An unknown driver, and answers that are too short for theirs."""
    with pytest.raises(MalformedError) as refused:
        Tsm(Kernel(lambda *_: (outblob, b""), provider)).quote(MINE)
    assert str(refused.value) == f"configfs-tsm: {problem}"


@pytest.mark.parametrize(
    "code",
    [errno.EBUSY, errno.EFBIG, errno.EINTR, errno.EIO, errno.ENOTTY, errno.ENXIO, errno.ETIMEDOUT],
)
def test_every_failure_of_the_tee_is_told(code: int) -> None:
    """What the kernel documents as failures has a sentence of its own, and its name."""
    kernel = failing(code)
    with pytest.raises(UnavailableError) as refused:
        Tsm(kernel).quote(MINE)
    assert refused.value.what == "configfs-tsm: outblob"
    assert refused.value.problem.endswith(f" ({errno.errorcode[code]})")
    assert not refused.value.problem.startswith(os.strerror(code).lower())
    assert kernel.open_files == 0


def test_an_unforeseen_failure_is_told_in_the_kernels_words() -> None:
    """No number is swallowed."""
    with pytest.raises(UnavailableError, match=r"outblob: no space left on device \(ENOSPC\)"):
        Tsm(failing(errno.ENOSPC)).quote(MINE)


def test_a_report_that_is_invalid_again_and_again() -> None:
    """EWOULDBLOCK means that somebody wrote: it is tried again, and not for ever."""
    kernel = failing(errno.EWOULDBLOCK)
    with pytest.raises(UnavailableError, match=f"during each of {TRIES} tries"):
        Tsm(kernel).quote(MINE)
    assert kernel.write_generation == TRIES


def test_a_dropped_write_is_noticed() -> None:
    """Closing inblob reports nothing: a kernel that no longer takes writes is found out."""
    kernel = Kernel(report_for)
    kernel.write_inblob(THEIRS)
    kernel.read_generation = kernel.write_generation + 1  # as after 2**64 writes that nobody read
    with pytest.raises(UnavailableError, match="others wrote"):
        Tsm(kernel).quote(MINE)
    assert kernel.signed == []


def test_the_tee_is_not_asked_for_others() -> None:
    """Whoever comes between the write and the reading is noticed before a report is made."""
    once = iter([THEIRS])

    def before(call: str, name: str) -> None:
        if (call, name) == ("close", "inblob"):
            for data in once:
                kernel.write_inblob(data)

    kernel = Kernel(report_for, before=before)
    assert Tsm(kernel).quote(MINE).outblob == report_for(MINE)[0]
    assert kernel.signed == [MINE]


def test_a_report_for_others_is_never_taken() -> None:
    """Even if the generation lies, the report is compared with what was asked."""
    kernel = Kernel(lambda _inblob, _privlevel: report_for(THEIRS))
    with pytest.raises(MalformedError, match=f"got {THEIRS.hex()}, want {MINE.hex()}"):
        Tsm(kernel).quote(MINE)


def test_sizes_are_bounded() -> None:
    """No attribute is read without end, and what is no number is not taken for one."""
    with pytest.raises(MalformedError, match=f"outblob: got more than {MAX_BLOB_BYTES} bytes"):
        Tsm(Kernel(lambda *_: (bytes(MAX_BLOB_BYTES + 1), b""))).quote(MINE)
    with pytest.raises(ValueError, match="63 bytes, not 64"):
        Tsm(Kernel(report_for)).quote(bytes(63))


@pytest.mark.parametrize("text", ["", "-1", "1_0", "٣", "9" * 21, "0x1"])
def test_a_generation_is_a_number(tmp_path: Path, text: str) -> None:
    """Digits and nothing else, as many as the kernel's type can have."""
    (tmp_path / "generation").write_text(f"{text}\n")
    fd = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with pytest.raises(MalformedError, match=r"generation: got .* want a number"):
            Tsm(Directory(fd)).quote(MINE)
    finally:
        os.close(fd)


def test_files_of_a_directory(tmp_path: Path) -> None:
    """The real port opens below its directory, follows no link, and leaves nothing open."""
    (tmp_path / "generation").write_text("7\n")
    (tmp_path / "inblob").symlink_to(tmp_path / "generation")
    fd = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        before = open_files()
        with pytest.raises(UnavailableError, match=r"configfs-tsm: inblob: .* \(ELOOP\)"):
            Tsm(Directory(fd)).quote(MINE)
        (tmp_path / "inblob").unlink()
        (tmp_path / "inblob").write_text("")
        with pytest.raises(UnavailableError, match="others wrote"):  # nobody counts here
            Tsm(Directory(fd)).quote(MINE)
        assert (tmp_path / "inblob").read_bytes() == MINE
        assert open_files() == before
    finally:
        os.close(fd)


MOVES = ("write", "write mine", "read", "level")
Schedule = st.dictionaries(st.integers(0, 120), st.lists(st.sampled_from(MOVES), min_size=1))
"""What others do before which of the system calls."""


@given(Schedule, st.sampled_from((None, 1)))
def test_no_interleaving_gives_a_report_for_others(
    schedule: dict[int, list[str]], privlevel: int | None
) -> None:
    """Attack: another process writes and reads whenever it likes, between any two system calls.

    What comes out is the report for what was asked, at the level that was asked, or an error; and
    once the other process rests, it is the report.
    """
    clock = itertools.count()

    def interfere(_call: str, _name: str) -> None:
        for move in schedule.get(next(clock), ()):
            if move == "write":
                kernel.write_inblob(THEIRS)
            elif move == "write mine":
                kernel.write_inblob(MINE)
            elif move == "level":
                kernel.store_privlevel(b"2")
            elif kernel.inblob:
                kernel.read_outblob()

    kernel = Kernel(report_for, before=interfere)
    try:
        report = Tsm(kernel).quote(MINE, privlevel=privlevel)
    except UnavailableError as error:
        assert error.problem.startswith("others wrote")  # noqa: PT017 - both ways are right
    else:
        assert report_data_of(report.provider, report.outblob) == MINE
        if privlevel is not None:
            assert report.outblob == report_for(MINE, privlevel)[0]
    schedule.clear()
    assert Tsm(kernel).quote(MINE, privlevel=1).outblob == report_for(MINE, 1)[0]
    assert kernel.open_files == 0
