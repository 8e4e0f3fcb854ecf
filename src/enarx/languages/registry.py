"""Every language that ``enarx new`` and ``enarx build`` know: one line each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from enarx.errors import MisconfiguredError
from enarx.languages import (
    assemblyscript,
    c,
    cpp,
    csharp,
    go,
    haskell,
    java,
    javascript,
    kotlin,
    python,
    rust,
    zig,
)

if TYPE_CHECKING:
    from enarx.languages.language import Language

LANGUAGES: tuple[Language, ...] = (
    assemblyscript.LANGUAGE,
    c.LANGUAGE,
    csharp.LANGUAGE,
    cpp.LANGUAGE,
    go.LANGUAGE,
    haskell.LANGUAGE,
    java.LANGUAGE,
    javascript.LANGUAGE,
    kotlin.LANGUAGE,
    python.LANGUAGE,
    rust.LANGUAGE,
    zig.LANGUAGE,
)
"""In the order of their titles."""


def by_name(name: str, source: str = "--lang") -> Language:
    """The language called *name*.

    Raises:
        MisconfiguredError: there is none; *source* says where the name stands.
    """
    for language in LANGUAGES:
        if name.lower() in (language.name, language.title.lower()):
            return language
    known = ", ".join(language.name for language in LANGUAGES)
    raise MisconfiguredError(source, f"no language {name!r}", hints=(f"there are: {known}",))
