"""Which language a project is in, told from the names of its files alone."""

from __future__ import annotations

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
    found = [(language, mark) for language in languages for mark in language.marks if mark in names]
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
