"""Where a log is read from: a URL, or a directory that it was exported to."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from enarx.adapters.package_files import read_file
from enarx.adapters.service_url import base_of
from enarx.errors import MisconfiguredError, UnavailableError
from enarx.transparency.audit import most_bytes
from enarx.transparency.note import MAX_BYTES
from enarx.transparency.tiles import (
    CHECKPOINT,
    WIDTH,
    Tile,
    decode_entries,
    encode_entries,
)
from enarx.transparency.tree import HASH_BYTES

if TYPE_CHECKING:
    from enarx.ports import Fetch

_OK = 200
_GONE = (404, 410)


class LogSource:
    """Reads checkpoint and tiles; what they say is the caller's to check."""

    def __init__(self, place: str, fetch: Fetch) -> None:
        """The log at *place*: the URL or directory below which its checkpoint is.

        Raises:
            MisconfiguredError: it is neither.
        """
        self._fetch: Fetch | None = fetch
        if "://" in place:
            self._base = base_of(place, "SOURCE", suffixes=(f"/{CHECKPOINT}",))
        elif os.path.isdir(place):
            self._fetch, self._base = None, place
        else:
            hint = "give what checkpoint is below, such as https://steward.example/log"
            problem = f"got {place[:80]!r}, want a URL or a directory"
            raise MisconfiguredError("SOURCE", problem, hints=(hint,))

    def checkpoint(self) -> bytes:
        """The signed note that is there now.

        Raises:
            UnavailableError: there is none, or no answer.
        """
        return self._must(CHECKPOINT, MAX_BYTES)

    def tile(self, tile: Tile) -> bytes:
        """The bytes of *tile*; of a whole one if a partial one is no longer kept.

        Raises:
            UnavailableError: it is not there, or no answer.
            MalformedError: a whole bundle is none.
        """
        if tile.width == WIDTH:
            return self._must(tile.path, most_bytes(tile))
        found = self._read(tile.path, most_bytes(tile))
        if found is not None:
            return found
        whole = Tile(tile.level, tile.number)
        data = self._must(whole.path, most_bytes(whole))
        if tile.level >= 0:
            return data[: tile.width * HASH_BYTES]
        return encode_entries(decode_entries(data, WIDTH, whole.path)[: tile.width])

    def _must(self, path: str, most: int) -> bytes:
        found = self._read(path, most)
        if found is None:
            raise UnavailableError(f"{self._base}/{path}", "is not there")
        return found

    def _read(self, path: str, most: int) -> bytes | None:
        place = f"{self._base}/{path}"
        if self._fetch is None:
            return read_file(place, most) if os.path.lexists(place) else None
        reply = self._fetch.get(place, most_bytes=most)
        if reply.status == _OK:
            return reply.body
        if reply.status in _GONE:
            return None
        raise UnavailableError(place, f"answers {reply.status}")
