"""The keep images of this installation: what evidence of their keeps states, on each platform."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from enarx import __version__
from enarx.adapters.keep_image import NAME, read_image
from enarx.appraisal.image import ImageName, ReferenceValue
from enarx.image.references import COUNTS
from enarx.measure.process import NAMES, measure

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

IMAGE = ImageName(NAME, __version__)

_FIXED: Mapping[str, Mapping[str, bytes]] = {
    "snp": {},
    "tdx": {f"rtmr_{n}": bytes(48) for n in range(4)},
    "sgx": {"mr_signer": bytes(32)},
}
"""What else evidence of a simulated process keep states: registers that nothing extends."""


def installed_references(platforms: Iterable[str] = NAMES) -> tuple[ReferenceValue, ...]:
    """The reference values of this installation's process keep, computed from its files.

    Raises:
        MisconfiguredError, UnavailableError: files are missing, or cannot be read.
    """
    from enarx.host.spawn import search_path

    files = read_image(search_path())
    return tuple(
        ReferenceValue(
            image=IMAGE,
            platform=platform,
            measurements={
                name: frozenset((value,))
                for name, value in (
                    (NAMES[platform], measure(platform, files)),
                    *_FIXED[platform].items(),
                )
            },
        )
        for platform in NAMES
        if platform in platforms
    )


def every_installed() -> tuple[ReferenceValue, ...]:
    """The reference values of this installation: of processes, and of machines if there are any.

    Raises:
        MisconfiguredError, MalformedError, UnavailableError: as those functions below.
    """
    found = installed_references()
    return found + (vm_references("", vm_platforms("")) if has_vm_image() else ())


def vm_platforms(folder: str) -> tuple[str, ...]:
    """What the image of virtual machines in *folder* has a firmware for.

    Raises:
        MisconfiguredError: there is no image.
    """
    from enarx.adapters.image_folder import ImageFolder, default_folder
    from enarx.image.references import PLATFORMS, firmware_of

    image = ImageFolder(folder or default_folder(os.environ))
    return tuple(name for name in PLATFORMS if image.has(firmware_of(name)))


def has_vm_image() -> bool:
    """Whether there is an image where ``enarx image build`` puts it."""
    from enarx.adapters.image_folder import default_folder
    from enarx.image.image import MANIFEST

    return Path(default_folder(os.environ), MANIFEST).is_file()


def vm_references(
    folder: str, platforms: Iterable[str], *, counts: Sequence[int] = COUNTS
) -> tuple[ReferenceValue, ...]:
    """The reference values of the image of virtual machines in *folder*, computed from its files.

    Args:
        folder: empty for where ``enarx image build`` puts it.

    Raises:
        MisconfiguredError: there is no image, or it lacks the firmware of a platform.
        MalformedError, UnavailableError: its files are damaged, or cannot be read.
    """
    from enarx.adapters.image_folder import ImageFolder, default_folder
    from enarx.image.references import firmware_of, references

    image = ImageFolder(folder or default_folder(os.environ))
    boot = image.boot()
    return tuple(
        references(image.manifest, name, boot, image.read(firmware_of(name)), counts=counts)
        for name in platforms
    )
