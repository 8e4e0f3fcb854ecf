"""The files that a process keep is made of, read from where they are installed.

All that a keep may import of this package, and every file of the libraries beside it, shared
objects included; found the way the keep's interpreter finds them, so that a library that somebody
put in front of another is measured, not the other.  Compiled Python (``__pycache__``) is left out:
a measured zygote is started so that it reads none.

What is not in it: the interpreter with its standard library, the C library, the kernel
(docs/design/adr/0022-measured-files.md).
"""

from __future__ import annotations

import os
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING

import enarx
from enarx.errors import MisconfiguredError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NAME = "enarx-keep"
"""Of the image, in reference values; its version is the package's."""

LIBRARIES = (
    "OpenSSL", "_cffi_backend", "certifi", "cffi", "cryptography", "typing_extensions",
    "wasmtime", "zstandard",
)  # fmt: skip
"""Top-level modules of others that a keep imports, or that those import."""

OURS = (
    "__init__.py", "errors.py", "frames.py", "keep", "package", "pki", "protocol", "seal", "tunnel",
    "wire",
)  # fmt: skip
"""What a keep imports of this package; ``tests/test_architecture.py`` holds that it is all."""

_OPTIONAL = frozenset(("_cffi_backend", "cffi", "typing_extensions"))
"""What some releases of the libraries need and others do not."""

_LEFT_OUT = "__pycache__"
_MAX_FILE_BYTES = 256 * 1024 * 1024
_HINT = "install enarx anew, into a virtual environment of its own"


def read_image(search: Sequence[str]) -> dict[str, bytes]:
    """Every file of the image by its name, relative to where it was found.

    Args:
        search: the directories from which the keep imports, in order.

    Raises:
        MisconfiguredError: something is not there, or is no ordinary file.
        UnavailableError: it cannot be read.
    """
    package = _found("enarx", search)
    files: dict[str, bytes] = {}
    for name in OURS:
        files |= _read(package / name, f"enarx/{name}")
    for name in LIBRARIES:
        try:
            place = _found(name, search)
        except MisconfiguredError:
            if name not in _OPTIONAL:
                raise
        else:
            files |= _read(place, place.name)
    return files


def read_own() -> dict[str, bytes]:
    """Every file of this package by its name in it, compiled Python left out.

    Raises:
        MisconfiguredError, UnavailableError: one is no ordinary file, or cannot be read.
    """
    package = Path(enarx.__file__).parent
    return {name.partition("/")[2]: data for name, data in _read(package, "enarx")}


def _found(name: str, search: Sequence[str]) -> Path:
    """The folder or file that ``import name`` takes."""
    spec = PathFinder.find_spec(name, list(search))
    if spec is None or not spec.origin:
        raise MisconfiguredError(name, "is not installed beside enarx", hints=(_HINT,))
    origin = Path(spec.origin)
    return origin.parent if spec.submodule_search_locations else origin


def _read(place: Path, name: str) -> Iterator[tuple[str, bytes]]:
    """*place* as *name*, or everything below it."""
    if not place.is_dir():
        yield name, _content(place)
        return
    for folder, folders, names in os.walk(place, onerror=_refuse):
        folders[:] = sorted(each for each in folders if each != _LEFT_OUT)
        for each in sorted(names):
            path = Path(folder, each)
            yield f"{name}/{path.relative_to(place).as_posix()}", _content(path)


def _content(path: Path) -> bytes:
    if path.is_symlink() or not path.is_file():
        raise MisconfiguredError(str(path), "is no ordinary file", hints=(_HINT,))
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise MisconfiguredError(str(path), f"want at most {_MAX_FILE_BYTES} bytes")
        return path.read_bytes()
    except OSError as e:
        raise _unreadable(path, e) from e


def _refuse(error: OSError) -> None:
    raise _unreadable(Path(error.filename), error) from error


def _unreadable(path: Path, error: OSError) -> UnavailableError:
    return UnavailableError(str(path), str(error.strerror).lower())
