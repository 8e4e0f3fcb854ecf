"""The cache gives back what it was given, to its owner only, and never half of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from enarx.adapters import endorsement_cache
from enarx.adapters.endorsement_cache import EndorsementCache, default_directory
from enarx.ports import Answer
from enarx.tee.endorsements import AmdChainNeed, Endorsements, PckCrlNeed

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.adapters.conftest import FakeClock

    from enarx.tee.simulated.snp import SimulatedSnp

NEED = AmdChainNeed(products=("Genoa",), signer="vcek")
OTHER = PckCrlNeed(ca="platform")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the cache is; it is not there yet."""
    return tmp_path / "enarx" / "endorsements"


@pytest.fixture(scope="session")
def answer(snp: SimulatedSnp) -> Answer:
    """Something to keep."""
    return Answer(endorsements=snp.endorsements(), source="https://kds.example/x")


def test_what_was_saved_is_found(cache: EndorsementCache, answer: Answer, clock: FakeClock) -> None:
    """With its source and time; nothing is found for another need, or another variant."""
    assert cache.find(NEED) is None
    cache.save(NEED, answer, clock.at)
    entry = cache.find(NEED)
    assert entry is not None
    assert set(entry.endorsements.certificates) == set(answer.endorsements.certificates)
    assert entry.endorsements.crls == answer.endorsements.crls
    assert (entry.source, entry.fetched_at) == (answer.source, clock.at)
    assert entry.title == "ASK and ARK of Genoa"
    assert cache.find(OTHER) is None


def test_variants_are_kept_apart(path: Path, answer: Answer, clock: FakeClock) -> None:
    """An early TCB info is no answer for who wants the standard one; a list shows both."""
    early = EndorsementCache(str(path), variant="update=early")
    early.save(NEED, answer, clock.at)
    assert EndorsementCache(str(path)).find(NEED) is None
    assert early.find(NEED) is not None
    assert [entry.title for entry in EndorsementCache(str(path)).entries()] == [
        "ASK and ARK of Genoa"
    ]


def test_the_newest_replaces_what_was_there(
    cache: EndorsementCache, path: Path, answer: Answer, clock: FakeClock
) -> None:
    """One file for each need."""
    cache.save(NEED, answer, clock.at)
    later = clock.at + timedelta(days=1)
    cache.save(NEED, Answer(endorsements=Endorsements(), source="later"), later)
    [entry] = cache.entries()
    assert (entry.source, entry.fetched_at) == ("later", later)
    assert len(list(path.iterdir())) == 1


def test_only_its_owner_can_read_it(
    cache: EndorsementCache, path: Path, answer: Answer, clock: FakeClock
) -> None:
    """Which machines someone talks to is nobody's business: 0700 and 0600."""
    cache.save(NEED, answer, clock.at)
    assert path.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in path.iterdir()} == {0o600}


def _head(file: Path, **fields: object) -> None:
    head, _, rest = file.read_bytes().partition(b"\n")
    file.write_bytes(json.dumps({**json.loads(head), **fields}).encode() + b"\n" + rest)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "empty": lambda file: file.write_bytes(b""),
    "cut": lambda file: os.truncate(file, file.stat().st_size - 3),
    "head only": lambda file: file.write_bytes(file.read_bytes().partition(b"\n")[0]),
    "one bit": lambda file: file.write_bytes(
        file.read_bytes()[:-20] + bytes([file.read_bytes()[-20] ^ 1]) + file.read_bytes()[-19:]
    ),
    "longer": lambda file: file.write_bytes(file.read_bytes() + b"\n"),
    "too long": lambda file: os.truncate(file, endorsement_cache.MAX_ENTRY_BYTES + 1),
    "not JSON": lambda file: file.write_bytes(b"{\n{}"),
    "another digest": lambda file: _head(file, sha256="00" * 32),
    "no digest": lambda file: _head(file, sha256=""),
    "a key more": lambda file: _head(file, more=1),
    "no time": lambda file: _head(file, fetchedAt="yesterday"),
    "writable by others": lambda file: file.chmod(0o666),
    "a link": lambda file: (file.rename(file.with_name("x")), file.symlink_to("x")),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_entry_is_a_miss_and_is_removed(
    cache: EndorsementCache, path: Path, answer: Answer, clock: FakeClock, damage: str
) -> None:
    """Whatever was done to it; the next answer can be saved."""
    cache.save(NEED, answer, clock.at)
    [file] = path.iterdir()
    DAMAGES[damage](file)
    assert cache.find(NEED) is None
    assert not file.exists()
    assert cache.entries() == ()
    cache.save(NEED, answer, clock.at)
    assert cache.find(NEED) is not None


