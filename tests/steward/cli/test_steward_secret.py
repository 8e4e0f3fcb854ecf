"""``enarx steward secret``: values go in, and nothing but their names and their use comes out."""

from __future__ import annotations

import json
import os
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Connection, Engine

from enarx.cli.steward_secret import command, open_vault
from enarx.errors import EnarxError, MalformedError, MisconfiguredError
from enarx.steward.authority.making import Wanted, initialise
from enarx.steward.authority.opener import make_passphrase, opener_from_files
from enarx.steward.broker import ledger, vault
from enarx.steward.broker.ledger import Release
from enarx.steward.broker.routes import shown
from enarx.steward.records.database import open_engine, reading, retrying

VALUE = b"canary-71d0\xff\x00-value\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Vaults:
    """Runs the commands on one database and one state directory."""

    engine: Engine
    folder: Path

    @property
    def state(self) -> Path:
        """The state directory."""
        return self.folder / "state"

    def run(self, *words: str, value: bytes = VALUE, state: str = "state") -> Result:
        """The result of ``enarx steward secret WORDS…``. Its errors are raised."""
        where = ("--state", str(self.folder / state), "--database-url-file", self.url)
        return CliRunner().invoke(
            command, [*words, *where], input=value, catch_exceptions=False, standalone_mode=False
        )

    @property
    def url(self) -> str:
        """The file with the database's URL."""
        return str(self.folder / "url")

    def listed(self) -> list[dict[str, object]]:
        """What ``list --json`` says."""
        found: list[dict[str, object]] = json.loads(self.run("list", "--json").stdout)["secrets"]
        return found

    def value(self, name: str) -> bytes:
        """What the Steward would release."""
        opened = open_vault(str(self.state), "", "")
        with reading(self.engine) as connection:
            row = vault.current(connection, name)
        assert row is not None
        return opened.open(name, row.version, row.sealed)


def authority(directory: Path) -> Path:
    """Make an authority in *directory*, as ``enarx steward ca init`` does."""
    directory.mkdir(mode=0o700)
    make_passphrase(str(directory))
    opener = opener_from_files(str(directory), passphrase_file="", pin_file="")
    initialise(str(directory), opener, Wanted(name="t"), now=datetime.now(UTC))
    return directory


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state directory of one authority; to be copied, for keys take their time."""
    return authority(tmp_path_factory.mktemp("authority") / "state")


@pytest.fixture
def vaults(engine: Engine, database_url: str, made: Path, tmp_path: Path) -> Vaults:
    """The commands on an empty database, once of each kind."""
    (tmp_path / "url").write_text(f"{database_url}\n")
    (tmp_path / "url").chmod(0o600)
    shutil.copytree(made, tmp_path / "state")
    return Vaults(engine=engine, folder=tmp_path)


@pytest.fixture
def vaults_on_files(made: Path, tmp_path: Path) -> Iterator[Vaults]:
    """The commands on an SQLite database, for what does not depend on its kind."""
    url = f"sqlite:///{tmp_path}/steward.sqlite"
    (tmp_path / "url").write_text(url)
    (tmp_path / "url").chmod(0o600)
    shutil.copytree(made, tmp_path / "state")
    engine = open_engine(url)
    yield Vaults(engine=engine, folder=tmp_path)
    engine.dispose()


def test_what_is_put_is_what_a_steward_opens(vaults: Vaults) -> None:
    """Byte by byte, from standard input or a file; the last one put is the one that counts."""
    vaults.run("put", "db")
    assert vaults.value("db") == VALUE
    (vaults.folder / "new").write_bytes(b"second")
    done = vaults.run("put", "db", "--file", str(vaults.folder / "new"), "--uses", "3", value=b"no")
    assert "db: version 2, 6 bytes" in done.stderr
    assert done.stdout == ""
    assert vaults.value("db") == b"second"
    (entry,) = vaults.listed()
    with reading(vaults.engine) as connection:
        assert entry == shown(vault.entries(connection)[0])  # as the API has it
    assert (entry["name"], entry["version"], entry["uses"], entry["used"]) == ("db", 2, 3, 0)
    assert "db  version 2  put 20" in vaults.run("list").stdout
    assert "used 0 of 3" in vaults.run("list").stdout


def test_no_command_shows_a_value(vaults: Vaults) -> None:
    """Nor does the database hold it, or the state directory."""
    vaults.run("put", "db")
    shown = [vaults.run(*words) for words in (("list",), ("list", "--json"), ("ledger", "db"))]
    assert "canary" not in "".join(one.output for one in shown)
    kept = [path for path in vaults.folder.rglob("*") if path.is_file()]
    assert not [path for path in kept if b"canary" in path.read_bytes()]


def test_times_are_instants_or_from_now(vaults_on_files: Vaults) -> None:
    """Both ends of the time in which a secret is released."""
    before = int(time.time())
    vaults_on_files.run("put", "a", "--not-before", "2026-01-31T00:00:00Z", "--not-after", "7d")
    after = int(time.time())
    (entry,) = vaults_on_files.listed()
    assert entry["not_before"] == 1_769_817_600
    assert isinstance(entry["not_after"], int)
    assert before <= entry["not_after"] - 7 * 86400 <= after
    assert "from 2026-01-31T00:00:00Z  until 2" in vaults_on_files.run("list").stdout


@pytest.mark.parametrize(
    ("words", "want"),
    [
        (("--not-after", "tomorrow"), "--not-after: got 'tomorrow', want a time like"),
        (("--not-before", "2026-02-30T00:00:00Z"), "--not-before: no such time"),
        (("--not-after", "2020-01-01T00:00:00Z"), "--not-after: got 2020-01-01T00:00:00Z, want a"),
        (("--not-before", "2h", "--not-after", "1h"), "--not-after: got "),
        (("--not-after", "999999999d"), "--not-after: got 999999999d, want a time from 1970"),
        (("--file", "/nowhere/at/all"), "/nowhere/at/all: no such file"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    vaults_on_files: Vaults, words: tuple[str, ...], want: str
) -> None:
    """And nothing is put."""
    with pytest.raises(MisconfiguredError) as caught:
        vaults_on_files.run("put", "a", *words)
    assert str(caught.value).startswith(want)
    assert vaults_on_files.listed() == []


@pytest.mark.parametrize("words", [("put",), ("ledger",), ("remove",)])
def test_a_name_that_no_secret_can_have_is_refused(
    vaults_on_files: Vaults, words: tuple[str, ...]
) -> None:
    """By each command that takes one."""
    with pytest.raises(MisconfiguredError, match="NAME: got 'A/B', want 1 to 128"):
        vaults_on_files.run(*words, "A/B")


@pytest.mark.parametrize(
    ("value", "error"), [(b"", MisconfiguredError), (bytes(64 * 1024 + 1), MalformedError)]
)
def test_a_value_has_a_size(vaults_on_files: Vaults, value: bytes, error: type[EnarxError]) -> None:
    """An empty one is a mistake in a pipe, one that is too large was never a secret."""
    with pytest.raises(error, match="standard input"):
        vaults_on_files.run("put", "a", value=value)
    vaults_on_files.run("put", "a", value=bytes(64 * 1024))
    assert len(vaults_on_files.value("a")) == 64 * 1024


def test_a_value_is_not_typed_where_it_is_seen(
    vaults_on_files: Vaults, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A terminal is refused as standard input."""
    ours, theirs = os.openpty()
    with open(theirs, encoding="utf-8") as terminal:  # noqa: PTH123 - a descriptor
        monkeypatch.setattr("sys.stdin", terminal)
        words = ["put", "a", "--state", str(vaults_on_files.state)]
        with pytest.raises(MisconfiguredError, match="is a terminal"):
            command.main(words, standalone_mode=False)
    os.close(ours)


