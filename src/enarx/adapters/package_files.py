"""Packages on a disk: a program, a directory, a layout's tar archive or its directory.

Reading a program is on the path of every ``enarx run``: nothing heavy is imported for it.
"""

from __future__ import annotations

import errno
import os
import stat

from enarx.errors import EnarxError, MalformedError, MisconfiguredError, UnavailableError
from enarx.package import manifest
from enarx.package.media import MAX_BLOB_BYTES, TOML_TYPE, WASM_TYPE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enarx.package.manifest import Package
    from enarx.package.tar import Member

MODULE_FILE = "main.wasm"
CONFIG_FILE = "Enarx.toml"
BUILT_PACKAGE = "build/package.tar"
"""What ``enarx build`` makes in a project's directory."""

SKIPPED = (".git",)
"""What a directory may hold and a package does not: a history is not a program's file."""

_MAX_ARCHIVE_BYTES = 3 * 1024 * 1024 * 1024  # the largest blobs of a package, together


def load(path: str, *, config: str | None = None) -> Package:
    """The package at *path*: ``app.wasm``, a directory, or an OCI layout (tar or directory).

    A directory is a package's, or a project's that ``enarx build`` has built.

    Args:
        path: a local path.
        config: an Enarx.toml to use instead of the package's; it is not parsed here.

    Raises:
        MisconfiguredError: there is nothing at *path*.
        MalformedError: what is there is not a package.
        UnavailableError: it cannot be read.
    """
    mode = _stat(path).st_mode
    if stat.S_ISDIR(mode):
        if os.path.exists(os.path.join(path, "oci-layout")):
            return _with_config(_layout_directory(path), config)
        if is_built_project(path):
            return _with_config(_archive(os.path.join(path, BUILT_PACKAGE)), config)
        return _directory(path, config)
    if stat.S_ISREG(mode) and _head(path, 512)[257:262] == b"ustar":
        return _with_config(_archive(path), config)
    module = read_file(path, MAX_BLOB_BYTES[WASM_TYPE])
    from enarx.package import wasm

    wasm.kind_of(module, path)
    return manifest.build(module, None if config is None else read_config(config))


def is_built_project(path: str) -> bool:
    """Whether *path* is a project's directory, in which ``enarx build`` has made a package."""
    return os.path.exists(os.path.join(path, BUILT_PACKAGE)) and not os.path.lexists(
        os.path.join(path, MODULE_FILE)
    )


def read_config(path: str) -> bytes:
    """The bytes of an Enarx.toml, at most as many as one may have.

    Raises:
        MisconfiguredError: it is not there or too large.
        UnavailableError: it cannot be read.
    """
    try:
        return read_file(path, MAX_BLOB_BYTES[TOML_TYPE])
    except MalformedError as e:
        raise MisconfiguredError(path, e.problem) from e


def read_file(path: str, most: int) -> bytes:
    """The contents of the file *path*.

    Raises:
        MalformedError: it has more than *most* bytes.
        MisconfiguredError: it is not there, or not a file.
        UnavailableError: it cannot be read.
    """
    try:
        with open(path, "rb", buffering=0) as file:
            _must_be_readable(path, os.fstat(file.fileno()).st_mode)
            data = _read_at_most(file.fileno(), most)
    except OSError as e:
        raise _from_os(path, e) from e
    if data is None:
        raise MalformedError(path, f"too large (want at most {most} bytes)")
    return data


def skipped(path: str) -> tuple[str, ...]:
    """The entries of directory *path* which its package leaves out."""
    return tuple(name for name in SKIPPED if os.path.lexists(os.path.join(path, name)))


def write_new(path: str, data: bytes) -> None:
    """Write *data* to *path*, whole or not at all; never over something that is there.

    Raises:
        MisconfiguredError: *path* exists.
        UnavailableError: it cannot be written.
    """
    aside = f"{path}.{os.getpid()}.partial"
    try:
        try:
            with open(aside, "xb") as file:
                file.write(data)
            os.link(aside, path)  # unlike rename, refuses to overwrite
        finally:
            _remove_if_there(aside)
    except OSError as e:
        raise _from_os(path, e) from e


def unpack(package: Package, path: str) -> None:
    """Write *package* as the new directory *path*, whole or not at all.

    Raises:
        MisconfiguredError: *path* exists.
        UnavailableError: it cannot be written.
        MalformedError: the package's files are damaged.
    """
    import shutil

    from enarx.package import files_layer

    found = () if package.files_layer is None else files_layer.members(package.files_layer)
    for name in (MODULE_FILE, CONFIG_FILE):
        if any(member.path == name for member in found):
            raise MalformedError("files layer", f"{name!r} is not allowed in it")
    path = path.rstrip("/") or path
    if os.path.lexists(path):
        raise MisconfiguredError(path, "does already exist")
    aside = f"{path}.{os.getpid()}.partial"
    try:
        try:
            os.mkdir(aside)
            _write_members(package, found, aside)
            os.rename(aside, path)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    except OSError as e:
        raise _from_os(path, e) from e


