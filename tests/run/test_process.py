"""The processes of a run: what they inherit, how signals reach them, that none is left behind."""

from __future__ import annotations

import os
import pty
import resource
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.run.conftest import Enarx, Start, Wasm

ENARX = Path(sys.executable).with_name("enarx")


def state(pid: int, field: str) -> str:
    """One field of /proc/<pid>/status; empty for a process that has gone."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return ""
    for line in text.splitlines():
        if line.startswith(f"{field}:"):
            return line.split(":")[1].strip()
    return ""


@pytest.mark.parametrize(
    ("number", "status"),
    [
        (signal.SIGHUP, 129),
        (signal.SIGINT, 130),
        (signal.SIGQUIT, 131),
        (signal.SIGTERM, 143),
    ],
)
def test_a_signal_ends_the_run(
    start: Start, endless: Path, number: signal.Signals, status: int
) -> None:
    """128 plus the signal, one line that names it, and no process left."""
    running = start(endless)
    running.process.send_signal(number)
    ended = running.end()
    assert ended.status == status
    ended.says(f"error: {endless}: ended by {number.name}")
    assert running.gone()


def test_a_command_line_that_is_killed_takes_its_keep_along(start: Start, endless: Path) -> None:
    """SIGKILL of the host's process leaves neither zygote nor keep."""
    running = start(endless)
    running.process.kill()
    assert running.gone()


def test_a_keep_that_is_killed(start: Start, endless: Path) -> None:
    """Status 137, and why that may have happened."""
    running = start(endless)
    os.kill(running.keep, signal.SIGKILL)
    ended = running.end()
    assert ended.status == 137
    ended.says(rf"error: {endless}: its keep was killed by SIGKILL \(.* ran out of memory\)")
    assert running.gone()


def test_a_zygote_that_is_killed(start: Start, endless: Path) -> None:
    """Its keep dies with it, and the run says so."""
    running = start(endless)
    os.kill(running.zygote, signal.SIGKILL)
    ended = running.end()
    assert ended.status == 3
    ended.says("error: process keep: its zygote was killed by SIGKILL.*")
    assert running.gone()


def test_a_stopped_run_goes_on(start: Start, endless: Path) -> None:
    """SIGSTOP and SIGCONT to host and keep harm nothing; it still ends by SIGTERM."""
    running = start(endless)
    for pid in (running.process.pid, running.keep):
        os.kill(pid, signal.SIGSTOP)
        os.kill(pid, signal.SIGCONT)
    assert running.process.poll() is None
    running.process.terminate()
    assert running.end().status == 143


def test_a_keep_has_nothing_it_does_not_need(start: Start, endless: Path) -> None:
    """No environment, no new privileges, a filter, one thread, no descriptor of the host's."""
    running = start(endless)
    keep = Path(f"/proc/{running.keep}")
    assert (keep / "environ").read_bytes() == b""
    assert state(running.keep, "NoNewPrivs") == "1"
    assert state(running.keep, "Seccomp") == "2"
    assert state(running.keep, "Threads") == "1"
    links = [str(entry.readlink()) for entry in (keep / "fd").iterdir()]
    allowed = ("/dev/null", "pipe:", "socket:", "/memfd:")
    foreign = [link for link in links if not link.startswith(allowed) and ".cwasm" not in link]
    assert foreign == []
    assert sum(link.startswith("socket:") for link in links) == 1


@pytest.mark.needs("setsid")
def test_a_keep_may_have_the_descriptors_that_an_application_may(
    program: Wasm, environment: dict[str, str], tmp_path: Path
) -> None:
    """4096, although shells allow a process 1024."""
    app = program('(func (export "_start") call $hello (loop br 0))')
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    if before[1] < 8192:
        pytest.skip("the machine allows fewer")
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, before[1]))
    try:
        run = subprocess.Popen(
            [ENARX, "run", app], env=environment, cwd=tmp_path, stdout=subprocess.PIPE
        )
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    with run:
        assert run.stdout is not None
        assert run.stdout.read(6) == b"hello\n"
        (zygote,) = children(run.pid)
        (keep,) = children(zygote)
        limits = Path(f"/proc/{keep}/limits").read_text()
        run.kill()
    (files,) = [line.split() for line in limits.splitlines() if line.startswith("Max open files")]
    assert files[3:5] == ["8192", str(before[1])]


def test_ctrl_c_on_a_terminal(environment: dict[str, str], endless: Path) -> None:
    """It reaches keep and host at once; the run ends once, with status 130."""
    terminal, theirs = pty.openpty()
    process = subprocess.Popen(
        ["setsid", "--ctty", ENARX, "run", endless],
        env=environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    seen = b""
    while b"hello" not in seen:
        seen += os.read(terminal, 4096)
    os.write(terminal, b"\x03")
    while True:
        try:
            seen += os.read(terminal, 4096)
        except OSError:  # EIO: the other side has closed it
            break
    os.close(terminal)
    assert process.wait(30) == 130
    assert seen.count(b"enarx: error: ") == 1
    assert b"ended by SIGINT" in seen


@pytest.mark.slow
def test_twelve_at_once(enarx: Enarx, hello: Path) -> None:
    """Runs that start together share a cache and nothing else."""
    with ThreadPoolExecutor(12) as pool:
        ends = list(pool.map(lambda _: enarx("run", hello), range(12)))
    assert {(ended.status, ended.out, ended.err) for ended in ends} == {(0, b"hello\n", "")}


def test_a_signal_before_anything_runs(environment: dict[str, str], endless: Path) -> None:
    """Ended as soon as it has started anything, the run leaves nothing behind."""
    for _ in range(3):
        process = subprocess.Popen(
            [ENARX, "run", endless],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while not (found := children(process.pid)):
            os.sched_yield()
        process.terminate()
        assert process.wait(30) in {143, -15}
        while state(found[0], "State") not in {"", "Z (zombie)"}:
            os.sched_yield()


def children(pid: int) -> list[int]:
    """Processes that *pid* started."""
    return [int(c) for c in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_signal_that_was_ignored_stays_ignored(
    program: Wasm, environment: dict[str, str], tmp_path: Path
) -> None:
    """Under nohup(1) a hang-up ends neither the run nor what it reports."""
    app = program(
        """(func (export "_start") call $hello
            (i32.store (i32.const 32) (i32.const 64)) (i32.store (i32.const 36) (i32.const 8))
            (drop (call $fd_read (i32.const 0) (i32.const 32) (i32.const 1) (i32.const 40)))
            (call $proc_exit (i32.const 3)))"""
    )
    with subprocess.Popen(
        ["nohup", ENARX, "run", app],
        env=environment,
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        assert running.stdout is not None
        assert running.stdout.read(6) == b"hello\n"
        running.send_signal(signal.SIGHUP)
        _, said = running.communicate(b"go on", timeout=30)
    assert (running.returncode, said) == (3, b"")
