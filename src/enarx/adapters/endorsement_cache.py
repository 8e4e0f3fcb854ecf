"""Fetched endorsements on this machine's disk, one file for each need.

A cache decides nothing about authenticity: what it gives back is verified like anything that was
just fetched.  But who can write here can hold a revocation back until its list ends, so directory
and files must be the user's alone.  What is damaged is removed and is a miss; a directory that
cannot be used means working without one.

    <kind>-<hash of the need>.cache   one line of JSON (need, source, time, sha256), then a bundle
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from enarx.adapters import endorsement_bundle
from enarx.adapters.endorsement_needs import key_of, title_of
from enarx.adapters.private_files import (
    ASIDE,
    OTHERS_WRITE,
    base_directory,
    open_directory,
    read_small,
    remove,
    write_small,
)
from enarx.errors import MalformedError
from enarx.wire import document, text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from enarx.ports import Answer
    from enarx.tee.endorsements import Endorsements, Need

MAX_ENTRIES = 4096
"""Each machine that was ever verified has one or two; each is a few kilobytes."""

MAX_ENTRY_BYTES = 16 * 1024 * 1024
"""A revocation list of the largest size, in base64."""

_ENDING = ".cache"
_FORM = "%Y-%m-%dT%H:%M:%SZ"
_DIGITS = 64
_MOST_TEXT = 8192
_ABANDONED_S = 3600  # a half-written file older than this is a crash's


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What was fetched once.

    Args:
        title: the need, in words.
        source: the URL it came from.
        fetched_at: when, by this machine's clock then, to the second.
    """

    title: str
    source: str
    fetched_at: datetime
    endorsements: Endorsements


def default_directory(environ: Mapping[str, str]) -> str:
    """Where the XDG base directory specification puts this cache, for *environ*."""
    base = base_directory(environ, "XDG_CACHE_HOME", ".cache")
    return os.path.join(base, "enarx", "endorsements")


class EndorsementCache:
    """The cache in directory *path*, made when first needed; never raises for a bad one.

    Args:
        variant: names what else than the need changes the answers, such as "update=early"; entries
            of another variant are not found.
        most_entries: when there are more, those written longest ago go.
    """

    def __init__(self, path: str, *, variant: str = "", most_entries: int = MAX_ENTRIES) -> None:
        self._path = path
        self._variant = variant
        self._most_entries = most_entries

    def find(self, need: Need) -> Entry | None:
        """What was saved for *need*, however old it is."""
        name = key_of(need, self._variant) + _ENDING
        try:
            directory = open_directory(self._path, OTHERS_WRITE)
        except OSError:
            return None
        try:
            return _read(directory, name)
        finally:
            os.close(directory)

    def save(self, need: Need, answer: Answer, now: datetime) -> None:
        """Keep *answer* as what was fetched for *need* at *now*, in place of what was there."""
        name = key_of(need, self._variant) + _ENDING
        bundle = endorsement_bundle.write(answer.endorsements)
        head = {
            "need": title_of(need),
            "source": answer.source,
            "fetchedAt": now.strftime(_FORM),
            "sha256": sha256(bundle).hexdigest(),
        }
        data = document.dump(head) + b"\n" + bundle
        if len(data) > MAX_ENTRY_BYTES:
            return
        try:
            directory = open_directory(self._path, OTHERS_WRITE)
        except OSError:
            return
        try:
            write_small(directory, name, data)
            _evict(directory, now, self._most_entries)
        except OSError:  # a full disk, a directory that became read-only
            return
        finally:
            os.close(directory)

    def entries(self) -> tuple[Entry, ...]:
        """Everything that is there, of every variant, by the names of the files."""
        try:
            directory = open_directory(self._path, OTHERS_WRITE)
        except OSError:
            return ()
        try:
            names = sorted(name for name in os.listdir(directory) if name.endswith(_ENDING))
            found = [_read(directory, name) for name in names]
        finally:
            os.close(directory)
        return tuple(entry for entry in found if entry is not None)


def _read(directory: int, name: str) -> Entry | None:
    """The entry in file *name*; one that is damaged is removed."""
    try:
        return _parse(read_small(directory, name, MAX_ENTRY_BYTES, OTHERS_WRITE), name)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, MalformedError):
        remove(directory, name)
        return None


def _parse(data: bytes, where: str) -> Entry:
    head, _, bundle = data.partition(b"\n")
    fields = document.load(head, where)
    title = fields.text("need", most=_MOST_TEXT)
    source = fields.text("source", most=_MOST_TEXT)
    fetched_at = text.instant(fields.text("fetchedAt", most=40), where)
    digest = fields.hexadecimal("sha256", _DIGITS)
    fields.done()
    if digest != sha256(bundle).hexdigest():
        raise MalformedError(where, "damaged: another SHA-256 than when it was written")
    found = endorsement_bundle.read(bundle, where)
    return Entry(title=title, source=source, fetched_at=fetched_at, endorsements=found)


def _evict(directory: int, now: datetime, most: int) -> None:
    """Remove what is above *most* entries, oldest first, and what crashes left behind."""
    found: list[tuple[float, str]] = []
    for name in os.listdir(directory):
        try:
            status = os.stat(name, dir_fd=directory, follow_symlinks=False)
        except OSError:
            continue
        if not stat.S_ISREG(status.st_mode):
            continue
        if name.endswith(ASIDE) and now.timestamp() - status.st_mtime > _ABANDONED_S:
            remove(directory, name)
        elif name.endswith(_ENDING):
            found.append((status.st_mtime, name))
    for _, name in sorted(found)[: max(0, len(found) - most)]:
        remove(directory, name)
