"""The units of the host's services, and its container file."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from enarx.cli.main import main

PACKAGING = Path(__file__).parents[2] / "packaging"
UNITS = sorted(PACKAGING.glob("*.service"))


@pytest.mark.needs("systemd-analyze")
@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_systemd_takes_the_unit(unit: Path, tmp_path: Path) -> None:
    """``systemd-analyze verify`` has nothing to say about it."""
    for other in UNITS:  # the program is not installed here
        text = other.read_text().replace("/usr/bin/enarx", "/bin/true")
        (tmp_path / other.name).write_text(text)
    ran = subprocess.run(
        ["systemd-analyze", "verify", tmp_path / unit.name],
        capture_output=True,
        text=True,
        check=False,
    )
    said = [line for line in ran.stderr.splitlines() if "enarx" in line]
    assert (ran.returncode, said) == (0, [])


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_the_unit_starts_what_there_is(unit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each option in ExecStart is one that the command has."""
    found = re.search(r"^ExecStart=/usr/bin/enarx (.*)$", unit.read_text(), re.MULTILINE)
    assert found is not None
    words = found[1].split()
    assert main([*words[:2], "--help"]) == 0
    shown = capsys.readouterr().out
    assert all(word in shown for word in words if word.startswith("--"))


def test_the_container_installs_pinned_requirements_and_is_not_root() -> None:
    """Hashes are required, and what runs is a user of its own."""
    text = (PACKAGING / "Containerfile").read_text()
    assert text.count("--require-hashes") == 2
    assert re.search(r"^USER enarx$", text, re.MULTILINE)
    for path in re.findall(r"^COPY (.+) \S+$", text, re.MULTILINE):
        assert all((PACKAGING.parent / one).exists() for one in path.split())
