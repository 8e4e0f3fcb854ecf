"""The pure decisions of a build: which language, which release, whether anything changed."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import wasmtime

from enarx.cli.build_choice import recipes_of
from enarx.cli.building import check_runnable
from enarx.errors import MalformedError, MisconfiguredError
from enarx.languages.detect import detect, require
from enarx.languages.fingerprint import fingerprint
from enarx.languages.language import Found, Language, Project, Tool
from enarx.languages.registry import LANGUAGES, by_name
from enarx.languages.settings import Settings, parse
from enarx.languages.versions import problem_with, version_in

PROJECT = Project(folder="/app", name="app", sources=("main.c",))
DIGESTS = {"main.c": "aa"}


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda one: one.name)
def test_every_mark_is_recognised(language: object) -> None:
    """A file with a language's mark is enough."""
    found = next(one for one in LANGUAGES if one is language)
    for mark in found.all_marks:
        assert detect({mark, "README.md"}, LANGUAGES, "app") == (found, mark)


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda one: one.name)
def test_a_mark_of_a_recipe_chooses_it(language: Language) -> None:
    """Other projects of the language never get it; a name on the command line counts for all."""
    usual = language.recipes_for(language.marks)
    assert usual
    assert not any(recipe.marks for recipe in usual)
    for recipe in language.recipes:
        for mark in recipe.marks:
            assert language.recipes_for((*language.marks, mark)) == (recipe,)
        assert recipes_of(language, recipe.name, ()) == (recipe,)


def test_several_languages_are_refused() -> None:
    """The error names each with its mark."""
    with pytest.raises(MisconfiguredError, match=r"C \(main\.c\), Zig \(main\.zig\)"):
        detect({"main.c", "main.zig"}, LANGUAGES, "app")


def test_no_language_is_refused() -> None:
    """A folder of texts is no project."""
    with pytest.raises(MisconfiguredError, match=r"^app: no project that can be built here$"):
        detect({"README.md", "docs/main.c"}, LANGUAGES, "app")


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda one: one.name)
def test_a_named_language_needs_a_file(language: Language) -> None:
    """Any file of the kind will do; without one nothing is compiled, and nothing is packaged."""
    ending = language.marks[0].rpartition(".")[2]
    assert require({f"deep/other.{ending}"}, language, "app") is language
    problem = rf"^app: no file is in {re.escape(language.title)} \(want one that ends in \."
    with pytest.raises(MisconfiguredError, match=problem) as refused:
        require({"README.md", "test/stdout.txt"}, language, "app")
    assert language.marks[0] in refused.value.hints[0]


def test_zig_without_its_main_file() -> None:
    """The compiler is the one to say which file it wanted."""
    project = replace(PROJECT, sources=("other.zig",))
    found = {"zig": Found(path="/bin/zig", version="0.17.1")}
    (step,) = by_name("zig").recipes[0].plan(project, found).steps
    assert step.title == "compile main.zig"


def test_versions() -> None:
    """The first number with dots counts; a tool without one will not do."""
    tool = Tool(name="cc", programs=("cc",), least=(14,))
    assert version_in("Debian clang version 14.0.6\nTarget: x", tool) == (14, 0, 6)
    assert version_in("0.17.1\n", tool) == (0, 17, 1)
    assert version_in("rustc 1.63 (x)", tool) == (1, 63)
    assert version_in("no digits", tool) == ()
    assert problem_with((14, 0, 6), tool) == ""
    assert problem_with((13, 9), tool) == "is too old (got 13.9, want 14 or newer)"
    assert problem_with((), tool) == "does not say its version"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('(func (export "_start"))', ""),
        ('(import "env" "x" (func)) (func (export "_start"))', "does not provide: env.x"),
        ('(func (export "main"))', "exports no _start function"),
    ],
)
def test_what_a_keep_would_refuse_is_refused_by_the_build(text: str, problem: str) -> None:
    """Imports, entry and features are held against the keep's own tables and engine."""
    program = bytes(wasmtime.wat2wasm(f"(module {text})"))
    if not problem:
        check_runnable(program, "app.wasm")
        return
    with pytest.raises(MalformedError, match=problem):
        check_runnable(program, "app.wasm")


def test_a_feature_that_keeps_do_not_have_is_refused_by_the_build() -> None:
    """The earlier encoding of exceptions, which compilers still default to, with the hint."""
    block = bytes(wasmtime.wat2wasm('(module (func (export "_start") (block (nop))))'))
    old = block.replace(bytes((0x02, 0x40, 0x01)), bytes((0x06, 0x40, 0x01)))  # block to try
    assert old != block
    with pytest.raises(MalformedError, match="exceptions") as refused:
        check_runnable(old, "app.wasm")
    assert "-wasm-use-legacy-eh=false" in refused.value.hints[0]


def named(project: Project = PROJECT, **changed: object) -> str:
    """The fingerprint of a build that differs by *changed* from the usual one."""
    usual: dict[str, object] = {"digests": DIGESTS, "way": ("1", "c", "zig"), "tools": {"zig": "x"}}
    return fingerprint(project, **(usual | changed))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "other",
    [
        named(digests={"main.c": "ab"}),
        named(way=("2", "c", "zig")),
        named(way=("1", "c", "clang")),
        named(tools={"zig": "y"}),
        named(replace(PROJECT, profile="debug")),
        named(replace(PROJECT, flags=("-g",))),
        named(replace(PROJECT, sources=("main.c", "b.c")), digests={"main.c": "aa", "b.c": "bb"}),
    ],
)
def test_whatever_a_build_depends_on_changes_its_name(other: str) -> None:
    """Content, compiler, profile, flags and files are all in the fingerprint."""
    assert other != named()
    assert named() == named()


def test_settings() -> None:
    """Three keys, all optional."""
    text = b'language = "c"\nwith = "zig"\nflags = ["-msimd128"]\n'
    assert parse(text, "x") == Settings(language="c", recipe="zig", flags=("-msimd128",))
    assert parse(b"", "x") == Settings()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"flags = 1", "x: flags: got the integer 1, want an array"),
        (b'flags = "-g"', 'x: flags: got "-g", want an array'),
        (b"languages = []", "x: languages: unknown key"),
        (b"with", "x: not TOML: "),
    ],
)
def test_mistakes_in_settings(text: bytes, problem: str) -> None:
    """The key and what was wanted are named."""
    with pytest.raises(MisconfiguredError) as refused:
        parse(text, "x")
    assert str(refused.value).startswith(problem)
