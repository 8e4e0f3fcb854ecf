"""``make demo`` does what it says, cleans up, and its guest is what its source compiles to."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "demo"
GUEST = DEMO / "https-server" / "main.wasm"
MAX_GUEST = 100 * 1024


def start(tmp_path: Path) -> subprocess.Popen[str]:
    """The demo, in a process group of its own."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    return subprocess.Popen(
        [sys.executable, DEMO / "demo.py"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    )


def assert_nothing_left(process: subprocess.Popen[str], tmp_path: Path) -> None:
    """No process of the demo is alive, its keeper included, and none of its files is there."""
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
    commands = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline")]
    assert not [command for command in commands if str(tmp_path).encode() in command]
    assert list(tmp_path.glob("enarx-demo-*")) == []


@pytest.mark.slow
def test_the_demo_serves_a_page(tmp_path: Path) -> None:
    """A keep is verified, deployed to and verified again by its certificate; a page comes out."""
    process = start(tmp_path)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert "Hello from inside a keep" in out
    assert re.search(r"protocol +TLSv1\.3\n", out)
    assert re.search(r"key exchange +X25519MLKEM768\n", out)
    assert "accepted by policy policy" in out
    assert "may gain no privileges" in out
    assert "agent of a keep" in out
    assert "GET / 200" in out
    assert_nothing_left(process, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_nothing(number: int, tmp_path: Path) -> None:
    """Ctrl-C and SIGTERM in the middle of the demo end every process that it started."""
    process = start(tmp_path)
    assert process.stdout is not None
    assert "enarx up" in process.stdout.readline()
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert_nothing_left(process, tmp_path)


@pytest.mark.slow
@pytest.mark.needs("ziglang")
def test_the_guest_is_its_source(tmp_path: Path) -> None:
    """Compiling demo/source/server.c gives the bytes of the checked-in main.wasm."""
    build = [sys.executable, DEMO / "source" / "build.py", tmp_path / "made.wasm"]
    subprocess.run(build, check=True)
    assert (tmp_path / "made.wasm").read_bytes() == GUEST.read_bytes()


def test_the_guest_is_small() -> None:
    """The checked-in guest has at most 100 KiB."""
    assert GUEST.stat().st_size <= MAX_GUEST
