"""Endorsements on a disk: a file, a bundle, or a directory with everything below it; writing one.

Files are recognised by their content; a name or an ending decides nothing.  What is no endorsement
(evidence, notes, tables) is left out and named.  Symbolic links below a directory are not followed:
one that stays inside leads to what is read anyway, one that leads out is named.
"""

from __future__ import annotations

import os
import shutil
import stat
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from enarx.adapters.endorsement_bundle import MAX_BYTES
from enarx.adapters.endorsement_content import recognise
from enarx.adapters.endorsement_facts import Facts, facts_of
from enarx.adapters.package_files import read_file
from enarx.errors import MalformedError, MisconfiguredError, UnavailableError
from enarx.tee.endorsements import Endorsements

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_FILES = 4096
MAX_TOTAL_BYTES = 128 * 1024 * 1024
MAX_DEPTH = 8
"""Directories below each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What was found.

    Args:
        endorsements: the bag, unverified.
        notes: what was left out and why, one line each.
    """

    endorsements: Endorsements = field(default_factory=Endorsements)
    notes: tuple[str, ...] = ()

    def __add__(self, other: Loaded) -> Loaded:
        """Both together."""
        return Loaded(
            endorsements=self.endorsements + other.endorsements, notes=self.notes + other.notes
        )


def load(path: str) -> Loaded:
    """The endorsements at *path*: a directory, or one file of any kind that is recognised.

    Raises:
        MalformedError: a file that is no endorsement, or a directory with too much in it.
        MisconfiguredError: there is nothing.
        UnavailableError: it cannot be read.
    """
    if os.path.isdir(path):
        return _directory(path)
    hint = "endorsements are certificates, CRLs, TCB infos, QE identities, or a bundle of them"
    try:
        found, notes = recognise(read_file(path, MAX_BYTES), path)
    except MalformedError as e:
        raise MalformedError(e.where, e.problem, hints=(*e.hints, hint)) from e
    return Loaded(endorsements=found, notes=notes)


def save(path: str, endorsements: Endorsements) -> tuple[str, ...]:
    """Write each item into directory *path* under a name that tells what it is; the names.

    A new directory appears whole or not at all.  In one that is there, each file is whole, and
    what else is in it stays.

    Raises:
        MisconfiguredError: *path* is something else than a directory.
        UnavailableError: it cannot be written.
    """
    items = facts_of(endorsements)
    path = path.rstrip("/") or path
    try:
        if os.path.lexists(path):
            if not os.path.isdir(path):
                raise MisconfiguredError(path, "is not a directory")
            for item in items:
                _write(path, item)
        else:
            _write_new(path, items)
    except OSError as e:
        raise UnavailableError(path, (e.strerror or str(e)).lower()) from e
    return tuple(item.file_name() for item in items)


def _write_new(path: str, items: tuple[Facts, ...]) -> None:
    aside = f"{path}.{os.getpid()}.partial"
    try:
        os.makedirs(aside)
        for item in items:
            _write(aside, item)
        os.rename(aside, path)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _write(folder: str, item: Facts) -> None:
    """Write aside and rename: nobody sees a part, and nothing is written through a link."""
    place = os.path.join(folder, item.file_name())
    aside = f"{place}.{os.getpid()}.partial"
    try:
        with open(aside, "xb") as file:
            file.write(item.data)
        os.replace(aside, place)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(aside)


def _directory(path: str) -> Loaded:
    bags: list[Endorsements] = []
    notes: list[str] = []
    size = 0
    for name, data in _files(path, notes):
        size += len(data)
        if size > MAX_TOTAL_BYTES:
            raise MalformedError(path, f"more than {MAX_TOTAL_BYTES} bytes below it")
        try:
            found, left_out = recognise(data, name)
        except MalformedError as e:
            notes.append(f"left out {e}")
        else:
            bags.append(found)
            notes += (f"left out a part of {note}" for note in left_out)
    return Loaded(endorsements=_joined(bags), notes=tuple(notes))


def _files(path: str, notes: list[str]) -> Iterator[tuple[str, bytes]]:
    """Name and content of every regular file below *path*."""
    root = os.path.realpath(path)
    count = 0
    try:
        for folder, folders, names, at in os.fwalk(root, onerror=_refuse):
            place = os.path.relpath(folder, root)
            _prune(root, folder, folders, notes)
            count += len(names)
            if count > MAX_FILES:
                hint = "give the directory that holds only endorsements"
                raise MalformedError(path, f"more than {MAX_FILES} files below it", hints=(hint,))
            for name in sorted(names):
                shown = os.path.normpath(os.path.join(place, name))
                data = _content(at, name, os.path.join(folder, name), root, (shown, notes))
                if data is not None:
                    yield shown, data
    except OSError as e:
        raise UnavailableError(path, (e.strerror or str(e)).lower()) from e


def _prune(root: str, folder: str, folders: list[str], notes: list[str]) -> None:
    """Leave out links to directories, and directories too far below."""
    for name in list(folders):
        place = os.path.join(folder, name)
        shown = os.path.relpath(place, root)
        if os.path.islink(place):
            folders.remove(name)
            _note_escape(place, root, shown, notes)
        elif shown.count(os.sep) >= MAX_DEPTH:
            folders.remove(name)
            notes.append(f"left out {shown}: more than {MAX_DEPTH} directories below each other")
    folders.sort()


def _content(
    at: int, name: str, place: str, root: str, report: tuple[str, list[str]]
) -> bytes | None:
    shown, notes = report
    if os.path.islink(place):
        _note_escape(place, root, shown, notes)
        return None
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        with open(os.open(name, flags, dir_fd=at), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                notes.append(f"left out {shown}: not a file")
            elif status.st_size > MAX_BYTES:
                notes.append(f"left out {shown}: larger than {MAX_BYTES} bytes")
            else:
                return file.read(MAX_BYTES + 1)
    except OSError as e:
        notes.append(f"left out {shown}: {(e.strerror or str(e)).lower()}")
    return None


def _note_escape(place: str, root: str, shown: str, notes: list[str]) -> None:
    target = os.path.realpath(place)
    if os.path.commonpath((root, target)) != root:
        notes.append(f"left out {shown}: a link out of the directory")


def _refuse(error: OSError) -> None:
    raise error


def _joined(bags: list[Endorsements]) -> Endorsements:
    """All in one, each item once; in one go, since there may be thousands."""
    return Endorsements(
        certificates=tuple(dict.fromkeys(item for bag in bags for item in bag.certificates)),
        crls=tuple(dict.fromkeys(item for bag in bags for item in bag.crls)),
        tcb_infos=tuple(dict.fromkeys(item for bag in bags for item in bag.tcb_infos)),
        qe_identities=tuple(dict.fromkeys(item for bag in bags for item in bag.qe_identities)),
    )
