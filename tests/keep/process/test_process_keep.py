"""A process keep has what it was given, ends as it should, and never outlives its host."""

from __future__ import annotations

import os
import resource
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from enarx.errors import UnavailableError
from enarx.host.process import start_zygote
from enarx.host.supervise import supervise
from enarx.protocol.launch import Launch

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.keep.process.conftest import Keeps

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root sees into a process not dumpable")


def process(pid: object) -> Path:
    """Its folder of /proc."""
    return Path("/proc") / str(pid)


def gone(pid: object, *, within_s: float = 5.0) -> bool:
    """Has a process ended, or does it within some seconds?"""
    handle = os.pidfd_open(int(str(pid))) if process(pid).exists() else -1
    if handle < 0:
        return True
    try:
        return bool(select.select([handle], [], [], within_s)[0])
    finally:
        os.close(handle)


def test_the_exit_code_is_the_application_s(keeps: Keeps) -> None:
    """An exit keeps its number, also one that no process status could hold."""
    for code in (0, 1, 77, 3_000_000_000):
        outcome, _ = keeps.run("exits", str(code))
        assert (outcome.kind, outcome.code) == ("exit", code)


def test_a_keep_has_only_the_descriptors_it_was_given(keeps: Keeps) -> None:
    """Standard streams, link, and the launch's own: no zygote's and no launcher's descriptor."""
    leak = os.open("/etc/hostname", os.O_RDONLY)
    os.set_inheritable(leak, True)  # noqa: FBT003 - os's own interface
    try:
        _, [shown] = keeps.run("shows")
    finally:
        os.close(leak)
    assert isinstance(shown, dict)
    assert shown["descriptors"] == [0, 1, 2, 3, 4, 5, 6]
    assert shown["stdin"] == "/dev/null"


def test_inherited_descriptors_stop_at_the_zygote(new_zygote: Callable[[], Keeps]) -> None:
    """What a shell leaves open in the launcher does not reach a keep."""
    leaks = [os.open("/etc/hostname", os.O_RDONLY) for _ in range(20)]
    for leak in leaks:
        os.set_inheritable(leak, True)  # noqa: FBT003 - os's own interface
    _, [shown] = new_zygote().run("shows")
    for leak in leaks:
        os.close(leak)
    assert isinstance(shown, dict)
    assert shown["descriptors"] == [0, 1, 2, 3, 4, 5, 6]


def test_a_keep_has_no_environment_of_the_host(
    new_zygote: Callable[[], Keeps], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No variable of the host is there, not even for a moment (``LC_CTYPE`` is Python's own)."""
    monkeypatch.setenv("ENARX_TEST_SECRET", "canary")
    own = new_zygote()
    _, [shown] = own.run("shows")
    assert isinstance(shown, dict)
    assert set(shown["environment"]) <= {"LC_CTYPE"}


@AS_ROOT
def test_the_environment_is_clean_from_outside(keeps: Keeps) -> None:
    """The kernel's own view of a keep's first environment is empty."""
    keep, said = keeps.start("waits")
    pid = os.read(said, 100).decode().strip()
    assert (process(pid) / "environ").read_bytes() == b""
    keep.kill(signal.SIGKILL)
    supervise(keeps.zygote, keep)
    os.close(said)


def test_a_keep_imports_from_known_places_only(keeps: Keeps) -> None:
    """Neither the current folder nor the launcher's script folder is searched."""
    _, [shown] = keeps.run("shows")
    assert isinstance(shown, dict)
    assert "" not in shown["path"]
    assert os.getcwd() not in shown["path"]  # noqa: PTH109 - compared as text


def test_keeps_do_not_share_randomness(keeps: Keeps) -> None:
    """Two keeps of one zygote draw different numbers."""
    drawn = set()
    for _ in range(3):
        _, [shown] = keeps.run("shows")
        assert isinstance(shown, dict)
        drawn.add(shown["random"])
    assert len(drawn) == 3


def test_a_keep_stays_in_the_terminal_s_group_with_default_signals(keeps: Keeps) -> None:
    """A Ctrl-C in the terminal reaches the keep and ends it by the default action."""
    _, [shown] = keeps.run("shows")
    assert isinstance(shown, dict)
    assert shown["group"] == os.getpgrp()
    assert shown["signals"] == [str(signal.SIG_DFL)] * 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGSEGV, signal.SIGKILL])
