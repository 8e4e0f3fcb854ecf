"""Which files of a directory make a package.

``main.wasm``, or the only ``*.wasm``, is the program; ``Enarx.toml`` the configuration;
everything else, hidden files included, goes into the files layer.  ``.git`` is left out.
"""

from __future__ import annotations

import os
import shlex
import stat
from dataclasses import replace

from enarx.adapters.package_files import CONFIG_FILE, MODULE_FILE, SKIPPED, read_file
from enarx.errors import MalformedError
from enarx.package.files_layer import MAX_UNPACKED_BYTES
from enarx.package.tar import DIRECTORY, FILE, SYMLINK, Member


def read_directory(path: str) -> tuple[str, list[Member]]:
    """The name of the program in directory *path*, and its other files.

    Raises:
        MalformedError: no program, several, a device, a socket or a pipe, or too many bytes.
        OSError: it cannot be read.
    """
    names = os.listdir(path)
    module = _module_name(path, names)
    left_out = {module, CONFIG_FILE, *SKIPPED}
    found: list[Member] = []
    _collect(path, "", [name for name in names if name not in left_out], found)
    return module, found


def members_below(path: str, into: str) -> list[Member]:
    """The file *path*, or all below the folder *path*, as members of a package.

    Args:
        path: of this machine.
        into: what the file is called in the package, or the folder; empty for its root.

    Raises:
        MalformedError: a device, a socket or a pipe, or too many bytes.
        OSError: it cannot be read.
    """
    if not os.path.isdir(path):
        data = read_file(path, MAX_UNPACKED_BYTES)
        return [Member(path=into or os.path.basename(path), kind=FILE, data=data)]
    found: list[Member] = []
    _collect(path, "", os.listdir(path), found)
    if not into:
        return found
    return [replace(member, path=f"{into}/{member.path}") for member in found]


def _module_name(path: str, names: list[str]) -> str:
    if MODULE_FILE in names:
        return MODULE_FILE
    programs = sorted(name for name in names if name.endswith(".wasm"))
    if len(programs) == 1:
        return programs[0]
    if programs:
        shown = ", ".join(programs[:5])
        hint = f"name the program {MODULE_FILE}, or give its path"
        raise MalformedError(path, f"several programs: {shown}", hints=(hint,))
    hints = (
        f"a package is a directory with {MODULE_FILE} and, if needed, {CONFIG_FILE}",
        f"a project is built first: enarx build {shlex.quote(path)}",
    )
    raise MalformedError(path, "no program in this directory", hints=hints)


def _collect(root: str, folder: str, names: list[str], found: list[Member]) -> None:
    """Add the entries *names* of *folder* to *found*, and what is below them."""
    waiting = [f"{folder}{name}" for name in names]
    size = 0
    while waiting:
        path = waiting.pop()
        place = os.path.join(root, path)
        status = os.lstat(place)
        if stat.S_ISDIR(status.st_mode):
            found.append(Member(path=path, kind=DIRECTORY))
            waiting += [f"{path}/{name}" for name in os.listdir(place)]
        elif stat.S_ISLNK(status.st_mode):
            found.append(Member(path=path, kind=SYMLINK, target=os.readlink(place)))
        elif stat.S_ISREG(status.st_mode):
            data = read_file(place, MAX_UNPACKED_BYTES - size)
            size += len(data)
            executable = bool(status.st_mode & 0o100)
            found.append(Member(path=path, kind=FILE, executable=executable, data=data))
        else:
            problem = f"{path!r} is a device, a socket or a pipe (want a file)"
            raise MalformedError(root, problem)
