"""Where the records of a Steward are, and who may say so."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from enarx.cli.steward_database import DATABASE, database_url, open_records, state_directory
from enarx.errors import MisconfiguredError, UnavailableError

WITHOUT_THE_ROLE = """
import importlib, sys
sys.modules["sqlalchemy"] = None
for name in ("backup", "deny", "restore", "status", "token"):
    importlib.import_module(f"enarx.cli.steward_{name}")
from enarx.cli.steward_database import open_records
from enarx.errors import MisconfiguredError
try:
    open_records(sys.argv[1], "")
except MisconfiguredError as error:
    print(error, *error.hints)
"""

URL = "postgresql+psycopg://steward:hunter2@db.example.org/steward"


def test_the_state_is_below_the_users_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without --state it is where the XDG specification puts it, and nobody else enters."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    directory = state_directory("")
    assert directory == f"{tmp_path}/enarx/steward"
    assert stat.S_IMODE(Path(directory).stat().st_mode) == 0o700


def test_a_state_that_others_enter_is_refused(tmp_path: Path) -> None:
    """The hint says what to do."""
    tmp_path.chmod(0o755)
    with pytest.raises(MisconfiguredError, match="not private") as caught:
        state_directory(str(tmp_path))
    assert f"chmod 700 {tmp_path}" in caught.value.hints[0]


def test_the_database_is_a_private_file_by_default(tmp_path: Path) -> None:
    """It is made, and has the tables."""
    directory = state_directory(str(tmp_path / "state"))
    open_records(directory, "").dispose()
    assert stat.S_IMODE((tmp_path / "state" / DATABASE).stat().st_mode) == 0o600


def test_a_state_that_no_url_can_name_is_refused(tmp_path: Path) -> None:
    """A question mark would begin parameters, and the database be another file."""
    with pytest.raises(MisconfiguredError, match="must not contain"):
        database_url(f"{tmp_path}/a?b", "")


def test_the_url_is_read_from_a_private_file(tmp_path: Path) -> None:
    """Without the line's end; through a link too, as mounted secrets are."""
    file, link = tmp_path / "url", tmp_path / "link"
    file.write_text(f"{URL}\n")
    file.chmod(0o400)
    link.symlink_to(file)
    assert database_url("/state", str(file)) == URL
    assert database_url("/state", str(link)) == URL


@pytest.mark.parametrize("mode", [0o604, 0o620, 0o602, 0o660, 0o644])
def test_a_url_that_others_can_read_or_change_is_refused(tmp_path: Path, mode: int) -> None:
    """It may hold a password, and says where all decisions go."""
    file = tmp_path / "url"
    file.write_text(URL)
    file.chmod(mode)
    with pytest.raises(MisconfiguredError, match="not private") as caught:
        database_url("/state", str(file))
    assert "chmod 600" in caught.value.hints[0]


def test_a_group_reads_what_is_roots_only(tmp_path: Path) -> None:
    """That is how a secret is mounted for a container's user; of others' files it is refused."""
    file = tmp_path / "url"
    file.write_text(URL)
    file.chmod(0o640)
    if os.geteuid() == 0:
        assert database_url("/state", str(file)) == URL
    else:
        with pytest.raises(MisconfiguredError, match="not private"):
            database_url("/state", str(file))


@pytest.mark.parametrize("text", ["", "\n", f"{URL}\n{URL}", "x" * 5000, "a\0b"])
def test_what_is_no_url_is_refused(tmp_path: Path, text: str) -> None:
    """Nothing, two lines, too long, or not text; and what it holds is not shown."""
    file = tmp_path / "url"
    file.write_text(text)
    file.chmod(0o600)
    with pytest.raises(MisconfiguredError, match="want one line") as caught:
        database_url("/state", str(file))
    assert "hunter2" not in str(caught.value)


def test_a_url_that_is_no_file_is_refused(tmp_path: Path) -> None:
    """Neither a missing one nor a directory; nor is one waited for at a pipe."""
    with pytest.raises(MisconfiguredError, match="no such file"):
        database_url("/state", str(tmp_path / "no"))
    pipe, folder = tmp_path / "pipe", tmp_path / "folder"
    os.mkfifo(pipe, 0o600)
    folder.mkdir(0o700)
    for path in (pipe, folder):
        with pytest.raises(MisconfiguredError, match="not a regular file"):
            database_url("/state", str(path))


def test_a_password_is_in_no_error(tmp_path: Path) -> None:
    """Neither where the URL is wrong, nor where nobody answers."""
    file = tmp_path / "url"
    for url, kind in (
        ("mysql://steward:hunter2@localhost/x", MisconfiguredError),
        ("postgresql+psycopg://steward:hunter2@127.0.0.1:1/x", UnavailableError),
    ):
        file.write_text(url)
        file.chmod(0o600)
        with pytest.raises(kind) as caught:
            open_records(str(tmp_path), str(file))
        assert "hunter2" not in f"{caught.value} {caught.value.hints}"


def test_a_missing_role_is_said(tmp_path: Path) -> None:
    """The commands can be listed without its packages; the records say what to install."""
    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT_THE_ROLE, tmp_path],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert ran.stdout == "module sqlalchemy: is not installed pip install 'enarx[steward]'\n"
