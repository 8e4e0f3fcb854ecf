"""A database that is put back: the Steward notices, and where it cannot, its clients do."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.steward.keeps import Keep
from tests.steward.stewards import PATIENCE_S, Serving, start

PKCS10 = {"Content-Type": "application/pkcs10"}
OPTIONS = ("--insecure-accept-simulated", "--workers", "1")
DATABASE, MEMORY = "steward.sqlite", "checkpoint"

Log = Callable[..., subprocess.CompletedProcess[str]]


def certify(serving: Serving, count: int) -> None:
    """Have *count* keeps certified: so many entries more."""
    with serving.client() as client:
        for _ in range(count):
            data = Keep().request(serving.nonce(client))
            answer = client.post("/v1/certificate", content=data, headers=PKCS10)
            assert answer.status_code == 201


def copy(source: Path, target: Path, *names: str) -> None:
    """Copy files, and with the database what SQLite keeps beside it."""
    target.mkdir(exist_ok=True)
    for name in names:
        for file in source.glob(f"{name}*"):
            shutil.copy2(file, target / file.name)


@dataclass(frozen=True)
class PutBack:
    """A Steward that ended, and copies of what it was when it had told its clients less.

    Args:
        folder: where it and the copies are.
        size: of the log that its clients saw last.
        key: of the log.
    """

    folder: Path
    ended: Serving
    size: int
    key: str

    @property
    def state(self) -> Path:
        """Its state directory."""
        return self.ended.state

    def put_back(self, copies: str, *names: str) -> None:
        """Replace files by their *copies*, "old" or "new"."""
        for name in names:
            for stale in self.state.glob(f"{name}*"):
                stale.unlink()
        copy(self.folder / copies, self.state, *names)

    def log(self, *arguments: str, serving: Serving) -> subprocess.CompletedProcess[str]:
        """``enarx log`` of the client that remembers."""
        return subprocess.run(
            [sys.executable, "-m", "enarx", "log", *arguments, f"{serving.url}/log",
             "--key", self.key, "--ca-file", str(serving.ca_file)],
            env={**self.ended.environment, "XDG_STATE_HOME": str(self.folder / "client")},
            capture_output=True, text=True, check=False, timeout=PATIENCE_S,
        )  # fmt: skip


@pytest.fixture(scope="module")
def put_back(tmp_path_factory: pytest.TempPathFactory) -> PutBack:
    """Copied when it had told little, verified by a client when it had told more, and ended."""
    folder = tmp_path_factory.mktemp("put-back")
    first = start(folder, *OPTIONS)
    certify(first, 2)
    assert first.end() == 0
    copy(first.state, folder / "old", DATABASE, MEMORY)
    second = start(folder, *OPTIONS)
    certify(second, 3)
    with second.client() as client:
        key = client.get("/v1/ca").json()["log_key"]
        size = int(client.get("/log/checkpoint").text.split("\n")[1])
    made = PutBack(folder, second, size, key)
    done = made.log("verify", serving=second)
    assert done.returncode == 0, done.stderr
    assert second.end() == 0
    copy(second.state, folder / "new", DATABASE, MEMORY)
    return made


@pytest.fixture
def unaware(put_back: PutBack) -> Iterator[Serving]:
    """At work with an old database, and an old memory of what was told."""
    put_back.put_back("old", DATABASE, MEMORY)
    serving = start(put_back.folder, *OPTIONS)
    yield serving
    serving.end()


@pytest.mark.slow
def test_a_database_that_was_put_back_is_not_served(put_back: PutBack) -> None:
    """Attack: an old copy, in which a nonce is unused and a denial unsaid; what was told tells."""
    put_back.put_back("new", MEMORY)
    put_back.put_back("old", DATABASE)
    done = put_back.ended.command("serve", *OPTIONS, "--port", "0", check=False)
    assert done.returncode != 0
    (line,) = [one for one in done.stderr.splitlines() if "error" in one]
    assert line == (
        f"enarx: error: log: got {put_back.size - 3} entries, "
        f"want at least the {put_back.size} that were shown to others"
    )
    assert "restore its newest backup" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_clients_notice_what_the_steward_cannot(put_back: PutBack, unaware: Serving) -> None:
    """Attack: its memory was put back too; whoever remembers more refuses, also after it grew."""
    for command in (("verify",), ("watch", "--once")):
        done = put_back.log(*command, serving=unaware)
        assert done.returncode == 1, done.stderr
        assert f"want at least {put_back.size} entries" in done.stderr
    certify(unaware, 4)  # as large as before and larger, with others' entries
    for command in (("verify",), ("watch", "--once")):
        done = put_back.log(*command, serving=unaware)
        assert done.returncode == 1, done.stderr
        assert "consistency" in done.stderr or "root of" in done.stderr
    forks = list((put_back.folder / "client").rglob("*.fork-*"))
    assert len(forks) >= 2  # both checkpoints are signed: proof for everybody else
