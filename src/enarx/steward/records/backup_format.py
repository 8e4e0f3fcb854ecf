"""The file that a backup is: lines of JSON (RFC 8259, ASCII), as one frame of Zstandard.

    {"format":"enarx-steward-backup","version":1,"steps":["1"],"tables":[{"name":…,"columns":[…]}]}
    [0,"text",7,null,true,"Ynl0ZXM"]
    {"rows":{"steward_nonces":1,…},"sha256":"…"}

The first line says which steps of migration the tables have had, and what they look like.  A row
begins with the place of its table in that list; bytes are base64url without padding.  The last line
has the number of rows of each table and SHA-256 of every line before it.  So a file that was cut
off or damaged is known as such.  It is no signature: whoever can write the file can write another.

Source: RFC 8878 (Zstandard).  No database and no clock: the same rows are the same lines.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, BinaryIO, Self, cast

import zstandard

from enarx.errors import MalformedError
from enarx.wire.document import Fields, dump, load_any
from enarx.wire.text import base64url, to_base64url

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

FORMAT = "enarx-steward-backup"
VERSION = 1
MAX_LINE = 64 << 20
"""Bytes of one line; what a row may have, bytes counting four thirds."""

_LEVEL = 3
_MAX_WINDOW = 8 << 20
_PIECE = 1024
"""Compressed bytes taken at once: they can become 128 KiB for every four (RFC 8878, 3.1.1.2.2)."""

_MAX_INTEGER = 1 << 63

Cell = bytes | str | int | bool | None
KINDS: Mapping[type, str] = {bytes: "bytes", str: "text", int: "integer", bool: "boolean"}
"""What a cell can be, beside null."""


class LineWriter:
    """Writes lines to *file*, which stays open; the frame ends with the context.

    Args:
        where: the file's name, for errors.
    """

    def __init__(self, file: BinaryIO, where: str) -> None:
        compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)
        self._file = cast("BinaryIO", compressor.stream_writer(file, closefd=False))
        self._digest = hashlib.sha256()
        self._where = where

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, value: object) -> None:
        """Write one line.

        Raises:
            MalformedError: it is longer than a line may be.
        """
        line = dump(value) + b"\n"
        if len(line) > MAX_LINE:
            raise MalformedError(self._where, f"a row of {len(line)} bytes, want {MAX_LINE}")
        self._digest.update(line)
        self._file.write(line)

    def end(self, rows: Mapping[str, int]) -> None:
        """Write the last line."""
        self.write({"rows": dict(rows), "sha256": self._digest.hexdigest()})


def read(file: BinaryIO, where: str) -> Iterator[object]:
    """The header, every row, and last the number of rows of each table, as decoded JSON.

    Believe nothing before the iterator has ended: only then was the digest seen to be right.

    Raises:
        MalformedError: the file is cut off, was changed, or goes on after its end.
    """
    digest = hashlib.sha256()
    ended = False
    for number, line in enumerate(_lines(file, where), 1):
        place = f"{where}: line {number}"
        if ended:
            raise MalformedError(place, "stands after the end")
        value = load_any(line, place)
        if number > 1 and isinstance(value, dict):
            end = Fields(value, place)
            value = end.take("rows")
            if not isinstance(value, dict):
                end.refuse("rows", "want an object")
            if end.hexadecimal("sha256", 64) != digest.hexdigest():
                raise MalformedError(where, "was changed: its digest is another one")
            end.done()
            ended = True
        digest.update(line + b"\n")
        yield value
    if not ended:
        raise MalformedError(where, "is cut off: its last line is missing")


def encode(cell: Cell) -> object:
    """What stands for *cell* in a line."""
    return to_base64url(cell) if isinstance(cell, bytes) else cell


def decode(value: object, kind: type, where: str) -> Cell:
    """The cell of a column of *kind* that *value* stands for; whether null fits is not checked.

    Raises:
        MalformedError: it is none.
    """
    if value is None:
        return None
    if type(value) is not (str if kind is bytes else kind):
        raise MalformedError(where, f"got {str(value)[:40]!r}, want {KINDS[kind]}")
    if kind is bytes:
        return base64url(str(value), where)
    if isinstance(value, int):
        if not -_MAX_INTEGER <= value < _MAX_INTEGER:
            raise MalformedError(where, "got an integer of more than 64 bits")
        return value
    try:
        str(value).encode()
    except UnicodeEncodeError as error:
        raise MalformedError(where, "contains a lone surrogate") from error
    return str(value)


def header(steps: Sequence[str], tables: Sequence[object]) -> dict[str, object]:
    """The first line."""
    return {"format": FORMAT, "version": VERSION, "steps": list(steps), "tables": list(tables)}


def check_header(got: object, want: Mapping[str, object], where: str) -> None:
    """Insist on a file that fits the tables of *want*.

    Raises:
        MalformedError: it is no backup, or one of another version of enarx.
    """
    if not isinstance(got, dict) or got.get("format") != FORMAT:
        raise MalformedError(where, "is no backup of a Steward")
    if got.get("version") != VERSION:
        version = str(got.get("version"))[:20]
        raise MalformedError(where, f"got version {version} of the format, want {VERSION}")
    if got != want:
        raise MalformedError(
            where,
            "its tables are those of another version of enarx",
            hints=("restore it with the version that wrote it, and update enarx then",),
        )


def _lines(file: BinaryIO, where: str) -> Iterator[bytes]:
    """The lines of the frame, without their ends; nothing may follow the frame."""
    begun = bytearray()
    for piece in _decompressed(file, where):
        first, *more = piece.split(b"\n")
        begun += first
        for part in more:
            yield bytes(begun)
            begun = bytearray(part)
        if len(begun) > MAX_LINE:
            raise MalformedError(where, f"has a line of more than {MAX_LINE} bytes")
    if begun:
        raise MalformedError(where, "is cut off: its last line has no end")


def _decompressed(file: BinaryIO, where: str) -> Iterator[bytes]:
    frame = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW).decompressobj()
    while not frame.eof:
        piece = file.read(_PIECE)
        if not piece:
            raise MalformedError(where, "is cut off")
        try:
            yield frame.decompress(piece)
        except zstandard.ZstdError as error:
            raise MalformedError(where, "is no file of Zstandard, or was changed") from error
    if frame.unused_data or file.read(1):
        raise MalformedError(where, "goes on after its end")
