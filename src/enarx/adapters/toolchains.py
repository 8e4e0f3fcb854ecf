"""Private toolchains: what a registry has, in one release, in a folder of the user's.

A toolchain is put together aside and renamed into place, so the folder is there whole or not at
all.  What an interrupted installation left is thrown away; the registry's client keeps what it had
downloaded, so that nothing is fetched twice.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import sys
from contextlib import contextmanager

from enarx.adapters import debian_packages, maven_jars
from enarx.adapters.build_steps import run_step
from enarx.adapters.private_files import base_directory
from enarx.adapters.tool_search import require_client
from enarx.errors import MalformedError, UnavailableError
from enarx.languages.language import Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from enarx.adapters.build_steps import Say, Waiting
    from enarx.languages.language import Toolchain

_OFFLINE = "look at the lines above: the registry may be out of reach; then run this again"


def folder_of(toolchain: Toolchain, environ: Mapping[str, str]) -> str:
    """Where *toolchain* is, or would be."""
    base = base_directory(environ, "XDG_DATA_HOME", ".local/share")
    return os.path.join(base, "enarx", "toolchains", toolchain.folder)


def installed(toolchain: Toolchain | None, environ: Mapping[str, str]) -> str:
    """The folder of *toolchain*; empty if it is not there."""
    folder = folder_of(toolchain, environ) if toolchain else ""
    return folder if folder and os.path.isdir(folder) else ""


def install(toolchain: Toolchain, environ: Mapping[str, str], *, say: Say, waiting: Waiting) -> str:
    """Install *toolchain*, in place of what is there, after those that it needs; its folder.

    Raises:
        MisconfiguredError: the registry's client is not on this machine.
        UnavailableError: it failed, or the folder cannot be written.
        MalformedError: what it brought is not what was pinned.
    """
    for other in toolchain.needs:
        if not installed(other, environ):
            install(other, environ, say=say, waiting=waiting)
    folder = folder_of(toolchain, environ)
    aside = f"{folder}.partial"
    try:
        before = _identity(folder)
        os.makedirs(os.path.dirname(folder), mode=0o700, exist_ok=True)
        with _alone(f"{folder}.lock"):
            if _identity(folder) == before:
                _put_together(toolchain, environ, aside, say=say, waiting=waiting)
                shutil.rmtree(folder, ignore_errors=True)
                os.rename(aside, folder)
    except OSError as error:
        raise UnavailableError(folder, (error.strerror or str(error)).lower()) from error
    return folder


def _put_together(
    toolchain: Toolchain, environ: Mapping[str, str], aside: str, *, say: Say, waiting: Waiting
) -> None:
    """Install *toolchain* into the new folder *aside*."""
    shutil.rmtree(aside, ignore_errors=True)
    os.mkdir(aside, mode=0o700)
    finish = toolchain.finish(aside) if toolchain.finish else ()
    for step in (*_CLIENTS[toolchain.kind](toolchain, aside), *finish):
        _run(step, environ, folder=aside, say=say, waiting=waiting)
    if toolchain.kind == "maven":
        maven_jars.check(toolchain, aside)


@contextmanager
def _alone(path: str) -> Iterator[None]:
    """Wait until no other process installs the same: it is there then, and need not be again."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _identity(folder: str) -> tuple[int, int] | None:
    """What tells the folder from another that was put in its place."""
    try:
        status = os.stat(folder)
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns


def _run(
    step: Step, environ: Mapping[str, str], *, folder: str, say: Say, waiting: Waiting
) -> None:
    try:
        run_step(step, environ, folder=folder, say=say, waiting=waiting)
    except MalformedError as error:  # of a registry's client this is no word about the project
        raise UnavailableError(error.where, error.problem, hints=(_OFFLINE,)) from error


def _pip(toolchain: Toolchain, aside: str) -> tuple[Step, ...]:
    if not toolchain.pins:
        return ()  # made of what it needs
    lines = [
        f"{pin.name}=={pin.release} " + " ".join(f"--hash={one}" for one in pin.hashes)
        for pin in toolchain.pins
    ]
    listed = os.path.join(aside, "requirements.txt")
    _write(listed, "\n".join(lines) + "\n")
    argv = (
        sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check",
        "--require-hashes", "--no-deps", "--only-binary=:all:", "--no-compile",
        "--target", aside, "--requirement", listed,
    )  # fmt: skip
    return (Step(title=toolchain.title, argv=argv),)


def _npm(toolchain: Toolchain, aside: str) -> tuple[Step, ...]:
    npm = require_client("npm", "install Node.js, which brings npm")
    wanted = {pin.name: pin.release for pin in toolchain.pins}
    packages: dict[str, object] = {"": {"dependencies": wanted}}
    for pin in toolchain.pins:
        packages[f"node_modules/{pin.name}"] = {
            "version": pin.release,
            "integrity": " ".join(pin.hashes),
        }
    _write(os.path.join(aside, "package.json"), json.dumps({"dependencies": wanted}))
    lock = {"lockfileVersion": 3, "requires": True, "packages": packages}
    _write(os.path.join(aside, "package-lock.json"), json.dumps(lock))
    argv = (npm, "ci", "--prefix", aside, "--ignore-scripts", "--no-audit", "--no-fund", "--silent")
    return (Step(title=toolchain.title, argv=argv),)


def _maven(toolchain: Toolchain, aside: str) -> tuple[Step, ...]:
    mvn = require_client("mvn", "install Maven: it is needed for this alone, not to build")
    project = os.path.join(aside, "pom.xml")
    _write(project, maven_jars.project_of(toolchain))
    argv = (mvn, "--batch-mode", "--quiet", "--file", project, *maven_jars.copy_to(aside))
    return (Step(title=toolchain.title, argv=argv),)


_CLIENTS: dict[str, Callable[[Toolchain, str], tuple[Step, ...]]] = {
    "deb": debian_packages.steps,
    "maven": _maven,
    "npm": _npm,
    "pip": _pip,
}


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
