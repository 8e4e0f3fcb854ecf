"""Run ``tests/cli/*.txtar``: a command script above, its files below (after age's testscript).

    # a comment
    exec enarx config check          must succeed; ``! exec`` must fail
    exit 4                           the status of the last exec
    stdout 'regular expression'      ``! stdout .`` for nothing at all; likewise stderr
    cmp stdout want.txt              equal to a file; also of two files
    exists out.tar                   ``! exists`` for the opposite
    unhex app.wasm 0061736d01000000  make a binary file
    numbered directory 41            make a directory with files 0 to 40
    save file stdout                 keep an output for a later cmp
    symlink link target, mkdir directory, remove file
    env PATH /nowhere                a variable, until the end

``$DIR`` in a line is the folder the script runs in.  The program runs in this process, with a
cache, a configuration and a data folder of its own, in which the simulated machines' development
root lies already.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from enarx.cli.main import main

SCRIPTS = sorted(Path(__file__).parent.glob("*.txtar"))
ROOT_KEYS = Path(__file__).parent.parent / "tee" / "development-root.pem"


@pytest.fixture
def folder(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty folder, and a home elsewhere."""
    home = tmp_path_factory.mktemp("home")
    simulated = home / "data" / "enarx" / "simulated"
    simulated.mkdir(parents=True, mode=0o700)
    (simulated / "root.pem").touch(mode=0o600)
    (simulated / "root.pem").write_bytes(ROOT_KEYS.read_bytes())
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("XDG_DATA_HOME", str(home / "data"))
        environment.setenv("XDG_CACHE_HOME", str(home / "cache"))
        environment.setenv("XDG_CONFIG_HOME", str(home / "config"))
        yield tmp_path


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_transcript(path: Path, folder: Path) -> None:
    """The program does and says what the transcript shows."""
    lines, files = parse(path.read_text())
    for name, contents in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(contents)
    script = Script(folder)
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.startswith("#"):
            try:
                script.run(line)
            except AssertionError as e:
                pytest.fail(f"{path.name}:{number}: {line}\n{e}", pytrace=False)


def parse(text: str) -> tuple[list[str], dict[str, str]]:
    """Split a txtar archive into script lines and ``{path: contents}``."""
    head, *rest = re.split(r"^-- (.+) --\n", text, flags=re.MULTILINE)
    return head.splitlines(), dict(zip(rest[::2], rest[1::2], strict=True))


class Script:
    """One run: the folder, and what the last program left."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.out, self.err, self.status = folder, "", "", 0
        self.environment: dict[str, str] = {}

    def run(self, line: str) -> None:
        """Do one line.

        Raises:
            AssertionError: it does not hold.
        """
        negate = line.startswith("! ")
        words = shlex.split(line.removeprefix("! ").replace("$DIR", str(self.folder)))
        verb, args = words[0], words[1:]
        match verb:
            case "exec":
                self.execute(args)
                assert (self.status != 0) is negate, f"exit {self.status}\n{self.err}"
            case "exit":
                assert self.status == int(args[0]), f"exit {self.status}"
            case "stdout" | "stderr":
                got = self.text(verb)
                found = re.search(args[0], got, re.MULTILINE) is not None
                assert found is not negate, got
            case "cmp":
                assert self.text(args[0]) == self.text(args[1])
            case "exists":
                assert (self.folder / args[0]).exists() is not negate
            case "env":
                self.environment[args[0]] = args[1]
            case _:
                self.arrange(verb, args)

    def arrange(self, verb: str, args: list[str]) -> None:
        """Change the folder the way a user would."""
        place = self.folder / args[0]
        match verb:
            case "unhex":
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(bytes.fromhex(args[1]))
            case "symlink":
                place.symlink_to(args[1])
            case "mkdir":
                place.mkdir()
            case "remove":
                place.unlink()
            case "numbered":
                place.mkdir()
                for number in range(int(args[1])):
                    (place / str(number)).write_text("")
            case "save":
                place.write_text(self.text(args[1]))
            case _:
                raise AssertionError(f"unknown verb {verb!r}")

    def execute(self, argv: list[str]) -> None:
        """Run ``enarx`` in this process with its streams redirected."""
        assert argv[0] == "enarx", "only enarx is executed"
        out, err = io.StringIO(), io.StringIO()
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            contextlib.chdir(self.folder),
            pytest.MonkeyPatch.context() as environment,
        ):
            for name, value in self.environment.items():
                environment.setenv(name, value)
            self.status = main(argv[1:])
        self.out, self.err = out.getvalue(), err.getvalue()

    def text(self, name: str) -> str:
        """What ``stdout``, ``stderr`` or a file holds."""
        if name in ("stdout", "stderr"):
            return self.out if name == "stdout" else self.err
        return (self.folder / name).read_text()
