"""What is in a Debian package and in a wheel: files by name, nothing run and nothing unpacked.

Both arrive as bytes whose hash the caller has checked; a format that is not understood is an error
all the same.

Sources: deb(5) and ar(5), for the members of a package; PEP 427, for wheels.
"""

from __future__ import annotations

import io
import lzma
import tarfile
import zipfile
from typing import TYPE_CHECKING

import zstandard

from enarx.errors import MalformedError
from enarx.image.archive import File, Link

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_CONTENT_BYTES = 1 << 30
"""Of one package, unpacked: a kernel's is a tenth of it."""

_MAGIC = b"!<arch>\n"
_HEADER_BYTES = 60
_SIZE = slice(48, 58)
_END = b"`\n"
_EXECUTABLE = 0o100


def read_deb(data: bytes, where: str) -> Mapping[str, File | Link]:
    """The files and links of a Debian package, by their names without the leading slash.

    Raises:
        MalformedError: it is none, or is compressed in an unknown way.
    """
    members = _members(data, where)
    found = [name for name in members if name.startswith("data.tar")]
    if len(found) != 1:
        raise MalformedError(where, f"got {len(found)} members data.tar, want 1")
    try:
        unpacked = _decompressed(found[0], members[found[0]], where)
        with tarfile.open(fileobj=io.BytesIO(unpacked), mode="r:") as tar:
            return dict(_tar_files(tar))
    except (tarfile.TarError, lzma.LZMAError, zstandard.ZstdError, EOFError) as error:
        raise MalformedError(where, f"{found[0]} is damaged: {error}") from error


def read_wheel(data: bytes, where: str) -> Mapping[str, File | Link]:
    """The files of a wheel by their names.

    Raises:
        MalformedError: it is none.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = [info for info in archive.infolist() if not info.is_dir()]
            if sum(info.file_size for info in infos) > MAX_CONTENT_BYTES:
                raise MalformedError(where, f"want at most {MAX_CONTENT_BYTES} bytes unpacked")
            return {info.filename: File(archive.read(info)) for info in infos}
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise MalformedError(where, f"is no wheel: {error}") from error


def _members(data: bytes, where: str) -> Mapping[str, bytes]:
    if not data.startswith(_MAGIC):
        raise MalformedError(where, "is no Debian package")
    found: dict[str, bytes] = {}
    at = len(_MAGIC)
    while at < len(data):
        header = data[at : at + _HEADER_BYTES]
        size = header[_SIZE].strip()
        if len(header) < _HEADER_BYTES or not header.endswith(_END) or not size.isdigit():
            raise MalformedError(where, "a member's header is damaged", offset=at)
        at += _HEADER_BYTES
        if at + int(size) > len(data):
            raise MalformedError(where, "its last member is not whole", offset=at)
        found[header[:16].decode("ascii", "replace").strip().rstrip("/")] = data[at:][: int(size)]
        at += int(size) + int(size) % 2
    return found


def _decompressed(name: str, data: bytes, where: str) -> bytes:
    if name.endswith(".xz"):
        decompressor = lzma.LZMADecompressor()
        unpacked = decompressor.decompress(data, MAX_CONTENT_BYTES)
        whole = decompressor.eof
    elif name.endswith(".zst"):
        with zstandard.ZstdDecompressor().stream_reader(data) as reader:
            unpacked = reader.read(MAX_CONTENT_BYTES)
            whole = not reader.read(1)
    elif name == "data.tar":
        unpacked, whole = data, True
    else:
        raise MalformedError(where, f"{name} is compressed in an unknown way")
    if not whole:
        raise MalformedError(where, f"want at most {MAX_CONTENT_BYTES} bytes unpacked")
    return unpacked


def _tar_files(tar: tarfile.TarFile) -> list[tuple[str, File | Link]]:
    files: list[tuple[str, File | Link]] = []
    for member in tar:
        name = member.name.removeprefix("./")
        content = tar.extractfile(member) if member.isfile() else None
        if content is not None:
            files.append((name, File(content.read(), executable=bool(member.mode & _EXECUTABLE))))
        elif member.issym():
            files.append((name, Link(member.linkname)))
    return files
