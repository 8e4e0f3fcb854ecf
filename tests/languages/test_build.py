"""``enarx build``: what it does again, what it refuses, and what it leaves behind."""

from __future__ import annotations

import fcntl
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from tests.languages.conftest import PATIENCE_S, Build, Enarx

from enarx.adapters import build_output
from enarx.package.wasm_interface import sections

HELLO = '#include <stdio.h>\nint main(void) { puts("hello"); return 0; }\n'
BROKEN = "int main(void) { return }\n"
FOREIGN = (
    '__attribute__((import_module("env"), import_name("light"))) int light(void);\n'
    "int main(void) { return light(); }\n"
)
REACTOR = "int answer(void) { return 42; }\n"

pytestmark = [pytest.mark.slow, pytest.mark.needs("ziglang")]


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """A program in C, and nothing else."""
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "main.c").write_text(HELLO)
    return folder


def test_contents_count_and_dates_do_not(app: Path, build: Build) -> None:
    """A touched file is no reason to build, a changed one is; so is a changed option."""
    first = build("app").built
    os.utime(app / "main.c", (0, 0))
    assert build("app").built["up_to_date"]
    (app / "main.c").write_text(HELLO.replace("hello", "there"))
    second = build("app").built
    assert not second["up_to_date"]
    assert first["digest"] != second["digest"]
    (app / "main.c").write_text(HELLO)
    assert build("app").built["digest"] == first["digest"]
    debug = build("app", "--debug").built
    assert not debug["up_to_date"]
    assert debug["profile"] == "debug"
    assert not build("app", "--debug", "--again").built["up_to_date"]


def test_a_stale_package_is_run_with_a_word(app: Path, build: Build, enarx: Enarx) -> None:
    """What was built is what runs; that a source is newer is said."""
    build("app")
    done = enarx("run", "app")
    assert (done.stdout, done.stderr) == (b"hello\n", b"")
    later = (app / "build" / "package.tar").stat().st_mtime_ns + 1
    os.utime(app / "main.c", ns=(later, later))
    done = enarx("run", "app")
    note = b"enarx: note: main.c has changed since it was built: enarx build app\n"
    assert (done.stdout, done.stderr) == (b"hello\n", note)


def test_what_was_changed_behind_its_back_is_made_again(app: Path, build: Build) -> None:
    """A package that is not the one that was written is no result."""
    first = build("app").built
    (app / "build" / "package.tar").write_bytes(b"something else")
    again = build("app").built
    assert (again["up_to_date"], again["digest"]) == (False, first["digest"])
    (app / "build" / "built.json").write_text("{}")
    assert not build("app").built["up_to_date"]


def test_a_release_is_stripped_and_debug_is_not(app: Path, build: Build) -> None:
    """No custom section is left in a release; names are there to debug with."""
    build("app")
    module = app / "build" / "app.wasm"
    assert 0 not in {number for number, _, _ in sections(module.read_bytes())}
    build("app", "--debug")
    assert 0 in {number for number, _, _ in sections(module.read_bytes())}


def test_files_and_flags(app: Path, build: Build, enarx: Enarx) -> None:
    """files/ goes into the package; flags of enarx-build.toml reach the compiler."""
    (app / "files" / "data").mkdir(parents=True)
    (app / "files" / "data" / "in.txt").write_text("x")
    (app / "main.c").write_text("int main(void) { return STATUS; }\n")
    (app / "enarx-build.toml").write_text('flags = ["-DSTATUS=5"]\n')
    build("app")
    assert enarx("run", "app").returncode == 5
    shown = enarx("package", "inspect", "app").stdout.decode()
    assert "data/in.txt" in shown
    assert "main.c" not in shown


def test_the_compiler_speaks_first(app: Path, enarx: Enarx) -> None:
    """A mistake: the compiler's message, then one line of ours with a hint; no package is left."""
    assert enarx("build", "app").returncode == 0
    (app / "main.c").write_text(BROKEN)
    done = enarx("build", "app")
    lines = done.stderr.decode().splitlines()
    assert (done.returncode, done.stdout) == (1, b"")
    assert lines[0] == "main.c:1:25: error: expected expression"
    assert lines[-2] == "enarx: error: compile main.c: zig ended with status 1"
    assert lines[-1].startswith("enarx: hint: the lines above are its own")
    done = enarx("run", "app")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"enarx: hint: a project is built first: enarx build app\n" in done.stderr


@pytest.mark.parametrize(
    ("source", "flags", "problem"),
    [
        (FOREIGN, "", "build/app.linked.wasm: imports what the keep does not provide: env.light"),
        (REACTOR, "-mexec-model=reactor", "build/app.linked.wasm: exports no _start function"),
    ],
)
def test_what_no_keep_runs_is_refused(
    app: Path, enarx: Enarx, source: str, flags: str, problem: str
) -> None:
    """What is imported and exported is held against the keep's own tables, before packaging."""
    (app / "main.c").write_text(source)
    (app / "enarx-build.toml").write_text(f'flags = ["{flags}"]\n' if flags else "")
    done = enarx("build", "app")
    assert done.returncode == 1
    assert f"enarx: error: {problem}" in done.stderr.decode()
    assert not (app / "build" / "package.tar").exists()


def test_a_mistake_in_enarx_toml_ends_a_build(app: Path, enarx: Enarx) -> None:
    """The configuration is checked before there is a package with it."""
    (app / "Enarx.toml").write_text("arg = []\n")
    done = enarx("build", "app")
    assert done.returncode == 4
    assert done.stderr.decode().endswith(
        "Enarx.toml: arg: unknown key\nenarx: hint: did you mean 'args'?\n"
    )
    assert not (app / "build" / "package.tar").exists()


def test_two_builds_of_one_folder(app: Path, enarx: Enarx) -> None:
    """The second is told that it is not alone."""
    with build_output.locked(str(app)):
        done = enarx("build", "app")
    assert done.returncode == 3
    assert b"another build is at work there" in done.stderr


@pytest.mark.usefixtures("app")
def test_both_compilers_of_c(build: Build, enarx: Enarx) -> None:
    """What zig and clang make has different bytes and says the same."""
    digests = set()
    for compiler in ("zig", "clang"):
        project = build("app", "--with", compiler)
        digests.add(project.built["digest"])
        assert project.built["with"] == compiler
        assert enarx("run", "app").stdout == b"hello\n"
    assert len(digests) == 2


def test_whoever_watches_sees_what_is_done(app: Path, environment: dict[str, str]) -> None:
    """On a terminal a line says what is compiled, and is taken away."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "enarx", "build", app]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=theirs, env=environment
    ) as process:
        os.close(theirs)
        shown = b""
        try:
            while piece := os.read(ours, 4096):
                shown += piece
        except OSError:  # how a terminal ends
            pass
        assert process.wait(PATIENCE_S) == 0
    os.close(ours)
    assert b"\r\x1b[Kenarx: compile main.c \xe2\x80\xa6" in shown
    assert shown.endswith(b"\r\x1b[K")


def test_a_build_that_was_interrupted_counts_for_nothing(app: Path, build: Build) -> None:
    """Its lock is gone with it, and the next build begins anew."""
    build("app")
    build_output.forget(str(app))
    with (app / "build" / ".lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
    assert not build("app").built["up_to_date"]
