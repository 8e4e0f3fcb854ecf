"""Private toolchains: whole or not at all, from a registry that is a folder of the test's."""

from __future__ import annotations

import base64
import hashlib
import os
import zipfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from enarx.adapters import toolchains
from enarx.errors import MisconfiguredError, UnavailableError
from enarx.languages.language import Pin, Step, Toolchain

pytestmark = pytest.mark.slow

PROGRAM = b"#!/bin/sh\necho tool 1.0\n"


def make_wheel(folder: Path) -> str:
    """A wheel with one program; its hash."""
    files = {
        "tool/run": PROGRAM,
        "tool-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: tool\nVersion: 1.0\n",
        "tool-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\n"
        b"Tag: py3-none-any\n",
    }
    listed = "".join(
        f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode()[:43]},\n"
        for name, data in files.items()
    )
    path = folder / "tool-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for name, data in files.items():
            wheel.writestr(name, data)
        wheel.writestr("tool-1.0.dist-info/RECORD", listed)
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


@pytest.fixture
def environ(tmp_path: Path) -> Mapping[str, str]:
    """A user with an empty data folder, whose pip knows only the test's folder."""
    return {
        **os.environ,
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(tmp_path),
    }


def chain(*hashes: str) -> Toolchain:
    """The toolchain of the test's wheel."""
    pins = (Pin(name="tool", release="1.0", hashes=hashes),)
    return Toolchain(name="tool", release="1.0", kind="pip", pins=pins, size_mib=1)


def install(toolchain: Toolchain, environ: Mapping[str, str]) -> tuple[str, str]:
    """Where it was installed, and what the registry's client said."""
    said: list[str] = []
    folder = toolchains.install(
        toolchain, environ, say=said.append, waiting=lambda _title, _seconds: None
    )
    return folder, "\n".join(said)


def test_it_is_installed_once_and_whole(tmp_path: Path, environ: Mapping[str, str]) -> None:
    """Into a folder of its own name; a part that an interruption left is thrown away."""
    toolchain = chain(make_wheel(tmp_path))
    assert toolchains.installed(toolchain, environ) == ""
    left = tmp_path / "data" / "enarx" / "toolchains" / "tool-1.0.partial" / "tool"
    left.mkdir(parents=True)
    (left / "half").touch()
    folder, said = install(toolchain, environ)
    assert said == ""
    assert folder == toolchains.installed(toolchain, environ)
    assert Path(folder, "tool", "run").read_bytes() == PROGRAM
    names = {path.name for path in Path(folder).parent.iterdir()}
    assert names == {"tool-1.0", "tool-1.0.lock"}
    assert not Path(folder, "tool", "half").exists()


def test_a_wrong_hash_installs_nothing(tmp_path: Path, environ: Mapping[str, str]) -> None:
    """What a registry has under a pinned name is not enough."""
    make_wheel(tmp_path)
    toolchain = chain("sha256:" + "0" * 64)
    said: list[str] = []
    with pytest.raises(UnavailableError, match="ended with status 1") as failed:
        toolchains.install(toolchain, environ, say=said.append, waiting=lambda *_: None)
    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in "\n".join(said)
    assert "run this again" in failed.value.hints[0]
    assert toolchains.installed(toolchain, environ) == ""


def test_what_is_there_stays_until_another_is_whole(
    tmp_path: Path, environ: Mapping[str, str]
) -> None:
    """An installation that fails leaves the one before as it was."""
    folder, _ = install(chain(make_wheel(tmp_path)), environ)
    with pytest.raises(UnavailableError):
        install(chain("sha256:" + "0" * 64), environ)
    assert Path(folder, "tool", "run").read_bytes() == PROGRAM


def test_two_at_once_install_it_once(tmp_path: Path, environ: Mapping[str, str]) -> None:
    """Who waited for another takes what that one installed."""
    toolchain = chain(make_wheel(tmp_path))
    with ThreadPoolExecutor() as pool:
        done = list(pool.map(install, [toolchain] * 3, [environ] * 3))
    assert len(set(done)) == 1
    assert Path(done[0][0], "tool", "run").read_bytes() == PROGRAM


def test_what_it_needs_is_installed_first(tmp_path: Path, environ: Mapping[str, str]) -> None:
    """Beside it, before its own last steps run."""
    first = chain(make_wheel(tmp_path))
    second = Toolchain(
        name="other", release="1.0", kind="pip", pins=first.pins, size_mib=1, needs=(first,),
        finish=lambda home: (
            Step(title="look", argv=("/bin/sh", f"{Path(home).parent}/tool-1.0/tool/run")),
        ),
    )  # fmt: skip
    _, said = install(second, environ)
    assert said == "tool 1.0"
    assert toolchains.installed(first, environ)


def test_a_folder_that_cannot_be_made(tmp_path: Path, environ: Mapping[str, str]) -> None:
    """The place is named."""
    (tmp_path / "data").write_text("a file")
    with pytest.raises(UnavailableError, match="not a directory"):
        install(chain(make_wheel(tmp_path)), environ)


def test_a_client_that_is_missing(
    environ: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is named, with where it comes from."""
    monkeypatch.setenv("PATH", "/nowhere")
    pins = (Pin(name="tool", release="1.0", hashes=("sha512-x",)),)
    toolchain = Toolchain(name="tool", release="1.0", kind="npm", pins=pins, size_mib=1)
    with pytest.raises(MisconfiguredError, match="npm is not there"):
        install(toolchain, environ)
