"""A policy and the files that it includes, read from a disk for ``appraisal``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from enarx.adapters.package_files import read_file
from enarx.appraisal.composition import MAX_BYTES, Unread, wanted
from enarx.appraisal.policy import load
from enarx.errors import MalformedError, MisconfiguredError, UnavailableError

if TYPE_CHECKING:
    from enarx.appraisal.policy import Policy


def read_policy(path: str) -> Policy:
    """The policy in the file *path*, with everything that it includes.

    Raises:
        MisconfiguredError: it is not there, or something is wrong with it or with a file that it
            includes; the first problem, with the number of others.
        UnavailableError: it cannot be read.
    """
    return load(path, read_files(path))


def read_files(path: str) -> dict[str, bytes | Unread]:
    """The texts of the policy *path* and of every file that it includes, for ``policy.examine``.

    A file that is included and cannot be read is among them as ``Unread``.

    Raises:
        MisconfiguredError: there is no file *path*.
        UnavailableError: it cannot be read.
    """
    try:
        files: dict[str, bytes | Unread] = {path: read_file(path, MAX_BYTES)}
    except MalformedError as e:
        raise MisconfiguredError(path, e.problem) from e
    while missing := wanted(path, files):
        files |= {name: _included(name) for name in missing}
    return files


def _included(path: str) -> bytes | Unread:
    try:
        return read_file(path, MAX_BYTES)
    except (MalformedError, MisconfiguredError, UnavailableError) as e:
        return Unread(e.problem)