def test_a_killed_keep_names_its_signal(keeps: Keeps, number: signal.Signals) -> None:
    """A keep that dies of a signal says nothing; its wait status does."""
    keep, said = keeps.start("waits")
    os.read(said, 100)
    keep.kill(number)
    outcome = supervise(keeps.zygote, keep)
    os.close(said)
    assert (outcome.kind, outcome.signal) == ("killed", number)
    assert number.name in outcome.message


def test_a_signal_before_the_keep_exists_reaches_it(new_zygote: Callable[[], Keeps]) -> None:
    """A Ctrl-C while the zygote still loads is not lost."""
    own = new_zygote()
    keep, said = own.start("waits")
    keep.kill(signal.SIGINT)
    assert supervise(own.zygote, keep).signal == signal.SIGINT
    os.close(said)


def test_a_wall_time_limit_is_told_from_other_deaths(keeps: Keeps) -> None:
    """Death by the alarm is the limit that the keep announced."""
    outcome, _ = keeps.run("alarm")
    assert (outcome.kind, outcome.which, outcome.limit) == ("limit", "wall_time", 0.01)


def test_a_filtered_call_is_our_bug(keeps: Keeps) -> None:
    """Death by the filter is reported as a mistake of ours, not of the application."""
    outcome, _ = keeps.run("dies", str(int(signal.SIGSYS)))
    assert outcome.kind == "bug"
    assert "SIGSYS" in outcome.message


def test_a_keep_without_a_report_failed(keeps: Keeps) -> None:
    """An exit without a report is not taken for success, whatever its status."""
    for status in ("0", "9"):
        outcome, _ = keeps.run("silent", status)
        assert isinstance(outcome.error, UnavailableError)
        assert f"exit status {status}" in str(outcome.error)


@pytest.mark.usefixtures("capfd")
def test_an_escaped_exception_ends_only_the_keep(keeps: Keeps) -> None:
    """A bug in one keep leaves the zygote alive for the next."""
    outcome, _ = keeps.run("raises")
    assert isinstance(outcome.error, UnavailableError)
    assert keeps.run("exits", "5")[0].code == 5


def test_a_lost_host_is_a_distinct_end(keeps: Keeps) -> None:
    """A keep whose host closes the link ends with its own status."""
    keep, said = keeps.start("silent", "75")
    while not keep.over:
        keeps.zygote.pump(wait=True)
    os.close(said)
    assert keep.outcome().kind == "link_lost"
    keep.close()


@pytest.mark.parametrize("junk", ["{}", "junk", '{"event":"ended"}', '{"id":1,"op":"exec"}'])
def test_a_keep_that_breaks_the_protocol_is_killed(keeps: Keeps, junk: str) -> None:
    """A host does not guess what a broken keep means."""
    outcome, _ = keeps.run("chatters", junk)
    assert isinstance(outcome.error, UnavailableError)
    assert "broke the protocol" in str(outcome.error)


def test_a_keep_that_breaks_the_protocol_before_it_is_named_is_killed(
    new_zygote: Callable[[], Keeps],
) -> None:
    """Its words can be here before the zygote's, and nothing of it stays behind."""
    own = new_zygote()
    keep, said = own.start("waits")
    keep.broke("junk")
    assert not keep.over
    while not keep.over:
        own.zygote.pump(wait=True)
    assert "broke the protocol" in str(keep.outcome().error)
    with select.epoll() as poll:
        poll.register(said, select.EPOLLIN)
        while poll.poll(30.0) and os.read(said, 100):
            pass
        assert poll.poll(0) == [(said, select.EPOLLHUP)]
    os.close(said)
    keep.close()


def test_pending_requests_do_not_hide_the_report(keeps: Keeps) -> None:
    """A keep may end with every request unanswered; its report still counts."""
    outcome, _ = keeps.run("leaves_pending")
    assert (outcome.kind, outcome.code) == ("exit", 3)


def test_a_long_command_line_reaches_the_keep(keeps: Keeps) -> None:
    """A launch longer than a frame goes through a file."""
    _, [length] = keeps.run("counts_arguments", "x" * 1_000_000)
    assert length == 1_000_000 + len("counts_arguments")


