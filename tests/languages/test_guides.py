"""Every command in docs/guides/languages is run, and prints what stands below it."""

from __future__ import annotations

import fcntl
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.deploy import conftest as deploying

DOCS = Path(__file__).parent.parent.parent / "docs" / "guides" / "languages"
PAGES = sorted(DOCS.glob("*.md"))
PATIENCE_S = 540.0
NOT_RUN = "# not run"
ANYTHING = "…"
MISSING = re.compile(r"enarx: error: (compiler of .*|--install-toolchain: .* is not there)")

agent = deploying.agent
"""A host, for `enarx deploy`."""


@pytest.fixture
def port() -> Iterator[None]:
    """Port 8443, which all pages serve on: one page at a time."""
    with Path(tempfile.gettempdir(), f"enarx-guides-{os.getuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.mark.slow
@pytest.mark.needs("curl")
@pytest.mark.usefixtures("port")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_guide(page: Path, tmp_path: Path, agent: deploying.Agent) -> None:
    """The commands of a page work in an empty folder, one after the other."""
    commands = commands_of(page.read_text())
    assert commands
    environment = prepared(tmp_path, agent)
    script = "\n".join(lines_of(number, command) for number, (command, _) in enumerate(commands))
    work = tmp_path / "work"
    work.mkdir()
    with subprocess.Popen(
        ["bash", "-c", script], cwd=work, env=environment, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        out, err = process.communicate(timeout=PATIENCE_S)
    said = err.decode()
    if missing := MISSING.search(said):
        pytest.skip(f"not installed: {missing[1]}")
    shown = out.decode().split(MARK)
    for number, (command, wanted) in enumerate(commands):
        assert number < len(shown) - 1, f"$ {command}\n{said}"
        status, _, _ = shown[number + 1].partition("\n")
        got = shown[number].partition("\n")[2] if number else shown[number]
        assert status == "0", f"$ {command}\n{got}{said}"
        if wanted:
            assert fits(wanted, got.splitlines()), f"$ {command}\n{got}"


MARK = "--- status "


def lines_of(number: int, command: str) -> str:
    """Shell that runs *command*, and prints its status; at the end, what still runs is ended."""
    stop = "trap 'kill $(jobs -p) 2>/dev/null' EXIT\n" if number == 0 else ""
    background = command.rstrip().endswith("&")
    run = f"{command.rstrip()[:-1]} >/dev/null 2>&1 &" if background else command
    return f"{stop}{run}\nstatus=$?; echo '{MARK}'$status; test $status = 0 || exit 1"


def commands_of(text: str) -> list[tuple[str, list[str]]]:
    """Each command of the page's console blocks, with the lines below it."""
    found: list[tuple[str, list[str]]] = []
    for block in re.findall(r"^```console\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            else:
                found[-1][1].append(line)
    return [(command, wanted) for command, wanted in found if not command.endswith(NOT_RUN)]


def fits(wanted: list[str], got: list[str]) -> bool:
    """Whether *got* is *wanted*, in which "…" stands for any lines."""
    pattern = "".join(r"(?:.*\n)*" if w == ANYTHING else re.escape(w) + r"\n" for w in wanted)
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in got)) is not None


def prepared(folder: Path, agent: deploying.Agent) -> dict[str, str]:
    """The environment of a user with a host, and the program that is tested in PATH."""
    programs = folder / "bin"
    programs.mkdir()
    program = programs / "enarx"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m enarx "$@"\n')
    program.chmod(0o755)
    home = deploying.make_home(folder / "home")
    toolchains = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    shared = Path(toolchains) / "enarx" / "toolchains"
    shared.mkdir(parents=True, exist_ok=True)
    (folder / "home" / "data" / "enarx" / "toolchains").symlink_to(shared)
    return {
        **home,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "ZIG_GLOBAL_CACHE_DIR": str(Path.home() / ".cache" / "zig"),
        "ENARX_HOST": agent.url,
        "ENARX_TOKEN_FILE": str(agent.token_file),
    }


def test_there_are_pages() -> None:
    """Each language of the registry has one, and no page is of a language that is not there."""
    from enarx.languages.registry import LANGUAGES

    assert {page.stem for page in PAGES} == {language.name for language in LANGUAGES}


def test_output_is_compared() -> None:
    """A line too few, one that differs, or one too many does not fit."""
    assert fits(["a", ANYTHING], ["a", "b", "c"])
    assert fits([ANYTHING, "c"], ["a", "b", "c"])
    assert not fits(["a"], ["a", "b"])
    assert not fits(["a", "b"], ["a"])
    assert not fits(["a."], ["ab"])
