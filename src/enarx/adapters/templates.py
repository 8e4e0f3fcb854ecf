"""The projects that ``enarx new`` copies: the files of ``languages/templates``.

What all languages share lies in ``any``; a file of a language comes in its place.
"""

from __future__ import annotations

import os
import shutil

from enarx.errors import MisconfiguredError, UnavailableError
from enarx.languages import __file__ as languages

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from enarx.languages.language import Language

_ROOT = os.path.join(os.path.dirname(languages), "templates")
_SHARED = "any"


def read_template(language: Language, template: str, name: str) -> dict[str, bytes]:
    """The files of a new project called *name*, by their path in it."""
    files: dict[str, bytes] = {}
    for layer in (_SHARED, language.name):
        root = os.path.join(_ROOT, layer, template)
        files |= dict(_files(root)) if os.path.isdir(root) else {}
    tokens = {b"@NAME@": name.encode(), b"@TITLE@": language.title.encode()}
    return {path: _filled(data, tokens) for path, data in files.items()}


def write_project(folder: str, files: dict[str, bytes]) -> None:
    """Write *files* as the new folder *folder*, whole or not at all; an empty one may be there.

    Raises:
        MisconfiguredError: something is there.
        UnavailableError: it cannot be written.
    """
    if os.path.lexists(folder) and not (os.path.isdir(folder) and not os.listdir(folder)):
        hint = "name a folder that is not there, or an empty one"
        raise MisconfiguredError(folder, "does already exist", hints=(hint,))
    aside = f"{folder.rstrip('/')}.{os.getpid()}.partial"
    try:
        try:
            for name, data in files.items():
                path = os.path.join(aside, name)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "xb") as file:
                    file.write(data)
            os.rename(aside, folder)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    except OSError as error:
        raise UnavailableError(folder, (error.strerror or str(error)).lower()) from error


def _files(root: str) -> Iterator[tuple[str, bytes]]:
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name != "__pycache__"]
        for name in names:
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                yield os.path.relpath(path, root), file.read()


def _filled(data: bytes, tokens: dict[bytes, bytes]) -> bytes:
    for token, value in tokens.items():
        data = data.replace(token, value)
    return data
