"""Once its sandbox is closed, a keep reaches only what it already holds."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from enarx.keep.sandbox import calls, landlock
from enarx.protocol.launch import Mount

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.keep.process.conftest import Keeps

NEEDS_LANDLOCK = pytest.mark.skipif(landlock.abi() < 1, reason="the kernel offers no Landlock")
NEEDS_SCOPES = pytest.mark.skipif(landlock.abi() < 6, reason="Landlock has no scopes here")


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[..., Mount]]:
    """A folder with one file, opened as a mount."""
    folder = tmp_path / "mounted"
    folder.mkdir()
    (folder / "file").write_text("content")
    (tmp_path / "outside").write_text("not for the keep")
    fds: list[int] = []

    def mount(*, writable: bool) -> Mount:
        fds.append(os.open(folder, os.O_RDONLY | os.O_DIRECTORY))
        return Mount("/data", fds[-1], writable=writable)

    yield mount
    for fd in fds:
        os.close(fd)


def attempt(keeps: Keeps, name: str, *mounts: Mount, threads: bool = True) -> str:
    """What came of an attempt in a closed sandbox."""
    outcome, said = keeps.run("locked", name, "threads" if threads else "alone", mounts=mounts)
    if outcome.kind == "bug":
        return "SIGSYS"
    if outcome.kind == "killed":
        return signal.Signals(outcome.signal).name
    [answer] = said
    assert isinstance(answer, dict)
    return str(answer["result"])


@pytest.mark.parametrize(
    "name", ["socket", "pair", "open", "proc", "list", "fork", "kill", "mount"]
)
def test_what_a_library_might_try_is_refused(
    keeps: Keeps, mounted: Callable[..., Mount], name: str
) -> None:
    """New sockets, files, processes and signals get EPERM, EACCES or ENOSYS, and life goes on."""
    mounts = (mounted(writable=False),) if name == "mount" else ()
    assert attempt(keeps, name, *mounts) in ("PermissionError", "OSError")


@pytest.mark.parametrize("name", ["execve", "ptrace", "io_uring"])
def test_what_only_an_attacker_would_try_is_fatal(keeps: Keeps, name: str) -> None:
    """Running a program, tracing and io_uring end the process at once."""
    assert attempt(keeps, name) == "SIGSYS"


def test_a_program_cannot_be_spawned(keeps: Keeps) -> None:
    """Neither fork nor vfork nor clone makes a process, with threads allowed or not."""
    for threads in (True, False):
        assert attempt(keeps, "system", threads=threads) in ("PermissionError", "OSError")
        assert attempt(keeps, "fork", threads=threads) in ("PermissionError", "OSError")


def test_a_call_that_does_not_exist_yet_is_refused_kindly(keeps: Keeps) -> None:
    """An unknown number answers ENOSYS (-1), so that libraries fall back."""
    assert attempt(keeps, "unknown") == "-1"


def test_typing_into_the_terminal_is_refused(keeps: Keeps) -> None:
    """TIOCSTI would put input into the user's shell."""
    assert attempt(keeps, "tiocsti") == "OSError"


def test_everyday_work_goes_on(keeps: Keeps) -> None:
    """Memory, clocks, randomness, memory files and standard streams work as before."""
    assert attempt(keeps, "everyday", threads=False) == str(1 << 24)


def test_compiled_code_can_be_mapped(keeps: Keeps) -> None:
    """The engine's executable pages are allowed."""
    assert attempt(keeps, "jit") == "4096"


def test_threads_exactly_where_they_are_allowed(keeps: Keeps) -> None:
    """A compiling keep may start threads, one that only runs may not."""
    assert attempt(keeps, "thread") == "[1]"
    assert attempt(keeps, "thread", threads=False) == "RuntimeError"


def test_aborting_ends_only_the_keep_itself(keeps: Keeps) -> None:
    """A library that gives up can, by a signal to itself."""
    assert attempt(keeps, "abort") == "SIGABRT"


@NEEDS_LANDLOCK
def test_a_read_only_mount_is_read_only(keeps: Keeps, mounted: Callable[..., Mount]) -> None:
    """A mounted folder is read; writing needs to be asked for."""
    assert attempt(keeps, "read", mounted(writable=False)) == "b'content'"
    assert attempt(keeps, "write", mounted(writable=False)) == "PermissionError"


@NEEDS_LANDLOCK
def test_a_writable_mount_takes_every_change(keeps: Keeps, mounted: Callable[..., Mount]) -> None:
    """Files, folders and links are made, renamed, changed and removed in it."""
    assert attempt(keeps, "write", mounted(writable=True)) == "4"


@NEEDS_LANDLOCK
def test_no_path_leads_out_of_a_mount(keeps: Keeps, mounted: Callable[..., Mount]) -> None:
    """With paths allowed by the filter, Landlock still ends them at the mount."""
    for name in ("out", "open", "list"):
        assert attempt(keeps, name, mounted(writable=True)) == "PermissionError"
    assert attempt(keeps, "proc", mounted(writable=True)).endswith("Error")


@pytest.mark.parametrize(("mounts", "left"), [(False, 0), (True, 0b1110)])
def test_roots_powers_are_given_up(*, mounts: bool, left: int) -> None:
    """Nothing of them stays, or with mounts those over files; never what a user had not."""
    program = (
        "from enarx.keep.sandbox import capabilities\n"
        f"capabilities.drop(mounts={mounts})\n"
        "print(open('/proc/self/status').read())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    kept = {
        line[:6]: int(line.split()[1], 16) for line in done.stdout.splitlines() if "Cap" in line
    }
    had = (1 << 64) - 1 if os.geteuid() == 0 else 0
    assert kept["CapEff"] == kept["CapPrm"] == left & had
    assert kept["CapInh"] == 0


def test_pairs_are_local_where_they_are_allowed() -> None:
    """With pairs allowed, two local sockets can be made, none of another family, and no other."""
    program = (
        "import socket, sys\n"
        "from enarx.keep.sandbox import lockdown, prctl\n"
        "prctl.prctl(prctl.SET_NO_NEW_PRIVS, 1)\n"
        "lockdown.lock_down((), allow_threads=False, pairs=True)\n"
        "for make in (socket.socketpair, lambda: socket.socketpair(16), socket.socket):\n"
        "    try:\n"
        "        made = make()\n"
        "        print('made')\n"
        "    except OSError as error:\n"
        "        print(error.errno)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["made", str(errno.EPERM), str(errno.EPERM)]


@NEEDS_SCOPES
def test_what_was_applied_is_reported(keeps: Keeps) -> None:
    """The report names each feature; nothing is missing on a current kernel."""
    _, [answer] = keeps.run("locked", "everyday", "threads")
    assert isinstance(answer, dict)
    text = " ".join(answer["applied"])
    words = ("capabilities: none", "files", "tcp", "signals", "seccomp", "threads")
    assert all(word in text for word in words)
    assert answer["missing"] == []


def test_the_tables_do_not_contradict_each_other() -> None:
    """No call is in two tables: the library would take the first."""
    tables = (
        calls.ALWAYS,
        calls.STAT,
        calls.MOUNTS_READ,
        calls.MOUNTS_WRITE,
        calls.REFUSED,
        calls.PAIRS,
    )
    names = [name for table in (*tables, calls.FATAL) for name in table]
    assert len(names) == len(set(names))
