"""Which language and which compiler: what the user said, what the files say, what is there."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from enarx.adapters import project_folder, tool_search, toolchains
from enarx.adapters.tool_search import Places
from enarx.errors import MisconfiguredError
from enarx.languages.detect import detect, require
from enarx.languages.registry import LANGUAGES, by_name
from enarx.languages.settings import FILE

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from enarx.adapters.build_steps import Say, Waiting
    from enarx.languages.language import Language, Project, Recipe
    from enarx.languages.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """Where the words of a build go: the compilers' own, and who waits for whom."""

    say: Say
    waiting: Waiting


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A recipe whose tools are there."""

    recipe: Recipe
    located: Mapping[str, str]
    places: Places


def language_of(folder: str, name: str, settings: Settings) -> Language:
    """The language of the project in *folder*: *name* if the user said one.

    Raises:
        MisconfiguredError: there is no such language, or the files fit none or several.
    """
    named = by_name(name) if name else None
    if named is None and settings.language:
        named = by_name(settings.language, FILE)
    names = frozenset(project_folder.source_names(folder, named.leaves if named else ()))
    return require(names, named, folder) if named else detect(names, LANGUAGES, folder)[0]


def recipes_of(language: Language, name: str, sources: Collection[str]) -> tuple[Recipe, ...]:
    """The recipes of *language* for a project with *sources*, or the one called *name*.

    Raises:
        MisconfiguredError: there is none.
    """
    if not name:
        return language.recipes_for(sources)
    chosen = tuple(recipe for recipe in language.recipes if recipe.name == name)
    if not chosen:
        hint = f"there are: {', '.join(recipe.name for recipe in language.recipes)}"
        problem = f"{language.title} is not built with {name!r}"
        raise MisconfiguredError("--with", problem, hints=(hint,))
    return chosen


def install(
    language: Language, recipes: tuple[Recipe, ...], environ: Mapping[str, str], voice: Voice
) -> None:
    """Install the first toolchain of *recipes*, unless it is there and whole.

    Raises:
        MisconfiguredError: none of them has one, or its registry's client is missing.
        UnavailableError: the registry's client failed.
    """
    recipe = next((recipe for recipe in recipes if recipe.toolchain), None)
    if recipe is None or recipe.toolchain is None:
        hints = tuple(recipe.advice for recipe in recipes if recipe.advice)
        problem = f"no registry has a toolchain for {language.title}"
        raise MisconfiguredError("--install-toolchain", problem, hints=hints)
    home = toolchains.installed(recipe.toolchain, environ)
    if home:
        places = Places(project="", home=home, path="")
        private = tuple(t for t in recipe.tools if any("{home}" in p for p in t.programs))
        if all(tool_search.locate_tool(tool, places) for tool in private):
            return
    toolchains.install(recipe.toolchain, environ, say=voice.say, waiting=voice.waiting)


def choices(
    recipes: tuple[Recipe, ...], project: Project, environ: Mapping[str, str]
) -> tuple[tuple[Choice, ...], tuple[str, ...]]:
    """The recipes whose tools are there, and what the others lack, a text each."""
    found: list[Choice] = []
    problems: list[str] = []
    for recipe in recipes:
        home = toolchains.installed(recipe.toolchain, environ)
        places = Places(project=project.folder, home=home, path=environ.get("PATH", os.defpath))
        located, missing = tool_search.locate(recipe, places)
        problems += missing
        if not missing:
            found.append(Choice(recipe=recipe, located=located, places=places))
    return tuple(found), tuple(problems)


def no_tools(
    language: Language, recipes: tuple[Recipe, ...], problems: tuple[str, ...]
) -> MisconfiguredError:
    """The error for *problems*: no recipe has what it needs."""
    hints = []
    toolchain = next((recipe.toolchain for recipe in recipes if recipe.toolchain), None)
    if toolchain:
        what = f"{toolchain.name} {toolchain.release}, about {toolchain.size_mib} MiB"
        hints.append(f"enarx build --install-toolchain gets {what}, into a folder of yours")
    hints += [recipe.advice for recipe in recipes if recipe.advice]
    unique = "; ".join(dict.fromkeys(problems))
    return MisconfiguredError(f"compiler of {language.title}", unique, hints=tuple(hints))
