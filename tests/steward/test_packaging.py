"""The unit of the Steward's service, and its container file; tests/host looks at all units."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

PACKAGING = Path(__file__).parents[2] / "packaging"
UNIT = PACKAGING / "enarx-steward.service"
CONTAINER = PACKAGING / "Containerfile.steward"
STATE = "/var/lib/enarx-steward"

EXPOSURE = re.compile(r"Overall exposure level for \S+: ([0-9.]+) ")
MOST_EXPOSED = 2.0
"""Of ten, as systemd counts what a service could do to its machine; nine is an ordinary one."""


@pytest.mark.needs("systemd-analyze")
def test_the_unit_can_do_little() -> None:
    """What a Steward does not need, the kernel refuses it."""
    ran = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", UNIT],
        capture_output=True,
        text=True,
        check=False,
    )
    found = EXPOSURE.search(ran.stdout)
    assert found is not None, ran.stderr
    assert float(found[1]) <= MOST_EXPOSED


def test_the_units_state_is_its_own() -> None:
    """It may write where it keeps its state, a folder that nobody else enters, and is not root."""
    text = UNIT.read_text()
    settings = dict(re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE))
    assert f"--state {STATE} " in settings["ExecStart"]
    assert f"/var/lib/{settings['StateDirectory']}" == STATE
    assert (settings["StateDirectoryMode"], settings["UMask"]) == ("0700", "0077")
    assert settings["User"] == "enarx-steward"
    assert settings["ProtectSystem"] == "strict"


def test_the_container_installs_pinned_requirements_and_is_not_root() -> None:
    """Hashes are required, and what runs is a user of its own."""
    text = CONTAINER.read_text()
    assert text.count("--require-hashes") == 2
    assert re.search(r"^USER enarx-steward$", text, re.MULTILINE)
    for path in re.findall(r"^COPY (.+) \S+$", text, re.MULTILINE):
        assert all((PACKAGING.parent / one).exists() for one in path.split())


def test_the_container_keeps_its_state_in_a_volume() -> None:
    """A container that is replaced by a newer one goes on with what the last one had."""
    text = CONTAINER.read_text()
    assert f"\nVOLUME {STATE}\n" in text
    assert f'"--state", "{STATE}"' in text
