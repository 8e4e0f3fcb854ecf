"""Which releases of the packages of an image this system's apt offers, and their hashes.

apt verifies its archives' signatures, which is why it is asked, and not the archive itself.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

from enarx.errors import MisconfiguredError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from enarx.image.inputs import Input, Inputs

_TIMEOUT_S = 60.0
_METAPACKAGE = "linux-image-cloud-amd64"
"""The package that depends on the newest kernel of its suite."""
_LEAST = (6, 12)


def repinned(before: Inputs) -> Inputs:
    """*before* with every Debian package in the newest release that apt has; wheels stay.

    Raises:
        UnavailableError: there is no apt, or it knows a package not.
        MisconfiguredError: its kernel has no drivers for TEEs.
    """
    return replace(before, inputs=tuple(map(_repinned, before.inputs)))


def _repinned(each: Input) -> Input:
    if each.kind != "deb":
        return each
    name = _kernel() if each.role == "kernel" else each.name
    record = _show(name)
    return replace(
        each,
        name=name,
        release=record["Version"],
        file=record["Filename"],
        size=int(record["Size"]),
        sha256=record["SHA256"],
    )


def _kernel() -> str:
    """A kernel of Debian's cloud images: the oldest that has what a keep needs, 6.12.

    Earlier ones lack configfs-tsm, through which both vendors' reports are made.
    """
    found = sorted(_kernels())
    fit = [kernel for kernel in found if kernel[:2] >= _LEAST]
    if not fit:
        problem = f"got {found[-1][2] if found else 'none'}, want 6.12 or later"
        hint = "add Debian's backports to apt's sources, and update"
        raise MisconfiguredError(_METAPACKAGE, problem, hints=(hint,))
    return fit[0][2]


def _kernels() -> Iterator[tuple[int, int, str]]:
    for record in _records("show", _METAPACKAGE):
        found = re.search(r"linux-image-(\d+)\.(\d+)\.\S*-cloud-amd64", record.get("Depends", ""))
        if found:
            yield int(found[1]), int(found[2]), found[0]


def _show(name: str) -> Mapping[str, str]:
    record = next(_records("show", "--no-all-versions", name), {})
    missing = {"Version", "Filename", "Size", "SHA256"} - record.keys()
    if missing:
        hint = "update apt's lists, or add the suite that has it to its sources"
        raise UnavailableError(name, "apt does not know it", hints=(hint,))
    return record


def _records(*arguments: str) -> Iterator[Mapping[str, str]]:
    try:
        done = subprocess.run(
            ["/usr/bin/apt-cache", *arguments], check=False, capture_output=True, text=True,
            timeout=_TIMEOUT_S, env={**os.environ, "LC_ALL": "C"},
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        hint = "run this on Debian, or take the releases that our lock names"
        raise UnavailableError("apt-cache", "does not run", hints=(hint,)) from error
    for paragraph in done.stdout.split("\n\n"):
        lines = (line.partition(": ") for line in paragraph.splitlines() if line[:1] != " ")
        yield {key: value for key, _, value in lines}
