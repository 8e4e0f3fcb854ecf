"""A real image, built once, and a host that starts virtual machines of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.deploy.conftest import PROGRAMS, Owner, make_home, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.deploy.conftest import Agent

BUILD_S = 600.0
INPUTS = "ENARX_IMAGE_LOCK"
"""Names another list of inputs, where an archive has no longer what ours names."""


def build(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """``enarx image build`` into *folder*, with the inputs that this user has already."""
    lock = os.environ.get(INPUTS)
    chosen = ("--lock", lock) if lock else ()
    return subprocess.run(
        [sys.executable, "-m", "enarx", "image", "build", "-o", str(folder), *chosen, *options],
        capture_output=True, text=True, check=False, timeout=BUILD_S,
    )  # fmt: skip


@pytest.fixture(scope="session")
def vm_image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The image of this source; skipped where its inputs cannot be had."""
    if shutil.which("qemu-system-x86_64") is None:
        pytest.skip("not installed: qemu-system-x86_64")
    folder = tmp_path_factory.mktemp("image") / "image"
    done = build(folder)
    if done.returncode == 3:  # the world is at fault, not we
        pytest.skip(f"no image: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def vm_agent(vm_image: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agent]:
    """A host agent for virtual machines and processes, for all tests of a worker."""
    folder = tmp_path_factory.mktemp("vm-host")
    options = ("--warm", "1", "--vm-image", str(vm_image), "--vm-memory", "512")
    with serving(folder, *options) as made:
        yield made


@pytest.fixture
def vm_owner(vm_agent: Agent, vm_image: Path, tmp_path: Path) -> Owner:
    """A user who has built the same image."""
    folder = tmp_path / "owner"
    environment = make_home(folder)
    place = folder / "data" / "enarx" / "image"
    place.symlink_to(vm_image)
    for program, module in PROGRAMS.items():
        (folder / f"{program}.wasm").write_bytes(module)
    return Owner(folder=folder, environment=environment, agent=vm_agent)


@pytest.fixture
def other_host(vm_image: Path, tmp_path: Path) -> Callable[[str, Callable[[bytes], bytes]], object]:
    """Hosts whose image is another one: a file is changed, and the manifest fits it."""

    @contextmanager
    def made(name: str, change: Callable[[bytes], bytes]) -> Iterator[Agent]:
        import hashlib

        folder = tmp_path / "changed"
        shutil.copytree(vm_image, folder)
        manifest = json.loads((folder / "image.json").read_text())
        if name == "command_line":
            manifest[name] = change(manifest[name].encode()).decode()
        else:
            data = change((folder / name).read_bytes())
            (folder / name).write_bytes(data)
            manifest["files"][name] = {
                "size": len(data), "sha256": hashlib.sha256(data).hexdigest()
            }  # fmt: skip
        (folder / "image.json").write_text(json.dumps(manifest))
        options = ("--warm", "0", "--vm-image", str(folder), "--vm-memory", "512")
        with serving(tmp_path / "other-host", *options) as agent:
            yield agent

    return made
