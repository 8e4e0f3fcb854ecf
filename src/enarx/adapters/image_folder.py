"""A keep image as a folder: written whole or not at all, and read only as its manifest says."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from enarx.adapters.package_files import read_file
from enarx.adapters.private_files import base_directory
from enarx.errors import MisconfiguredError, UnavailableError
from enarx.image import image
from enarx.measure.snp_guest import Boot

if TYPE_CHECKING:
    from collections.abc import Mapping

    from enarx.image.image import Manifest

_BUILD = "build it: enarx image build"


class ImageFolder:
    """An image in *path*, whose manifest has been read.

    Raises:
        MisconfiguredError: there is none.
        MalformedError: the manifest is damaged.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        manifest = os.path.join(path, image.MANIFEST)
        if not os.path.isfile(manifest):
            raise MisconfiguredError(path, "holds no keep image", hints=(_BUILD,))
        data = read_file(manifest, image.MAX_MANIFEST_BYTES)
        self.manifest: Manifest = image.parse_manifest(data, manifest)

    def read(self, name: str) -> bytes:
        """The image's file *name*, checked against the manifest.

        Raises:
            MisconfiguredError: the image has no such file.
            MalformedError: it is another one.
        """
        path = os.path.join(self.path, name)
        if name not in self.manifest.files:
            hint = "build it with that firmware: enarx image build"
            raise MisconfiguredError(self.path, f"has no {name}", hints=(hint,))
        data = read_file(path, image.MAX_FILE_BYTES)
        image.check(self.manifest, name, data, path)
        return data

    def has(self, name: str) -> bool:
        """Whether the image has a file *name*."""
        return name in self.manifest.files

    def boot(self) -> Boot:
        """What is started: kernel, initial RAM disk, command line."""
        return Boot(
            kernel=self.read(image.KERNEL),
            initrd=self.read(image.INITRD),
            command_line=self.manifest.command_line,
        )


def default_folder(environment: Mapping[str, str]) -> str:
    """Where ``enarx image build`` puts the image, and where hosts and owners look for it."""
    return f"{base_directory(environment, 'XDG_DATA_HOME', '.local/share')}/enarx/image"


def write_folder(path: str, files: Mapping[str, bytes], *, replace: bool) -> None:
    """Make the folder *path* with *files*, or leave what is there as it is.

    Args:
        replace: an image that is there already is exchanged.

    Raises:
        MisconfiguredError: *path* exists and is no image, or *replace* is not set.
        UnavailableError: it cannot be written.
    """
    place = Path(path).absolute()
    if place.exists() and not (place / image.MANIFEST).is_file():
        raise MisconfiguredError(
            path, "is there, and is no keep image", hints=("name another one",)
        )
    if place.exists() and not replace:
        raise MisconfiguredError(path, "is there already", hints=("exchange it: --replace",))
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=place.parent))
        try:
            for name, data in files.items():
                (aside / name).write_bytes(data)
            aside.chmod(0o755)
            _exchange(aside, place)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    except OSError as error:
        raise UnavailableError(path, str(error.strerror).lower()) from error


def _exchange(aside: Path, place: Path) -> None:
    """Put *aside* at *place*; what was there is then at *aside*."""
    if not place.exists():
        aside.rename(place)
        return
    old = aside.with_name(f"{aside.name}.old")
    place.rename(old)
    aside.rename(place)
    shutil.rmtree(old)
