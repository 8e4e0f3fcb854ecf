"""Whoever is killed while changing an authority leaves one that works: the old, or the new."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.steward.authority.changes import KEY, NOW

from enarx.errors import MisconfiguredError
from enarx.pki.issue import Leaf
from enarx.steward.authority.authority import load
from enarx.steward.authority.making import initialise, rotate
from enarx.steward.authority.opener import Opener
from enarx.steward.authority.state import FILE
from enarx.steward.authority.wrapping import SealingKey

PROGRAM = Path(__file__).with_name("changes.py")
OPENER = Opener(SealingKey(KEY))
MOST_CALLS = 60


def killed(change: str, before: Path, work: Path) -> Iterator[Path]:
    """The directory after *change* was killed at each of its calls, then after it was not."""
    for call in range(1, MOST_CALLS):
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(before, work)
        status = subprocess.run(
            [sys.executable, PROGRAM, change, work, str(call)], check=False
        ).returncode
        yield work
        if status == 0:
            return
        assert status == -signal.SIGKILL
    pytest.fail("the change does not end")


@pytest.mark.slow
def test_a_killed_init_leaves_none_or_a_whole_one(tmp_path: Path) -> None:
    """And where there is none, init can be run again."""
    before = tmp_path / "before"
    before.mkdir(mode=0o700)
    made = 0
    for directory in killed("init", before, tmp_path / "work"):
        if (directory / FILE).exists():
            load(str(directory), OPENER)
            made += 1
            continue
        with pytest.raises(MisconfiguredError, match="no authority here"):
            load(str(directory), OPENER)
        initialise(str(directory), OPENER, now=NOW)
        assert not list(directory.glob("*.partial"))
    assert made > 1


@pytest.mark.slow
@pytest.mark.parametrize("change", ["rotate", "roll"])
def test_a_killed_renewal_leaves_the_old_or_the_new(
    change: str, tmp_path: Path, leaf: Leaf
) -> None:
    """At each point the authority issues, with all its secrets, and can be renewed again."""
    before = tmp_path / "before"
    before.mkdir(mode=0o700)
    old = initialise(str(before), OPENER, now=NOW)
    seen = set()
    for directory in killed(change, before, tmp_path / "work"):
        found = load(str(directory), OPENER)
        seen.add(found.issuer_id == old.issuer_id)
        assert found.secrets_key == old.secrets_key
        assert found.roots[-1] == old.roots[0]
        assert found.issue(leaf)
        lists = rotate(str(directory), OPENER, now=NOW).crls([], number=1, now=NOW)
        assert {found.issuer_id, old.issuer_id} < set(lists)
        assert not list(directory.glob("*.partial"))
        assert len(list(directory.glob("*.key"))) == 3 + len(lists) + len(found.roots)
    assert seen == {True, False}