def _write_members(package: Package, found: tuple[Member, ...], into: str) -> None:
    from enarx.package.tar import DIRECTORY, SYMLINK

    for member in found:  # checked: parents first, no "..", links stay inside
        place = os.path.join(into, member.path)
        if member.kind == DIRECTORY:
            os.mkdir(place)
        elif member.kind == SYMLINK:
            os.symlink(member.target, place)
        else:
            _write_file(place, member.data, 0o777 if member.executable else 0o666)
    _write_file(os.path.join(into, MODULE_FILE), package.module, 0o666)
    if package.config is not None:
        _write_file(os.path.join(into, CONFIG_FILE), package.config, 0o666)


def _write_file(path: str, data: bytes | memoryview, mode: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(path, flags, mode), "wb") as file:
        file.write(data)


def _directory(path: str, config: str | None) -> Package:
    from enarx.adapters.package_directory import read_directory
    from enarx.package import files_layer, wasm

    try:
        module_name, found = read_directory(path)
    except OSError as e:
        raise _from_os(path, e) from e
    place = os.path.join(path, module_name)
    module = read_file(place, MAX_BLOB_BYTES[WASM_TYPE])
    wasm.kind_of(module, place)
    toml = config or os.path.join(path, CONFIG_FILE)
    has_config = config is not None or os.path.lexists(toml)
    try:
        layer = files_layer.build(found)
    except MalformedError as e:
        raise MalformedError(path, e.problem, hints=e.hints) from e
    return manifest.build(module, read_config(toml) if has_config else None, layer)


def _archive(path: str) -> Package:
    import mmap

    from enarx.package.layout import read_layout

    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > _MAX_ARCHIVE_BYTES:
                problem = f"too large (got {size} bytes, want at most {_MAX_ARCHIVE_BYTES})"
                raise MalformedError(path, problem)
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as e:
        raise _from_os(path, e) from e
    return read_layout(memoryview(data), path)


def _layout_directory(path: str) -> Package:
    from enarx.package.layout import open_layout

    def read(name: str, most: int) -> bytes:
        return read_file(os.path.join(path, name), most)

    return open_layout(read, path)


def _with_config(package: Package, config: str | None) -> Package:
    """*package*, or if *config* is given, another one that has it: it has another digest."""
    if config is None:
        return package
    return manifest.build(package.module, read_config(config), package.files_layer)


def _stat(path: str) -> os.stat_result:
    try:
        found = os.stat(path)
    except (OSError, ValueError) as e:  # ValueError: NUL in the path
        raise _from_os(path, e) from e
    _must_be_readable(path, found.st_mode, directory=True)
    return found


def _must_be_readable(path: str, mode: int, *, directory: bool = False) -> None:
    pipe = stat.S_ISFIFO(mode)  # <(process substitution)
    if not (stat.S_ISREG(mode) or pipe or (directory and stat.S_ISDIR(mode))):
        raise MisconfiguredError(path, "is not a file" + (" or directory" if directory else ""))


def _head(path: str, size: int) -> bytes:
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read(size) or b""
    except OSError as e:
        raise _from_os(path, e) from e


def _read_at_most(fd: int, most: int) -> bytes | None:
    chunks: list[bytes] = []
    left = most + 1
    size = max(os.fstat(fd).st_size + 1, 64 * 1024)
    while left and (chunk := os.read(fd, min(left, size))):
        chunks.append(chunk)
        left -= len(chunk)
    if not left:
        return None
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _remove_if_there(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return


_ABSENT = (errno.ENOENT, errno.ENOTDIR)


def _from_os(path: str, error: OSError | ValueError) -> EnarxError:
    if not isinstance(error, OSError):
        return MisconfiguredError(path, "is not a path")
    problems = {
        errno.ENOENT: "no such file or directory",
        errno.ENOTDIR: "no such file or directory",
        errno.EEXIST: "does already exist",
        errno.EISDIR: "is a directory",
        errno.ENAMETOOLONG: "is not a path",
    }
    if error.errno in problems:
        hints = ("look for a mistake in the path",) if error.errno in _ABSENT else ()
        return MisconfiguredError(path, problems[error.errno], hints=hints)
    return UnavailableError(path, (error.strerror or str(error)).lower())
