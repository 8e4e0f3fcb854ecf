"""Toolchains from Debian's packages: what apt is asked, and what is done with what it brings."""

from __future__ import annotations

import io
import subprocess
import tarfile
from hashlib import sha256
from pathlib import Path

import pytest

from enarx.adapters import debian_packages, image_inputs
from enarx.errors import MisconfiguredError
from enarx.languages.language import Pin, Step, Toolchain

pytestmark = pytest.mark.needs("apt-get")

ARCHIVE = "thing_1.0+dfsg.orig.tar.gz"


def chain(digest: str = "0" * 64, suite: str = "bookworm") -> Toolchain:
    """A toolchain of one package and one source."""
    return Toolchain(
        name="thing", release="1.0", kind="deb", size_mib=1, suite=suite,
        pins=(Pin(name="tool"), Pin(name="other", release="2-1")),
        sources=(Pin(name="thing", hashes=(f"sha256:{digest}",)),),
    )  # fmt: skip


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The apt sources of a system, of which a test says what they name."""
    listed = tmp_path / "sources.list"
    listed.write_text("deb https://archive.invalid/debian trixie main\n")
    monkeypatch.setattr(image_inputs, "APT_SOURCES", (listed,))
    keys = tmp_path / "keys.gpg"
    keys.touch()
    monkeypatch.setattr(debian_packages, "_KEYS", str(keys))
    return listed


def made_archive(folder: Path) -> str:
    """Upstream's archive, as apt leaves it; its hash."""
    data = b"int main(void) { return 0; }\n"
    with tarfile.open(folder / ARCHIVE, "w:gz") as archive:
        member = tarfile.TarInfo("thing-1.0/src/main.c")
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
    return sha256((folder / ARCHIVE).read_bytes()).hexdigest()


def unpacking(toolchain: Toolchain, folder: Path) -> Step:
    """The step that unpacks the source."""
    (step,) = (s for s in debian_packages.steps(toolchain, str(folder)) if "source of" in s.title)
    return step


@pytest.mark.usefixtures("sources")
def test_apt_is_asked_for_one_suite(tmp_path: Path) -> None:
    """From the archive that this system uses, with lists in the toolchain's folder."""
    made = debian_packages.steps(chain(), str(tmp_path))
    asked = [step.argv[1] for step in made if step.argv[0].endswith("apt-get")]
    assert asked == ["update", "download", "source"]
    (configuration,) = {dict(s.environment)["APT_CONFIG"] for s in made if s.environment}
    lines = Path(configuration).with_name("sources.list").read_text().splitlines()
    assert [line.split("] ")[1] for line in lines] == [
        "https://archive.invalid/debian bookworm main"
    ] * 2
    assert str(tmp_path) in Path(configuration).read_text()
    assert made[1].argv[-2:] == ("tool", "other=2-1")


def test_without_a_suite_the_system_is_asked(tmp_path: Path) -> None:
    """Nothing is written, and its own lists are used."""
    made = debian_packages.steps(chain(suite=""), str(tmp_path))
    assert not any(step.environment for step in made)
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("sources")
def test_a_source_is_unpacked(tmp_path: Path) -> None:
    """Into a folder of its name, without the archive's own; the archive is gone."""
    folder = tmp_path / "home"
    folder.mkdir()
    step = unpacking(chain(made_archive(folder)), folder)
    subprocess.run(step.argv, cwd=folder, check=True)
    assert (folder / "source" / "thing" / "src" / "main.c").is_file()
    assert not (folder / ARCHIVE).exists()


@pytest.mark.usefixtures("sources")
def test_a_source_of_another_hash_is_not_unpacked(tmp_path: Path) -> None:
    """Debian's word is not enough: it is the source that was read that is built."""
    folder = tmp_path / "home"
    folder.mkdir()
    made_archive(folder)
    step = unpacking(chain(), folder)
    done = subprocess.run(step.argv, cwd=folder, check=False, capture_output=True, text=True)
    assert done.returncode
    assert f"{ARCHIVE}: FAILED" in done.stdout
    assert not (folder / "source").exists()


def test_a_system_without_debian(tmp_path: Path, sources: Path) -> None:
    """What is missing is named, and nothing is left."""
    sources.write_text("deb https://archive.invalid/ubuntu noble main\n")
    with pytest.raises(MisconfiguredError, match="no archive of Debian"):
        debian_packages.steps(chain(), str(tmp_path / "home"))
    assert not (tmp_path / "home").exists()
