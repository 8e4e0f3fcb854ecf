"""A keep image as a folder: whole or not at all, and nothing but what its manifest names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.image.conftest import inputs  # noqa: F401 - a fixture
from tests.image.test_image import built

from enarx.adapters.image_folder import ImageFolder, default_folder, write_folder
from enarx.errors import MalformedError, MisconfiguredError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from enarx.image.inputs import Input


@pytest.fixture
def files(inputs: dict[Input, bytes]) -> Mapping[str, bytes]:  # noqa: F811
    """The files of a small image."""
    return built(inputs)


def test_what_was_written_is_read(tmp_path: Path, files: Mapping[str, bytes]) -> None:
    """Kernel, initial RAM disk and command line, checked."""
    place = tmp_path / "new" / "image"
    write_folder(str(place), files, replace=False)
    folder = ImageFolder(str(place))
    assert folder.boot().kernel == b"kernel"
    assert folder.boot().command_line == folder.manifest.command_line
    assert folder.has("OVMF.inteltdx.fd")
    assert not folder.has("OVMF.amdsev.fd")
    assert [path.name for path in place.parent.iterdir()] == ["image"]


def test_an_image_is_exchanged_only_on_demand(tmp_path: Path, files: Mapping[str, bytes]) -> None:
    """Hosts may be starting keeps of it."""
    place = tmp_path / "image"
    write_folder(str(place), files, replace=False)
    with pytest.raises(MisconfiguredError, match="is there already"):
        write_folder(str(place), files, replace=False)
    (place / "vmlinuz").unlink()
    write_folder(str(place), files, replace=True)
    assert (place / "vmlinuz").read_bytes() == b"kernel"
    assert [path.name for path in tmp_path.iterdir()] == ["image"]


def test_what_is_no_image_stays(tmp_path: Path, files: Mapping[str, bytes]) -> None:
    """Somebody's folder is not exchanged for an image."""
    (tmp_path / "notes").mkdir()
    with pytest.raises(MisconfiguredError, match="is no keep image"):
        write_folder(str(tmp_path / "notes"), files, replace=True)
    (tmp_path / "file").write_text("")
    with pytest.raises(UnavailableError):
        write_folder(str(tmp_path / "file" / "image"), files, replace=True)


def test_a_changed_file_is_refused(tmp_path: Path, files: Mapping[str, bytes]) -> None:
    """Attack: a byte of the kernel on a disk."""
    place = tmp_path / "image"
    write_folder(str(place), files, replace=False)
    (place / "vmlinuz").write_bytes(b"kernem")
    with pytest.raises(MalformedError, match="vmlinuz: got 6 bytes"):
        ImageFolder(str(place)).boot()


def test_a_firmware_that_is_not_there(tmp_path: Path, files: Mapping[str, bytes]) -> None:
    """It was built without."""
    place = tmp_path / "image"
    write_folder(str(place), files, replace=False)
    with pytest.raises(MisconfiguredError, match=r"has no OVMF\.amdsev\.fd"):
        ImageFolder(str(place)).read("OVMF.amdsev.fd")


def test_a_folder_without_an_image(tmp_path: Path) -> None:
    """What to do about it is said."""
    with pytest.raises(MisconfiguredError, match="holds no keep image") as caught:
        ImageFolder(str(tmp_path))
    assert caught.value.hints == ("build it: enarx image build",)


def test_where_images_are() -> None:
    """Where the desktop's conventions want data."""
    assert default_folder({"XDG_DATA_HOME": "/data"}) == "/data/enarx/image"
    assert default_folder({"HOME": "/home/me"}) == "/home/me/.local/share/enarx/image"