def test_what_is_removed_is_gone_and_its_releases_are_not(vaults: Vaults) -> None:
    """The ledger names who has it still."""
    vaults.run("put", "db")
    assert json.loads(vaults.run("ledger", "db", "--json").stdout) == {"releases": []}
    release(vaults.engine)
    vaults.run("remove", "db")
    assert vaults.listed() == []
    with pytest.raises(MisconfiguredError, match="NAME: no secret db"):
        vaults.run("remove", "db")
    (line,) = vaults.run("ledger", "db").stdout.splitlines()
    assert line == (
        "2027-01-15T08:00:00Z  version 1  sha256:cd  key sha256:ab  log 7"
        "  received 2027-01-15T08:01:00Z"
    )
    (found,) = json.loads(vaults.run("ledger", "db", "--json").stdout)["releases"]
    assert (found["id"], found["version"], found["decision"]) == ("r1", 1, "d1")
    assert not {"sealed", "spki", "receipt"} & set(found)


def release(engine: Engine) -> None:
    """Put a release of "db" into the ledger."""

    def work(connection: Connection) -> None:
        made = Release(
            id="r1", time=1_800_000_000, request="ef", key="ab", spki=b"k", workload="sha256:cd",
            decision="d1", log_index=7, kem="k", sealed=b"s", received=1_800_000_060,
        )  # fmt: skip
        ledger.record(connection, made, [("db", 1)])

    retrying(engine, work)


def test_only_the_authority_s_key_puts_secrets(vaults: Vaults) -> None:
    """Without one nothing is put, nor with that of another beside secrets that it cannot open."""
    with pytest.raises(MisconfiguredError, match="authority"):
        vaults.run("put", "b", state="none")
    vaults.run("put", "a")
    authority(vaults.folder / "other")
    with pytest.raises(MisconfiguredError, match=r"another authority's secrets .* such as a"):
        vaults.run("put", "b", state="other")
    assert [entry["name"] for entry in vaults.listed()] == ["a"]
    vaults.run("remove", "a", state="other")
    vaults.run("put", "b", state="other")


def test_without_a_url_the_database_is_in_the_state_directory(made: Path, tmp_path: Path) -> None:
    """As SQLite, for its owner only."""
    runner: Callable[..., Result] = CliRunner().invoke
    shutil.copytree(made, tmp_path / "s")
    state = ["--state", str(tmp_path / "s")]
    runner(command, ["put", "a", *state], input=b"v", catch_exceptions=False)
    assert stat.S_IMODE((tmp_path / "s" / "steward.sqlite").stat().st_mode) == 0o600
    done = runner(command, ["list", "--json", *state], catch_exceptions=False)
    assert json.loads(done.stdout)["secrets"][0]["name"] == "a"


def test_a_state_directory_of_others_is_refused(tmp_path: Path) -> None:
    """Whoever can write there could put a key of their own."""
    tmp_path.chmod(0o755)
    words = ["list", "--state", str(tmp_path)]
    with pytest.raises(MisconfiguredError, match="not private"):
        command.main(words, standalone_mode=False)
