"""What the languages say of themselves holds together."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from enarx.adapters.templates import read_template
from enarx.errors import MisconfiguredError
from enarx.languages.language import Language, Project
from enarx.languages.registry import LANGUAGES, by_name
from enarx.package.config import parse

every_language = pytest.mark.parametrize("language", LANGUAGES, ids=lambda one: one.name)


def test_names_are_different() -> None:
    """No two languages share a name or a title, and they are in the order of their titles."""
    names = [name for one in LANGUAGES for name in {one.name, one.title.lower()}]
    assert len(names) == len(set(names))
    titles = [one.title.lower() for one in LANGUAGES]
    assert titles == sorted(titles)


def test_no_file_marks_two_languages() -> None:
    """A mark says which language a project is in."""
    marks = [mark for one in LANGUAGES for mark in one.all_marks]
    assert len(marks) == len(set(marks))


@every_language
def test_templates_are_projects(language: Language) -> None:
    """Each template has a mark of its language, an Enarx.toml that parses, and what it promises."""
    assert set(language.templates) >= {"hello", "filter"}
    assert ("http" in language.templates) == language.sockets
    assert ("client" in language.templates) == language.sockets
    assert ("handler" in language.templates) == ("wasip2" in language.targets)
    for template in language.templates:
        files = read_template(language, template, "app")
        assert set(files) & set(language.all_marks)
        assert {"README.md", "Enarx.toml", ".gitignore"} <= set(files)
        parse(files["Enarx.toml"], "Enarx.toml")
        expected = "test/answer.txt" if template in ("http", "handler") else "test/stdout.txt"
        assert files[expected]
        assert not any(b"@NAME@" in data or b"@TITLE@" in data for data in files.values())


@every_language
def test_toolchains_are_pinned(language: Language) -> None:
    """What is installed is one release with hashes, or authenticated by the client itself."""
    for recipe in language.recipes:
        if recipe.toolchain is None:
            assert recipe.advice
            continue
        assert recipe.toolchain.pins or recipe.toolchain.needs
        for pin in recipe.toolchain.pins:
            if recipe.toolchain.kind == "deb":
                assert re.fullmatch(r"[\w.+~-]*", pin.release)
                continue
            assert re.fullmatch(r"[\w.+-]+", pin.release)
            kind = "sha512-.{86}==" if recipe.toolchain.kind == "npm" else "sha256:[0-9a-f]{64}"
            assert pin.hashes
            assert all(re.fullmatch(kind, one) for one in pin.hashes)


@every_language
def test_bring_your_own_means_that(language: Language) -> None:
    """A language is labelled "bring your own" exactly if no recipe can be installed for it."""
    installable = any(recipe.toolchain for recipe in language.recipes)
    assert (language.label == "bring your own") == (not installable)


def test_a_language_is_found_by_name_and_title() -> None:
    """C++ is cpp as well; what is not there is refused with what is."""
    assert by_name("cpp") is by_name("C++")
    with pytest.raises(MisconfiguredError, match="no language 'brainfuck'") as refused:
        by_name("brainfuck")
    assert "c, csharp, cpp" in refused.value.hints[0]


def test_sources_by_suffix() -> None:
    """Tests and files of the package are no sources of the program."""
    names = ("a.c", "b.h", "files/c.c", "src/d.c", "test/e.c", "tests/f.c")
    project = Project(folder="/app", name="app", sources=names)
    assert project.ending(".c") == ("a.c", "src/d.c")
    assert project.build == "/app/build"


def test_the_wheel_has_the_templates() -> None:
    """The build back end is told of no file of the templates to leave out."""
    root = Path(__file__).parent.parent.parent
    wheel = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    assert wheel["targets"]["wheel"] == {"packages": ["src/enarx"]}