def test_a_keep_dies_with_its_zygote(new_zygote: Callable[[], Keeps]) -> None:
    """Ending the zygote ends every keep it forked."""
    own = new_zygote()
    keep, said = own.start("waits")
    pid = int(os.read(said, 100))
    os.close(said)
    own.zygote.close()
    assert gone(pid)
    assert keep.outcome().kind == "failed"
    keep.close()


def test_keep_and_zygote_die_with_their_launcher() -> None:
    """A launcher that is killed leaves no process behind."""
    program = (
        "import os, sys, time; sys.path[:0] = {path!r}\n"
        "from enarx.host.process import start_zygote\n"
        "from enarx.protocol.launch import Launch\n"
        "zygote = start_zygote(program={program!r}, path=({here!r},))\n"
        "launch = Launch(manifest='{{}}', blobs=(), stdio=(0, 1, 2), args=('waits',))\n"
        "keep = zygote.launch(launch)\n"
        "print(zygote.pid, flush=True); time.sleep(60)\n"
    ).format(
        path=sys.path,
        program="import bodies, enarx.keep.zygote as z; z.serve(lambda: {'run': bodies.run})",
        here=str(Path(__file__).parent),
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as launcher:
        assert launcher.stdout is not None
        pids = [launcher.stdout.readline().strip().decode() for _ in range(2)]
        launcher.kill()
    assert [gone(pid) for pid in pids] == [True, True]


@AS_ROOT
def test_a_keep_cannot_gain_privileges_or_be_looked_into(keeps: Keeps) -> None:
    """No new privileges, no core dump, /proc/<pid> is root's."""
    keep, said = keeps.start("waits")
    pid = os.read(said, 100).decode().strip()
    status = (process(pid) / "status").read_text()
    assert "NoNewPrivs:\t1" in status
    assert resource.prlimit(int(pid), resource.RLIMIT_CORE) == (0, 0)
    keep.kill(signal.SIGKILL)
    supervise(keeps.zygote, keep)
    os.close(said)


def test_two_hundred_keeps_at_once(new_zygote: Callable[[], Keeps]) -> None:
    """Requests queue, forks do not hang, and every end is told."""
    own = new_zygote()
    started = [own.start("exits", str(n)) for n in range(200)]
    codes = [supervise(own.zygote, keep).code for keep, _ in started]
    for _, said in started:
        os.close(said)
    assert codes == list(range(200))


def test_a_zygote_that_cannot_start_is_reported(capfd: pytest.CaptureFixture[str]) -> None:
    """A broken installation is an error of the keep's start, with the cause on standard error."""
    zygote = start_zygote(program="import no_such_module")
    keep = zygote.launch(Launch(manifest="{}", blobs=(), stdio=(0, 1, 2)))
    outcome = supervise(zygote, keep)
    zygote.close()
    assert "zygote ended with exit status 1" in str(outcome.error)
    assert "no_such_module" in capfd.readouterr().err


def test_a_dead_zygote_takes_no_launch() -> None:
    """Launching with a zygote that is gone says so."""
    zygote = start_zygote(program="raise SystemExit")
    zygote.close()
    with pytest.raises(UnavailableError, match="process keep"):
        zygote.launch(Launch(manifest="{}", blobs=(), stdio=(0, 1, 2)))


def test_a_zygote_ignores_the_terminal(new_zygote: Callable[[], Keeps]) -> None:
    """Signals of the terminal end keeps, and the zygote lives to tell."""
    own = new_zygote()
    own.run("exits", "0")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        os.kill(own.zygote.pid, number)
    assert own.run("exits", "4")[0].code == 4


def test_a_keep_waits_without_work(keeps: Keeps) -> None:
    """An idle keep uses no processor time."""
    keep, said = keeps.start("waits")
    pid = os.read(said, 100).decode().strip()
    before = (process(pid) / "stat").read_text().split()[13:15]
    end = time.monotonic() + 0.2
    while time.monotonic() < end:
        keeps.zygote.pump()
        select.select([said], [], [], 0.05)
    assert (process(pid) / "stat").read_text().split()[13:15] == before
    keep.kill(signal.SIGKILL)
    supervise(keeps.zygote, keep)
    os.close(said)
