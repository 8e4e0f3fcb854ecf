"""``enarx steward ca``: what an operator sees when making, renewing and showing an authority."""

from __future__ import annotations

import json
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from enarx.cli.steward_ca import command
from enarx.errors import EnarxError, MisconfiguredError

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command of the group for a user with an empty state directory."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(command, arguments)

    return invoke


def refusal(result: Result) -> EnarxError:
    """The error that a command ended with."""
    assert isinstance(result.exception, EnarxError)
    return result.exception


def described(run: Run) -> dict[str, list[dict[str, str]]]:
    """What ``show --json`` says."""
    result = run("show", "--json")
    assert result.exit_code == 0
    found: dict[str, list[dict[str, str]]] = json.loads(result.stdout)
    return found


def test_init_makes_a_private_directory(run: Run, tmp_path: Path) -> None:
    """Directory 0700, each file 0600, and what was made is shown."""
    result = run("init", "--trust-domain", "example.org", "--name", "Example", "--key", "p384")
    assert result.exit_code == 0
    assert "trust domain  example.org" in result.stdout
    assert "root          CN=Example root " in result.stdout
    directory = tmp_path / "state" / "enarx" / "steward"
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in directory.iterdir()} == {0o600}


def test_init_overwrites_nothing(run: Run, tmp_path: Path) -> None:
    """A second init is refused, says what can be done, and changes no file."""
    run("init")
    directory = tmp_path / "state" / "enarx" / "steward"
    before = {file.name: file.read_bytes() for file in directory.iterdir()}
    error = refusal(run("init"))
    assert "already" in str(error)
    assert "rotate" in error.hints[0]
    assert {file.name: file.read_bytes() for file in directory.iterdir()} == before


def test_rotate_replaces_the_intermediate_and_keeps_the_old_one(run: Run) -> None:
    """The root stays; the old intermediate is listed until its certificates have ended."""
    run("init")
    before = described(run)
    assert run("rotate").exit_code == 0
    after = described(run)
    assert after["roots"] == before["roots"]
    assert after["intermediates"][1]["id"] == before["intermediates"][0]["id"]
    assert after["intermediates"][0]["listed_until"] is None
    assert after["intermediates"][1]["listed_until"] is not None


def test_rotate_root_shows_both_roots(run: Run) -> None:
    """``show --pem`` has the new root first, then the old one, for openssl to read."""
    run("init")
    old = run("show", "--pem").stdout
    assert run("rotate", "--root").exit_code == 0
    both = run("show", "--pem").stdout
    assert both.endswith(old)
    done = subprocess.run(
        ["openssl", "x509", "-noout", "-text"],
        input=both, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "CA:TRUE, pathlen:8" in done.stdout


def test_a_passphrase_of_the_operator_is_asked_for_again(run: Run, tmp_path: Path) -> None:
    """With --passphrase-file nothing opens the keys that lies beside them."""
    secret = tmp_path / "secret"
    secret.touch(mode=0o600)
    secret.write_text("correct horse battery staple\n")
    assert run("init", "--passphrase-file", str(secret)).exit_code == 0
    assert not list((tmp_path / "state" / "enarx" / "steward").glob("*passphrase*"))
    assert "--passphrase-file" in refusal(run("rotate")).hints[0]
    assert run("rotate", "--passphrase-file", str(secret)).exit_code == 0


def test_without_an_authority_the_next_step_is_said(run: Run) -> None:
    """Both show and rotate point to init."""
    for name in ("show", "rotate"):
        error = refusal(run(name))
        assert "no authority here" in str(error)
        assert "enarx steward ca init" in error.hints[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("init", "--trust-domain", "Example.Org"), "lower-case"),
        (("init", "--trust-domain", "a/b"), "lower-case"),
        (("init", "--name", ""), "printable"),
        (("init", "--name", "a\nb"), "printable"),
        (("init", "--name", "x" * 41), "printable"),
        (("init", "--days", "20", "--root-days", "10"), "days"),
        (("init", "--pkcs11-module", "/usr/lib/x.so"), "--pkcs11-token"),
        (("init", "--passphrase-file", "/nowhere/x"), "no such file"),
        (("rotate", "--root-days", "10"), "--root"),
        (("show", "--pem", "--json"), "--json"),
    ],
)
def test_wrong_options_are_named(run: Run, arguments: tuple[str, ...], words: str) -> None:
    """One line says what is wrong, and nothing is made."""
    error = refusal(run(*arguments))
    assert isinstance(error, MisconfiguredError)
    assert words in str(error)
    assert "\n" not in str(error)
    assert "no authority here" in str(refusal(run("show")))
