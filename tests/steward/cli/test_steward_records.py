"""``enarx steward backup``, ``restore``, ``deny``, ``token`` and ``status``, on both databases."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from enarx.cli.steward_database import open_records, state_directory
from enarx.cli.steward_deny import KINDS
from enarx.errors import MalformedError, MisconfiguredError, UnavailableError
from enarx.steward.records import denials, tokens
from enarx.steward.records.database import reading

Run = Callable[..., str]

KEY = "ab" * 32


def test_a_backup_is_private_and_whole_and_restores(run: Run, tmp_path: Path) -> None:
    """Into the SQLite file of a state directory, whatever database it was made of."""
    run("deny", "add", "key", KEY, "--reason", "stolen")
    file = tmp_path / "backup.zst"
    run("backup", str(file))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path for path in tmp_path.iterdir() if path.name.endswith(".partial")] == []
    run("restore", str(file), options=())
    before = run("deny", "list", "--json")
    assert json.loads(before)[0]["value"] == KEY
    assert run("deny", "list", "--json", options=()) == before


def test_a_backup_is_not_overwritten(run: Run, tmp_path: Path) -> None:
    """A file that is there stays, and so does a link to nowhere."""
    file = tmp_path / "backup.zst"
    file.write_text("precious")
    with pytest.raises(MisconfiguredError, match="does already exist"):
        run("backup", str(file))
    assert file.read_text() == "precious"
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "nowhere")
    with pytest.raises(MisconfiguredError, match="does already exist"):
        run("backup", str(link))
    assert not (tmp_path / "nowhere").exists()


def test_a_place_that_is_not_there_is_said(run: Run, tmp_path: Path) -> None:
    """A backup to, or from, no directory is one line."""
    with pytest.raises(UnavailableError, match="no such file or directory"):
        run("backup", str(tmp_path / "no" / "file"))
    with pytest.raises(MisconfiguredError, match="no such file or directory"):
        run("restore", str(tmp_path / "no" / "file"))
    with pytest.raises(MisconfiguredError, match="is a directory"):
        run("restore", str(tmp_path))


def test_a_restore_refuses_damage_and_rows(run: Run, tmp_path: Path) -> None:
    """A file that is cut off leaves nothing; a database that is in use is left alone."""
    run("token", "create", "--name", "me")
    file, cut = tmp_path / "backup.zst", tmp_path / "cut.zst"
    run("backup", str(file))
    cut.write_bytes(file.read_bytes()[:-7])
    with pytest.raises(MalformedError, match=r"cut\.zst: is cut off"):
        run("restore", str(cut), options=())
    assert run("token", "list", options=()) == ""
    with pytest.raises(MisconfiguredError, match="steward_tokens: is not empty"):
        run("restore", str(file))


def test_what_is_denied_can_be_listed_and_lifted(run: Run) -> None:
    """An entry has a number, who made it and why; lifted once, it cannot be lifted again."""
    assert run("deny", "add", "workload", "sha256:" + "cd" * 32, "--reason", "a \x1b[31mhole") == ""
    shown = run("deny", "list")
    assert shown.startswith("1  workload  sha256:cdcd")
    assert "by local:" in shown
    assert "\x1b" not in shown
    run("deny", "lift", "1")
    assert "  lifted " in run("deny", "list")
    with pytest.raises(MisconfiguredError, match="no entry 1 that counts"):
        run("deny", "lift", "1")


def test_what_is_no_value_is_refused(run: Run) -> None:
    """Each kind has a form; an unknown kind is a mistake in the command line."""
    with pytest.raises(MisconfiguredError, match="64 to 64 hexadecimal digits"):
        run("deny", "add", "key", "abc")
    with pytest.raises(click.BadParameter, match="planet"):
        run("deny", "add", "planet", "00")
    assert denials.KINDS == KINDS


def test_a_token_is_shown_once_and_can_be_ended(run: Run, url_file: Path, tmp_path: Path) -> None:
    """It works until it is revoked, and lists do not show its secret."""
    token = run("token", "create", "--name", "ops", "--days", "2").strip()
    engine = open_records(state_directory(str(tmp_path / "state")), str(url_file))
    try:
        [record] = json.loads(run("token", "list", "--json"))
        assert record["expires"] - record["created"] == 2 * 86400
        with reading(engine) as connection:
            assert tokens.name_of(connection, token, record["created"]) == "ops"
        listed = run("token", "list") + run("token", "list", "--json")
        assert token.split("_", 2)[2] not in listed
        run("token", "revoke", record["id"])
        with reading(engine) as connection:
            assert tokens.name_of(connection, token, record["created"]) is None
    finally:
        engine.dispose()
    assert "  revoked " in run("token", "list")
    with pytest.raises(MisconfiguredError, match="no valid token"):
        run("token", "revoke", record["id"])


def test_the_status_has_numbers(run: Run, database_url: str) -> None:
    """It says what is denied, and in which database."""
    run("deny", "add", "key", KEY)
    kind = database_url.partition(":")[0].partition("+")[0]
    assert json.loads(run("status", "--json")) == {
        "database": kind, "live": 0, "revoked": 0, "issued": 0,
        "accepted": 0, "refused": 0, "denied": 1,
    }  # fmt: skip
    assert f"database      {kind}\n" in run("status")
