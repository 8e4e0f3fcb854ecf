"""Debian's packages and sources for a private toolchain, through apt and without root.

apt authenticates what it downloads, by its archive's signature.  A toolchain that names a suite
gets it from there, whatever this system's own is: with lists and cache in its own folder.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from enarx.adapters.image_inputs import system_mirrors
from enarx.adapters.tool_search import require_client
from enarx.errors import MisconfiguredError
from enarx.languages.language import Step

if TYPE_CHECKING:
    from enarx.languages.language import Pin, Toolchain

_KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"
_APT = ".apt"
_ORIGIN = "this toolchain comes from Debian's packages"
_QUIET = ("-qq", "-o", "APT::Sandbox::User=root")
"""Without the second, root is warned that apt cannot download as somebody else into its folder."""

_CONFIGURATION = """\
Dir::State "{apt}";
Dir::Cache "{apt}/cache";
Dir::Etc::sourcelist "{apt}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State::status "{apt}/status";
Acquire::Languages "none";
"""

_UNPACK = 'for package in *.deb; do "$0" --extract "$package" . && rm "$package" || exit; done'

_UNPACK_SOURCE = """\
set -e
for archive in "$1"_*.orig.tar.*; do
    echo "$2  $archive" | sha256sum --check --quiet -
    mkdir -p "$3"
    tar --extract --file "$archive" --directory "$3" --strip-components 1 --no-same-owner
done
rm "$1"_*
"""


def steps(toolchain: Toolchain, folder: str) -> tuple[Step, ...]:
    """What downloads and unpacks the packages and the sources of *toolchain* into *folder*.

    Raises:
        MisconfiguredError: apt, or what a suite needs, is not on this machine.
    """
    apt, dpkg = (require_client(name, _ORIGIN) for name in ("apt-get", "dpkg-deb"))
    environment = _private(folder, toolchain.suite) if toolchain.suite else ()
    title = toolchain.title
    names = tuple(f"{p.name}={p.release}" if p.release else p.name for p in toolchain.pins)
    made: list[Step] = []
    if toolchain.suite:
        ask = f"ask Debian's archive for the packages of {toolchain.suite}"
        made.append(Step(title=ask, argv=(apt, "update", *_QUIET), environment=environment))
    if names:
        argv = (apt, "download", *_QUIET, *names)
        made.append(Step(title=title, argv=argv, environment=environment))
        made.append(Step(title="unpack it", argv=("/bin/sh", "-c", _UNPACK, dpkg)))
    for pin in toolchain.sources:
        argv = (apt, "source", *_QUIET, "--download-only", "--tar-only", pin.name)
        made.append(Step(title=f"{title}: source", argv=argv, environment=environment))
        made.append(_unpacking(pin))
    if toolchain.suite:
        made.append(Step(title="clean up", argv=("/bin/rm", "-r", _APT)))
    return tuple(made)


def _unpacking(pin: Pin) -> Step:
    """Upstream's archive alone: it stays the same when Debian changes its own part."""
    (pinned,) = pin.hashes
    digest, place = pinned.removeprefix("sha256:"), f"source/{pin.name}"
    return Step(
        title=f"unpack the source of {pin.name}",
        argv=("/bin/sh", "-c", _UNPACK_SOURCE, "sh", pin.name, digest, place),
    )


def _private(folder: str, suite: str) -> tuple[tuple[str, str], ...]:
    """Write a configuration of apt that knows *suite* and nothing else; the variable that names it.

    Raises:
        MisconfiguredError: this machine does not know where Debian's archive is, or its keys.
    """
    mirror = system_mirrors().get("debian")
    if not mirror or not os.path.exists(_KEYS):
        lack = "apt's sources name no archive of Debian" if not mirror else f"{_KEYS} is missing"
        hint = "run this on Debian, or in a container of it"
        raise MisconfiguredError("--install-toolchain", lack, hints=(hint,))
    apt = os.path.join(folder, _APT)
    for part in ("lists/partial", "cache/archives/partial"):
        os.makedirs(os.path.join(apt, part))
    lines = [f"{kind} [signed-by={_KEYS}] {mirror} {suite} main" for kind in ("deb", "deb-src")]
    texts = {
        "sources.list": "\n".join(lines) + "\n",
        "status": "",
        "apt.conf": _CONFIGURATION.format(apt=apt),
    }
    for name, text in texts.items():
        with open(os.path.join(apt, name), "w", encoding="utf-8") as file:
            file.write(text)
    return (("APT_CONFIG", os.path.join(apt, "apt.conf")),)
