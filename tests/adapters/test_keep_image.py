"""The files of a keep: all that it loads, found as its interpreter finds them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from enarx.adapters.keep_image import LIBRARIES, OURS, read_image
from enarx.errors import MisconfiguredError
from enarx.host.spawn import search_path
from enarx.measure.process import measure

LOADED = """
import pkgutil, sys
sys.path += {path!r}
import enarx.keep
for module in pkgutil.walk_packages(enarx.keep.__path__, "enarx.keep."):
    __import__(module.name)
for module in list(sys.modules.values()):
    print(module.__name__, getattr(module, "__file__", None) or "")
"""


@pytest.fixture(scope="module")
def image() -> dict[str, bytes]:
    """The image of this installation."""
    return read_image(search_path())


def test_whatever_a_keep_loads_is_in_its_image(image: dict[str, bytes]) -> None:
    """Every module of a process that imported all of the keep, but for the standard library's."""
    path = list(search_path())
    command = [sys.executable, "-I", "-S", "-c", LOADED.format(path=path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    known = {Path(folder, name).resolve(): name for folder in path for name in image}
    ours = 0
    for line in done.stdout.splitlines():
        name, _, file = line.partition(" ")
        top = name.partition(".")[0]
        if not file or top in sys.stdlib_module_names or top == "__main__":
            continue
        assert Path(file).resolve() in known, f"{name} is loaded from {file} and not measured"
        ours += top == "enarx"
    assert ours > 100


def test_an_image_has_code_and_libraries_and_nothing_compiled(image: dict[str, bytes]) -> None:
    """Names are relative, and none is of what a keep does not load."""
    tops = {name.partition("/")[0] for name in image}
    assert {"enarx", "cryptography", "wasmtime"} <= tops
    assert {top.partition(".")[0] for top in tops} <= {"enarx", *LIBRARIES}
    assert not any("__pycache__" in name for name in image)
    assert {name.split("/")[1] for name in image if name.startswith("enarx/")} == set(OURS)
    assert any(name.endswith("libwasmtime.so") for name in image)
    assert not any(name.startswith(("enarx/host", "enarx/cli", "enarx/tee")) for name in image)


def copied(tmp_path: Path) -> list[str]:
    """An installation of our own: a copy of this package's part, with the libraries as they are."""
    place = tmp_path / "site"
    package = Path(search_path()[0], "enarx")
    for name in OURS:
        source, target = package / name, place / "enarx" / name
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    return [str(place), *search_path()]


def test_where_an_image_lies_does_not_count(tmp_path: Path, image: dict[str, bytes]) -> None:
    """A copy has the same measurement."""
    assert measure("snp", read_image(copied(tmp_path))) == measure("snp", image)


@pytest.mark.parametrize("change", ["byte", "compiled", "shadow", "library in front"])
def test_what_changes_the_code_changes_the_image(
    tmp_path: Path, image: dict[str, bytes], change: str
) -> None:
    """Attacks: an edited module, a compiled one beside it, and a library in front of another."""
    path = copied(tmp_path)
    boot = Path(path[0], "enarx", "keep", "boot.py")
    match change:
        case "byte":
            boot.write_bytes(boot.read_bytes() + b"\n")
        case "compiled":
            boot.with_suffix(".cpython-311-x86_64-linux-gnu.so").write_bytes(b"\x7fELF")
        case "shadow":
            boot.with_suffix("").mkdir()
            (boot.with_suffix("") / "__init__.py").write_text("")
        case "library in front":
            Path(path[0], "cryptography").mkdir()
            Path(path[0], "cryptography", "__init__.py").write_text("")
    assert read_image(path) != image


def test_compiled_python_does_not_count(tmp_path: Path, image: dict[str, bytes]) -> None:
    """A measured zygote reads none (``host.spawn``), so it is not measured."""
    path = copied(tmp_path)
    cache = Path(path[0], "enarx", "keep", "__pycache__")
    cache.mkdir(exist_ok=True)
    (cache / "boot.cpython-311.pyc").write_bytes(b"something else")
    assert read_image(path) == image


def test_links_are_no_files_of_an_image(tmp_path: Path) -> None:
    """What a link leads to could be changed without a trace."""
    path = copied(tmp_path)
    boot = Path(path[0], "enarx", "keep", "boot.py")
    boot.rename(tmp_path / "elsewhere.py")
    boot.symlink_to(tmp_path / "elsewhere.py")
    with pytest.raises(MisconfiguredError, match="is no ordinary file"):
        read_image(path)


def test_an_installation_that_is_not_whole(tmp_path: Path) -> None:
    """A library or a module that is missing is named, with what to do."""
    with pytest.raises(MisconfiguredError, match="is not installed beside enarx") as caught:
        read_image([str(tmp_path)])
    assert "install enarx anew" in caught.value.hints[0]
    path = copied(tmp_path)
    Path(path[0], "enarx", "errors.py").unlink()
    with pytest.raises(MisconfiguredError, match=r"errors\.py"):
        read_image(path)
