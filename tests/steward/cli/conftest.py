"""The commands that keep the records, run against a database of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click
import pytest

from enarx.cli import (
    steward_backup,
    steward_deny,
    steward_restore,
    steward_status,
    steward_token,
)

Run = Callable[..., str]


@pytest.fixture
def url_file(database_url: str, tmp_path: Path) -> Path:
    """A private file with the URL of an empty database, once of each kind."""
    file = tmp_path / "database.url"
    file.write_text(database_url + "\n")
    file.chmod(0o600)
    return file


@pytest.fixture
def run(url_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs ``enarx steward WORDS…`` on that database; what it prints. Its errors are raised."""
    modules = (steward_backup, steward_deny, steward_restore, steward_status, steward_token)
    group = click.Group("steward", commands={str(m.command.name): m.command for m in modules})

    def go(*words: str, options: tuple[str, ...] = ("--database-url-file", str(url_file))) -> str:
        capsys.readouterr()
        state = ("--state", str(tmp_path / "state"))
        group.main([*words, *state, *options], prog_name="steward", standalone_mode=False)
        return capsys.readouterr().out

    return go
