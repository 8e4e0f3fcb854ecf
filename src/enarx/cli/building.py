"""One build, from a folder to a package: what is found, what is chosen, what is run, in order."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from enarx import __version__
from enarx.adapters import build_output, project_folder, tool_search
from enarx.adapters.build_output import Built
from enarx.adapters.build_steps import run_step
from enarx.cli.build_choice import choices, install, language_of, no_tools, recipes_of
from enarx.languages.fingerprint import fingerprint
from enarx.languages.language import Project
from enarx.package import wasm
from enarx.package.wasm_strip import strip

if TYPE_CHECKING:
    from collections.abc import Mapping

    from enarx.cli.build_choice import Choice, Voice
    from enarx.languages.language import Found, Language, Plan, Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What ``enarx build`` was asked for; empty where it is for the build to find out."""

    folder: str
    language: str = ""
    recipe: str = ""
    profile: Profile = "release"
    install: bool = False
    again: bool = False


def build(wish: Wish, environ: Mapping[str, str], voice: Voice) -> tuple[Built, bool]:
    """Build the project of *wish*; what came out, and whether there was anything to do.

    Raises:
        MisconfiguredError: no project, no compiler, or a mistake in a file of settings.
        MalformedError: the project does not compile, or makes what no keep runs.
        UnavailableError: something of this machine failed.
    """
    folder = str(Path(wish.folder).absolute())
    settings = project_folder.read_settings(folder)
    language = language_of(folder, wish.language, settings)
    project = Project(
        folder=folder,
        name=Path(folder).name,
        sources=project_folder.source_names(folder, language.leaves),
        profile=wish.profile,
        flags=settings.flags,
    )
    recipes = recipes_of(language, wish.recipe or settings.recipe, project.sources)
    if wish.install:
        install(language, recipes, environ, voice)
    work = _Work(project, language, environ, voice)
    with build_output.locked(folder):
        possible, problems = choices(recipes, project, environ)
        for choice in possible:
            name = work.fingerprint(choice)
            done = None if wish.again else build_output.up_to_date(folder, name)
            if done:
                return done, False
            tools, wrong = tool_search.examine(choice.recipe, choice.located, choice.places)
            if not wrong:
                return work.do(choice, tools, name), True
            problems += tuple(wrong)
    raise no_tools(language, recipes, problems)


class _Work:
    """The build of one project."""

    def __init__(
        self, project: Project, language: Language, environ: Mapping[str, str], voice: Voice
    ) -> None:
        self._project = project
        self._language = language
        self._environ = environ
        self._voice = voice
        self._digests = project_folder.digests(project.folder, project.sources)

    def fingerprint(self, choice: Choice) -> str:
        """The name of this build with the tools of *choice*."""
        return fingerprint(
            self._project,
            digests=self._digests,
            way=(__version__, self._language.name, choice.recipe.name),
            tools={name: tool_search.identity(path) for name, path in choice.located.items()},
        )

    def do(self, choice: Choice, tools: Mapping[str, Found], name: str) -> Built:
        """Compile, package and write it; *name* is its fingerprint."""
        project = self._project
        build_output.forget(project.folder)
        plan = choice.recipe.plan(project, tools)
        module = self._compile(plan)
        package = build_output.make_package(project.folder, module, plan.contents)
        built = Built(
            fingerprint=name,
            language=self._language.name,
            recipe=choice.recipe.name,
            tools={name: tool.version for name, tool in tools.items()},
            target=choice.recipe.target or self._language.target,
            profile=project.profile,
            digest=package.digest,
            size_bytes=len(module),
            files=build_output.write(project.folder, module, package),
        )
        build_output.write_note(project.folder, built)
        return built

    def _compile(self, plan: Plan) -> bytes:
        """The program that the steps of *plan* make, as it goes into the package."""
        folder, voice = self._project.folder, self._voice
        for step in plan.steps:
            run_step(step, self._environ, folder=folder, say=voice.say, waiting=voice.waiting)
        voice.waiting("package it", 0.0)
        module = build_output.read_module(plan.module)
        if plan.strip and self._project.profile == "release":
            module = strip(module)
        check_runnable(module, plan.module.removeprefix(f"{folder}/"))
        return module


def check_runnable(program: bytes, where: str) -> None:
    """Hold *program* against what a keep offers, by the keep's own tables and its engine.

    Raises:
        MalformedError: it imports what no keep has, exports nothing to run, or needs a feature
            that the engine has not.
    """
    if wasm.kind_of(program, where) == wasm.MODULE:
        from enarx.keep.engine.engine import preload
        from enarx.keep.wasi.command import check_names

        check_names(program, where)
        preload().validate(program, where=where)
        return
    from enarx.keep.component.command import check_names as check_component
    from enarx.keep.component.http.serve import handler_of
    from enarx.package.wasm_interface import component_names

    _, exports = component_names(program)
    if not handler_of(exports):
        check_component(program, where)
