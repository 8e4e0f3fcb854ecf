"""Which language a project is in, told from the names of its files alone."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from enarx.errors import MisconfiguredError

if TYPE_CHECKING:
    from collections.abc import Collection

    from enarx.languages.language import Language


def detect(
    names: Collection[str], languages: tuple[Language, ...], where: str
) -> tuple[Language, str]:
    """The one of *languages* whose mark is among *names*, and the mark.

    Raises:
        MisconfiguredError: none is, or those of two languages are.
    """
    found = [
        (language, mark) for language in languages for mark in language.all_marks if mark in names
    ]
    titles = {language.name for language, _ in found}
    if len(titles) > 1:
        shown = ", ".join(f"{language.title} ({mark})" for language, mark in found)
        hint = 'say which: --lang NAME, or language = "NAME" in enarx-build.toml'
        raise MisconfiguredError(where, f"looks like several languages: {shown}", hints=(hint,))
    if found:
        return found[0]
    marks = ", ".join(language.marks[0] for language in languages)
    raise MisconfiguredError(
        where,
        "no project that can be built here",
        hints=(
            f"a project has one of these files: {marks}",
            "make one: enarx new --lang NAME FOLDER",
        ),
    )


def require(names: Collection[str], language: Language, where: str) -> Language:
    """*language*, which somebody named, if a file among *names* may be in it.

    Its marks need not be there: a compiler that takes every file of a kind needs none.

    Raises:
        MisconfiguredError: no file ends as one of its marks does.
    """
    endings = tuple(sorted({posixpath.splitext(mark)[1] for mark in language.all_marks}))
    if any(name.endswith(endings) for name in names):
        return language
    problem = f"no file is in {language.title} (want one that ends in {' or '.join(endings)})"
    hint = f"a project of it has one of these files: {', '.join(language.all_marks)}"
    raise MisconfiguredError(where, problem, hints=(hint,))
