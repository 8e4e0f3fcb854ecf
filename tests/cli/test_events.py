"""``enarx evidence events``: a boot's log, its registers, and those that a quote states."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
from pathlib import Path

import pytest
from tests.fuzz import seeds

from enarx.cli.main import main
from enarx.evidence.event_log import parse, replay
from enarx.tee.simulated.tdx import SimulatedTdx, TdGuest

SHA384 = 0x0C


def u(size: int, number: int) -> bytes:
    """*number* as *size* bytes, little-endian."""
    return number.to_bytes(size, "little")


def log(algorithm: int, size: int, *events: tuple[int, int, bytes]) -> bytes:
    """A log of one bank with these registers, types and data."""
    bank = u(2, algorithm) + u(2, size)
    body = b"Spec ID Event03\0" + bytes(4) + bytes((0, 2, 0, 2)) + u(4, 1) + bank + b"\0"
    found = u(4, 1) + u(4, 3) + bytes(20) + u(4, len(body)) + body
    for index, kind, data in events:
        digest = hashlib.sha384(data).digest()[:size]
        found += u(4, index) + u(4, kind) + u(4, 1) + u(2, algorithm) + digest
        found += u(4, len(data)) + data
    return found


BOOT = log(SHA384, 48, (1, 4, bytes(4)), (2, 0x8000_0007, b"Exit Boot Services"), (1, 5, b"again"))


def run(*arguments: str) -> tuple[int, str, str]:
    """Exit status, standard output, standard error."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(["evidence", "events", *arguments])
    return status, out.getvalue(), err.getvalue()


@pytest.fixture
def boot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A log in a file, in the current folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "CCEL").write_bytes(BOOT + b"\xff" * 100)
    return tmp_path / "CCEL"


def quote(*registers: bytes) -> str:
    """The name of a file with a quote that states these RTMRs, and zeros for the rest."""
    one, two, three, four = (*registers, *[bytes(48)] * 4)[:4]
    guest = TdGuest(mr_td=bytes(48), rtmrs=(one, two, three, four))
    tdx = SimulatedTdx(machine=seeds.intel())
    Path("quote.bin").write_bytes(tdx.quote(guest, report_data=bytes(64)))
    return "quote.bin"


@pytest.mark.usefixtures("boot")
def test_the_command_shows_events_and_registers() -> None:
    """One line for each event, the registers, and that nothing is proven."""
    status, out, err = run("CCEL")
    assert status == 0
    lines = out.splitlines()
    assert lines[:2] == ["NOT VERIFIED", "file        CCEL, 3 events"]
    assert lines[3] == "  2  EV_EFI_ACTION                     Exit Boot Services"
    assert lines[5].startswith("register 1  sha384  ")
    assert "a log proves nothing" in err
    report = json.loads(run("CCEL", "--json")[1])
    assert (report["verified"], len(report["events"])) == (False, 3)
    assert report["registers"]["sha384"]["1"] == lines[5].split()[-1]


@pytest.mark.usefixtures("boot")
def test_a_log_is_compared_with_a_quote() -> None:
    """Attack: a harmless log beside the quote of another boot is told by its registers."""
    registers = replay(parse(BOOT), "sha384")
    path = quote(registers[1], registers[2])
    status, out, _ = run("CCEL", "--evidence", path)
    assert status == 0
    assert out.count("the same") == 4
    path = quote(registers[1], registers[2], b"x" * 48)
    status, out, err = run("CCEL", "--evidence", path)
    assert status == 1
    assert f"tdx.quote.body.rtmr_2  NOT the log's: {b'x'.hex() * 48}" in out
    assert "leads to other registers than quote.bin states: tdx.quote.body.rtmr_2" in err


@pytest.mark.usefixtures("boot")
def test_an_invented_event_is_told_from_a_measured_one() -> None:
    """Attack: events that change no register of the quote, added to its true log."""
    registers = replay(parse(BOOT), "sha384")
    path = quote(registers[1], registers[2])
    start = len(log(SHA384, 48))
    Path("stray").write_bytes(BOOT + log(SHA384, 48, (7, 5, b"signed by the owner"))[start:])
    status, out, err = run("stray", "--evidence", path)
    assert (status, out) == (1, "")
    assert f"stray: event log at 0x{len(BOOT):x}: extends register 7, want 1 to 4" in err
    Path("idle").write_bytes(BOOT + log(SHA384, 48, (1, 3, b"all is well"))[start:])
    status, out, _ = run("idle", "--evidence", path)
    assert status == 0
    assert "EV_NO_ACTION                      all is well  (not extended)\n" in out
    report = json.loads(run("idle", "--json")[1])
    assert [event["extended"] for event in report["events"]] == [True, True, True, False]


@pytest.mark.usefixtures("boot")
def test_exchanged_data_is_told_from_measured_data() -> None:
    """Attack: a harmless text beside the true digest leads to the true registers."""
    registers = replay(parse(BOOT), "sha384")
    path = quote(registers[1], registers[2])
    Path("other").write_bytes(BOOT.replace(b"Exit Boot Services", b"Nothing to see now"))
    status, out, _ = run("other", "--evidence", path)
    assert status == 0
    assert "Nothing to see now  (its digest is of something else)\n" in out
    report = json.loads(run("other", "--json")[1])
    assert [event["data_is_measured"] for event in report["events"]] == [True, False, True]


@pytest.mark.usefixtures("boot")
def test_what_cannot_be_compared(tmp_path: Path) -> None:
    """Evidence without such registers, a log of another bank, and no log at all."""
    report, _ = seeds.snp()
    (tmp_path / "report.bin").write_bytes(report)
    status, _, err = run("CCEL", "--evidence", "report.bin")
    assert status == 4
    assert "want a TDX quote, which states RTMRs" in err
    (tmp_path / "old").write_bytes(log(0x0B, 32, (1, 1, b"")))
    (tmp_path / "tdx.bin").write_bytes(seeds.tdx()[0])
    status, _, err = run("old", "--evidence", "tdx.bin")
    assert status == 4
    assert "the log has no such digests" in err
    status, out, err = run("report.bin")
    assert (status, out) == (1, "")
    assert err.startswith("enarx: error: report.bin: event log: begins with")
    assert run("nothing")[0] == 4
