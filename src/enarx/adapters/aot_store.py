"""Ahead-of-time compiled code in a directory of the user's own (``ports.AotStore``).

An entry is native code, so only what this user on this machine put there counts: the directory and
every file must be the user's and writable by nobody else, no symbolic link is followed, and a note
beside each file carries its sha256 and size under a MAC whose random key never leaves the
directory.  Whatever fails a check is removed and is a miss; a directory that cannot be used means
working without one.  The keep checks the sha256 itself over the bytes it maps.

    key                        32 random bytes
    <name>.json                {"sha256", "size", "mac"}; renaming it into place makes the entry
    <name>.<sha256[:16]>.cwasm the code: writers of one name that differ do not disturb each other
"""

from __future__ import annotations

import fcntl
import hmac
import json
import os
import time
from contextlib import suppress
from hashlib import sha256 as new_sha256

from enarx.adapters.private_files import (
    ASIDE,
    OTHERS,
    OTHERS_WRITE,
    aside_of,
    base_directory,
    create,
    open_directory,
    open_owned,
    read_small,
    remove,
    write_small,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_LIMIT = 2 << 30
"""Most bytes of code to keep."""

_KEY_FILE = "key"
_KEY_BYTES = 32
_CODE = ".cwasm"
_NOTE = ".json"
_MOST_NOTE_BYTES = 1024
_ABANDONED_S = 3600  # a file without its other half is a crash's, not a writer's at work
_PIECE = 1 << 20
_NAME_CHARACTERS = frozenset("0123456789abcdef-")
_MOST_NAME = 200


def default_directory(environ: Mapping[str, str]) -> str:
    """Where the XDG base directory specification puts a cache, for *environ*."""
    base = base_directory(environ, "XDG_CACHE_HOME", ".cache")
    return os.path.join(base, "enarx", "aot")


class Directory:
    """The store in directory *path*, made when first needed; never raises for a bad one."""

    def __init__(self, path: str, *, limit: int = DEFAULT_LIMIT) -> None:
        self._path = path
        self._limit = limit

    def find(self, key: str) -> tuple[str, int] | None:
        """Return (sha256, descriptor) of the code filed under *key*, or None."""
        try:
            directory = open_directory(self._path, OTHERS_WRITE)
        except OSError:
            return None
        try:
            return _find(directory, key)
        except (OSError, ValueError):
            return None
        finally:
            os.close(directory)

    def save(self, key: str, sha256: str, size: int, fd: int) -> None:
        """File the first *size* bytes of *fd* under *key* if they have that *sha256*."""
        if size > self._limit or not _is_name(key):
            return
        try:
            fcntl.fcntl(fd, fcntl.F_GET_SEALS)  # only a memory file: reading it cannot block
            directory = open_directory(self._path, OTHERS_WRITE)
        except OSError:
            return
        try:
            _save(directory, key, sha256, size, fd)
            _evict(directory, self._limit)
        except OSError:  # a full disk, a directory that became read-only
            return
        finally:
            os.close(directory)


def _find(directory: int, key: str) -> tuple[str, int] | None:
    """Look *key* up, and remove what is there but cannot be trusted."""
    if not _is_name(key):
        return None
    try:
        note = read_small(directory, key + _NOTE, _MOST_NOTE_BYTES, OTHERS_WRITE)
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        remove(directory, key + _NOTE)
        return None
    code = ""
    try:
        sha256, size, mac = _parse_note(note)
        code = _code_name(key, sha256)
        _check_mac(mac, _mac(_mac_key(directory), key, sha256, size))
        return sha256, _open_code(directory, code, size)
    except (OSError, ValueError):
        remove(directory, key + _NOTE)
        if code:
            remove(directory, code)
        return None


def _open_code(directory: int, name: str, size: int) -> int:
    """Open the code for reading and mark it as used just now."""
    fd = open_owned(directory, name, OTHERS_WRITE)
    if os.fstat(fd).st_size != size:
        os.close(fd)
        raise ValueError("the code has another size than its note says")
    with suppress(OSError):  # a read-only cache is still of use
        os.utime(fd)
    return fd


def _save(directory: int, key: str, sha256: str, size: int, fd: int) -> None:
    """Write code, then note, each aside and renamed: readers see whole files only."""
    secret = _mac_key(directory)
    aside = aside_of(key)
    out = create(directory, aside)
    try:
        good = _copy(fd, out, size) == sha256
    except OSError:
        good = False
    finally:
        os.close(out)
    if not good:
        remove(directory, aside)
        return
    os.rename(aside, _code_name(key, sha256), src_dir_fd=directory, dst_dir_fd=directory)
    note = {"sha256": sha256, "size": size, "mac": _mac(secret, key, sha256, size)}
    write_small(directory, key + _NOTE, json.dumps(note).encode())


def _copy(source: int, target: int, size: int) -> str:
    """Copy *size* bytes and return their sha256; empty if there are fewer."""
    digest = new_sha256()
    offset = 0
    while offset < size:
        piece = os.pread(source, min(_PIECE, size - offset), offset)
        if not piece:
            return ""
        digest.update(piece)
        offset += len(piece)
        view = memoryview(piece)
        while view:
            view = view[os.write(target, view) :]
    return digest.hexdigest()


def _evict(directory: int, limit: int) -> None:
    """Remove the code used longest ago until the rest fits, and what crashes left behind."""
    names = set(os.listdir(directory))
    now = time.time()
    found: list[tuple[float, int, str]] = []
    for name in names:
        try:
            status = os.stat(name, dir_fd=directory, follow_symlinks=False)
        except OSError:
            continue
        note = name.partition(".")[0] + _NOTE
        abandoned = now - status.st_mtime > _ABANDONED_S
        if abandoned and (name.endswith(ASIDE) or (name.endswith(_CODE) and note not in names)):
            remove(directory, name)
        elif name.endswith(_CODE):
            found.append((status.st_mtime, status.st_size, name))
    total = sum(size for _, size, _ in found)
    for _, size, name in sorted(found):
        if total <= limit:
            return
        remove(directory, name.partition(".")[0] + _NOTE)
        remove(directory, name)
        total -= size


def _mac_key(directory: int) -> bytes:
    """Read this directory's MAC key, or make one; all entries under a lost key become misses."""
    for _ in range(2):
        try:
            key = read_small(directory, _KEY_FILE, _KEY_BYTES, OTHERS)
            if len(key) == _KEY_BYTES:
                return key
            remove(directory, _KEY_FILE)
        except FileNotFoundError:
            pass
        except (OSError, ValueError):
            remove(directory, _KEY_FILE)
        write_small(directory, _KEY_FILE, os.urandom(_KEY_BYTES), replace=False)
    raise OSError("no key can be kept")


def _mac(secret: bytes, key: str, sha256: str, size: int) -> str:
    """Bind content to name: an entry cannot be moved under another name."""
    message = f"enarx aot 1\n{key}\n{sha256}\n{size}".encode()
    return hmac.digest(secret, message, "sha256").hex()


def _check_mac(got: str, want: str) -> None:
    """Refuse a note that this store did not write."""
    if not hmac.compare_digest(got, want):
        raise ValueError("not written by this store")


def _parse_note(note: bytes) -> tuple[str, int, str]:
    """Return (sha256, size, mac); ValueError if it is not such a note."""
    fields = json.loads(note)
    if not isinstance(fields, dict) or fields.keys() != {"sha256", "size", "mac"}:
        raise ValueError("not a note")
    sha256, size, mac = fields["sha256"], fields["size"], fields["mac"]
    if not (isinstance(sha256, str) and isinstance(mac, str) and type(size) is int):
        raise ValueError("not a note")
    if not (_is_name(sha256) and mac.isascii()):
        raise ValueError("not a note")
    return sha256, size, mac


def _is_name(text: str) -> bool:
    """A name of an entry: it cannot leave the directory, and hides nothing."""
    return 0 < len(text) <= _MOST_NAME and set(text) <= _NAME_CHARACTERS


def _code_name(key: str, sha256: str) -> str:
    return f"{key}.{sha256[:16]}{_CODE}"
