"""The folder of a project: which files it has, and what is in them.

What tools make or fetch is left out: by name, at any depth, as their makers suggest for version
control.
"""

from __future__ import annotations

import os
import stat
from hashlib import file_digest, sha256

from enarx.adapters.package_files import BUILT_PACKAGE, read_file
from enarx.errors import MisconfiguredError, UnavailableError
from enarx.languages import settings
from enarx.languages.settings import Settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

BUILD_FOLDER = "build"

_GENERATED = frozenset((".git", ".venv", "__pycache__", "node_modules"))
_MAX_FILES = 100_000


def source_names(folder: str, leaves: Iterable[str] = ()) -> tuple[str, ...]:
    """Every file below *folder* that somebody wrote, relative with "/", sorted.

    Args:
        folder: of the project.
        leaves: names of folders at its top that are left out as well.

    Raises:
        MisconfiguredError: there is no such folder, or it holds too many files.
        UnavailableError: it cannot be read.
    """
    if not os.path.isdir(folder):
        raise MisconfiguredError(folder, "no such folder", hints=("look for a mistake in it",))
    names = []
    try:
        for name in _walk(folder, "", {BUILD_FOLDER, *leaves}):
            names.append(name)
            if len(names) > _MAX_FILES:
                hint = "name the folder of one project"
                raise MisconfiguredError(folder, f"more than {_MAX_FILES} files", hints=(hint,))
    except OSError as error:
        raise _unreadable(folder, error) from error
    return tuple(sorted(names))


def digests(folder: str, names: Iterable[str]) -> dict[str, str]:
    """The sha256 of each file, in hexadecimal; of a symbolic link, that of its target's name.

    Raises:
        UnavailableError: one cannot be read.
    """
    try:
        return {name: _digest(os.path.join(folder, name)) for name in names}
    except OSError as error:
        raise _unreadable(folder, error) from error


def changed_since_build(folder: str) -> str:
    """A source that is newer than the package built of *folder*; empty if there is none.

    Dates are enough for a reminder: what is to be built is decided by contents.
    """
    try:
        built = os.stat(os.path.join(folder, BUILT_PACKAGE)).st_mtime_ns
        for name in _walk(folder, "", {BUILD_FOLDER}):
            if os.lstat(os.path.join(folder, name)).st_mtime_ns > built:
                return name
    except OSError:
        return ""
    return ""


def read_settings(folder: str) -> Settings:
    """What ``enarx-build.toml`` in *folder* says; the defaults where there is none.

    Raises:
        MisconfiguredError: a mistake in it.
        UnavailableError: it cannot be read.
    """
    path = os.path.join(folder, settings.FILE)
    if not os.path.lexists(path):
        return Settings()
    return settings.parse(read_file(path, settings.MAX_BYTES), path)


def _walk(root: str, below: str, left_out: set[str]) -> Iterator[str]:
    with os.scandir(os.path.join(root, below)) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        name = below + entry.name
        if entry.is_dir(follow_symlinks=False):
            if entry.name not in _GENERATED and name not in left_out:
                yield from _walk(root, f"{name}/", left_out)
        elif entry.is_file(follow_symlinks=False) or entry.is_symlink():
            yield name


def _digest(path: str) -> str:
    if stat.S_ISLNK(os.lstat(path).st_mode):
        return "link:" + sha256(os.fsencode(os.readlink(path))).hexdigest()
    with open(path, "rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _unreadable(folder: str, error: OSError) -> UnavailableError:
    return UnavailableError(error.filename or folder, (error.strerror or str(error)).lower())
