"""What a build leaves in the folder ``build``: the program, the package, and a note of both.

    build/app.wasm      the program, stripped
    build/package.tar   the package: what ``enarx run FOLDER`` and ``enarx deploy FOLDER`` take
    build/built.json    of what, and what came out; renaming it into place ends a build

Each file is written aside and renamed.  The note is written last: a build that was interrupted has
none, or an older one whose digests the files no longer have.
"""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from hashlib import file_digest

from enarx.adapters.package_directory import members_below
from enarx.adapters.package_files import BUILT_PACKAGE, CONFIG_FILE, read_config, read_file
from enarx.adapters.project_folder import BUILD_FOLDER
from enarx.errors import MalformedError, MisconfiguredError, UnavailableError
from enarx.package import files_layer, manifest
from enarx.package.layout import write_layout
from enarx.package.media import MAX_BLOB_BYTES, WASM_TYPE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from enarx.languages.language import Content
    from enarx.package.manifest import Package
    from enarx.package.tar import Member

PROGRAM_FILE = "build/app.wasm"
FILES_FOLDER = "files"
"""Of a project: everything below it goes into the package, beginning at its root."""

_NOTE_FILE = "build/built.json"
_LOCK_FILE = "build/.lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What a build made.

    Args:
        fingerprint: of what it was made.
        language, recipe: how.
        tools: by name, their versions.
        digest: the workload's.
        size_bytes: of the program.
        files: the sha256 of each file that was written, by name.
    """

    fingerprint: str
    language: str
    recipe: str
    tools: dict[str, str]
    target: str
    profile: str
    digest: str
    size_bytes: int
    files: dict[str, str]


@contextmanager
def locked(folder: str) -> Iterator[None]:
    """Be the only one who builds in *folder*, which gets its ``build``.

    Raises:
        UnavailableError: another build is at work, or the folder cannot be written.
    """
    try:
        os.makedirs(os.path.join(folder, BUILD_FOLDER), exist_ok=True)
        fd = os.open(os.path.join(folder, _LOCK_FILE), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise _failed(folder, error) from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        hint = "wait for it to end"
        raise UnavailableError(folder, "another build is at work there", hints=(hint,)) from error
    finally:
        os.close(fd)


def up_to_date(folder: str, fingerprint: str) -> Built | None:
    """The build in *folder*, if it is the one of *fingerprint* and nobody changed its files."""
    built = read_note(folder)
    if built is None or built.fingerprint != fingerprint:
        return None
    try:
        same = all(_digest(os.path.join(folder, n)) == sha for n, sha in built.files.items())
    except OSError:
        return None
    return built if same else None


def read_note(folder: str) -> Built | None:
    """What the last build in *folder* made; None if there is none, or its note is not ours."""
    try:
        with open(os.path.join(folder, _NOTE_FILE), "rb") as file:
            return Built(**json.load(file))
    except (OSError, ValueError, TypeError):
        return None


def make_package(folder: str, module: bytes, contents: Sequence[Content]) -> Package:
    """The package of *module*, the project's Enarx.toml and files, and *contents*.

    Raises:
        MalformedError: a file may not be in a package, or two want one place.
        MisconfiguredError: something is not there.
        UnavailableError: it cannot be read.
    """
    found: list[Member] = []
    try:
        if os.path.isdir(os.path.join(folder, FILES_FOLDER)):
            found += members_below(os.path.join(folder, FILES_FOLDER), "")
        for content in contents:
            found += members_below(os.path.join(folder, content.source), content.into)
    except OSError as error:
        raise _failed(folder, error) from error
    toml = os.path.join(folder, CONFIG_FILE)
    config = read_config(toml) if os.path.lexists(toml) else None
    if config is not None:
        from enarx.package.config import parse

        parse(config, toml)
    return manifest.build(module, config, files_layer.build(_each_once(found)))


def write(folder: str, module: bytes, package: Package) -> dict[str, str]:
    """Write program and package; the sha256 of each, by name.

    Raises:
        UnavailableError: the folder cannot be written.
    """
    contents = {PROGRAM_FILE: module, BUILT_PACKAGE: write_layout(package)}
    try:
        for name, data in contents.items():
            _replace(os.path.join(folder, name), data)
        return {name: _digest(os.path.join(folder, name)) for name in contents}
    except OSError as error:
        raise _failed(folder, error) from error


def write_note(folder: str, built: Built) -> None:
    """Say what was built: from now on it counts.

    Raises:
        UnavailableError: the folder cannot be written.
    """
    try:
        _replace(os.path.join(folder, _NOTE_FILE), json.dumps(asdict(built), indent=1).encode())
    except OSError as error:
        raise _failed(folder, error) from error


def forget(folder: str) -> None:
    """Take away the note and the package of the last build: a failed one must not be run."""
    for name in (_NOTE_FILE, BUILT_PACKAGE):
        with suppress(FileNotFoundError):
            os.unlink(os.path.join(folder, name))


def read_module(path: str) -> bytes:
    """The WebAssembly that a compiler wrote at *path*, whose name may have a ``*``.

    Raises:
        MalformedError: it is too large, or several files fit.
        UnavailableError: there is none.
    """
    folder, name = os.path.split(path)
    if "*" in name:
        fitting = sorted(n for n in _names(folder) if fnmatchcase(n, name))
        if len(fitting) > 1:
            hint = "a project builds one; if one is left of an earlier build, remove build/"
            problem = f"several programs: {', '.join(fitting)}"
            raise MalformedError(folder, problem, hints=(hint,))
        path = os.path.join(folder, *fitting) if fitting else path
    try:
        return read_file(path, MAX_BLOB_BYTES[WASM_TYPE])
    except MisconfiguredError as error:
        raise UnavailableError(path, "the compiler ended well and did not write it") from error


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []


def _each_once(members: Sequence[Member]) -> list[Member]:
    """*members*, folders that several bring only once.

    Raises:
        MalformedError: two files want one place.
    """
    by_path: dict[str, Member] = {}
    for member in members:
        before = by_path.setdefault(member.path, member)
        if before is not member and before.kind != member.kind != "directory":
            raise MalformedError("package", f"two files want the place {member.path!r}")
    return list(by_path.values())


def _replace(path: str, data: bytes) -> None:
    aside = f"{path}.{os.getpid()}.partial"
    try:
        with open(aside, "wb") as file:
            file.write(data)
        os.replace(aside, path)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(aside)


def _digest(path: str) -> str:
    with open(path, "rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _failed(folder: str, error: OSError) -> UnavailableError:
    return UnavailableError(error.filename or folder, (error.strerror or str(error)).lower())
