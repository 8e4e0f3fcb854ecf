"""The keep image of this installation: what evidence of its keeps states, on each platform."""

from __future__ import annotations

from typing import TYPE_CHECKING

from enarx import __version__
from enarx.adapters.keep_image import NAME, read_image
from enarx.appraisal.image import ImageName, ReferenceValue
from enarx.measure.process import NAMES, measure

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

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