def test_a_folder_in_its_place_is_a_miss(
    cache: EndorsementCache, path: Path, answer: Answer, clock: FakeClock
) -> None:
    """It cannot be removed, and does no harm."""
    cache.save(NEED, answer, clock.at)
    [file] = path.iterdir()
    file.unlink()
    file.mkdir()
    assert cache.find(NEED) is None
    cache.save(NEED, answer, clock.at)
    assert cache.find(NEED) is None


@pytest.mark.parametrize("mode", [0o777, 0o720])
def test_a_directory_that_others_may_write_is_not_used(
    cache: EndorsementCache, path: Path, answer: Answer, clock: FakeClock, mode: int
) -> None:
    """They could hold a revocation back."""
    cache.save(NEED, answer, clock.at)
    path.chmod(mode)
    assert cache.find(NEED) is None
    assert cache.entries() == ()
    cache.save(OTHER, answer, clock.at)
    assert len(list(path.iterdir())) == 1


def test_a_cache_that_cannot_be_made_is_no_error(
    tmp_path: Path, answer: Answer, clock: FakeClock
) -> None:
    """Enarx works without one."""
    (tmp_path / "file").write_text("")
    cache = EndorsementCache(str(tmp_path / "file" / "endorsements"))
    cache.save(NEED, answer, clock.at)
    assert cache.find(NEED) is None
    assert cache.entries() == ()


def test_an_answer_too_large_to_keep_is_not_kept(
    cache: EndorsementCache, path: Path, clock: FakeClock
) -> None:
    """It would be a miss the next time."""
    large = Answer(endorsements=Endorsements(tcb_infos=(b"x" * 13_000_000,)), source="x")
    cache.save(NEED, large, clock.at)
    assert not path.exists()


def test_a_full_cache_lets_the_oldest_go_and_sweeps_up(
    path: Path, answer: Answer, clock: FakeClock
) -> None:
    """By the time of writing; what a crash left behind goes after an hour."""
    cache = EndorsementCache(str(path), most_entries=2)
    needs = [AmdChainNeed(products=(name,), signer="vcek") for name in ("A", "B", "C")]
    for age, need in zip((300, 200, 100), needs, strict=True):
        cache.save(need, answer, clock.at)
        newest = max(path.iterdir(), key=lambda file: file.stat().st_mtime_ns)
        os.utime(newest, (clock.at.timestamp() - age,) * 2)
    (path / "old.partial").write_text("half")
    os.utime(path / "old.partial", (0, 0))
    (path / "new.partial").write_text("half")
    os.utime(path / "new.partial", (clock.at.timestamp() - 60,) * 2)
    cache.save(OTHER, answer, clock.at)
    assert [cache.find(need) is not None for need in (*needs, OTHER)] == [
        False, False, True, True,
    ]  # fmt: skip
    assert sorted(file.name for file in path.glob("*.partial")) == ["new.partial"]


def test_writers_at_the_same_time_do_not_disturb_each_other(
    path: Path,
) -> None:
    """Whoever is last wins, and nobody ever finds a part of an entry or a miss."""
    program = (
        "import sys\n"
        "from datetime import UTC, datetime\n"
        "from enarx.adapters.endorsement_cache import EndorsementCache\n"
        "from enarx.ports import Answer\n"
        "from enarx.tee.endorsements import Endorsements, PckCrlNeed\n"
        "cache, need = EndorsementCache(sys.argv[1]), PckCrlNeed(ca='platform')\n"
        "for n in range(60):\n"
        "    text = (sys.argv[2] + str(n)).encode() * 2000\n"
        "    bag = Endorsements(tcb_infos=(text,))\n"
        "    cache.save(need, Answer(endorsements=bag, source='x'), datetime.now(UTC))\n"
        "    found = cache.find(need)\n"
        "    assert found is not None and len(found.endorsements.tcb_infos[0]) >= 4000\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", program, str(path), name]) for name in "abc"]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    assert EndorsementCache(str(path)).find(OTHER) is not None
    assert [file.name for file in path.glob("*.partial")] == []


def test_the_cache_is_where_the_specification_puts_it() -> None:
    """XDG_CACHE_HOME if it is absolute, else ~/.cache."""
    for environ, where in (
        ({"XDG_CACHE_HOME": "/c", "HOME": "/h"}, "/c/enarx/endorsements"),
        ({"XDG_CACHE_HOME": "c", "HOME": "/h"}, "/h/.cache/enarx/endorsements"),
        ({"HOME": "/h"}, "/h/.cache/enarx/endorsements"),
    ):
        assert default_directory(environ) == where
