"""The script for hosts with real hardware: what it says here, and that its page is true."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from enarx.adapters.image_folder import default_folder
from enarx.cli.program import program
from enarx.errors import UnavailableError
from enarx.host.gramine import quote_check
from enarx.host.machine import Machine

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "packaging" / "hardware_check.py"
PAGE = ROOT / "docs" / "guides" / "hardware.md"


def check(folder: Path, *options: str) -> tuple[int, str]:
    """Run the script; its exit status and its report."""
    report = folder / "report.md"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        environment[name] = str(folder)
    done = subprocess.run(
        [sys.executable, SCRIPT, "--report", report, *options],
        cwd=folder,
        env=environment,
        check=False,
        capture_output=True,
    )
    assert report.exists(), done.stderr
    return done.returncode, report.read_text()


@pytest.mark.slow
def test_a_platform_that_is_not_here(tmp_path: Path) -> None:
    """Where a platform is not ready the report says so, names the doctor's reasons, and exits 3."""
    doctor = [sys.executable, "-m", "enarx", "platform", "doctor", "--platform", "snp", "--json"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    said = subprocess.run(doctor, env=environment, capture_output=True, check=False).stdout
    if json.loads(said)["platforms"][0]["ready"]:
        pytest.skip("this host has SNP: run packaging/hardware_check.py")
    status, report = check(tmp_path, "--platform", "snp")
    assert status == 3
    assert "snp: not available here" in report
    assert "$ enarx platform doctor --platform snp" in report
    assert "enarx-platform-facts" in report


@pytest.mark.slow
@pytest.mark.needs("qemu-system-x86_64")
def test_the_rehearsal_passes(tmp_path: Path) -> None:
    """Without hardware the same commands run against a simulated processor, and pass."""
    image = default_folder(os.environ)
    if not Path(image, "image.json").is_file():
        pytest.skip("no image of virtual machines: enarx image build")
    status, report = check(tmp_path, "--platform", "vm", "--image", image)
    assert status == 0, report
    assert "vm: passed" in report
    assert "hello from a keep" in report
    assert "image.measurement: got" in report


def test_the_page_has_the_commands_of_the_script() -> None:
    """Each command of the page is one that the script runs, and each option of it exists."""
    shown = [line[2:] for line in PAGE.read_text().splitlines() if line.startswith("$ enarx ")]
    assert len(shown) >= 10
    script = SCRIPT.read_text()
    for line in shown:
        words = shlex.split(line.replace(" > token", ""))[1:]
        command: click.Command = program
        context = click.Context(program)
        while isinstance(command, click.Group):
            name = words.pop(0)
            found = command.get_command(context, name)
            assert found is not None, line
            assert f'"{name}"' in script, line
            command = found
        options = {option for param in command.params for option in param.opts}
        used = [word for word in words if word.startswith("--")]
        assert set(used) <= options, line
        assert all(option in script for option in used), line


def test_the_page_has_every_end() -> None:
    """The page lists each way a machine can end."""
    from enarx.host.vm.ends import STATUSES

    listed = set(re.findall(r"^\| `([a-z-]+)` \|", PAGE.read_text(), flags=re.MULTILINE))
    assert listed == set(STATUSES)


def test_an_enclave_needs_gramine(tmp_path: Path) -> None:
    """Where Gramine is not installed the check says which file of it is missing."""
    with pytest.raises(UnavailableError, match=r"Gramine: has no libsysdb\.so"):
        quote_check.run(Machine(root=str(tmp_path)), str(tmp_path))
