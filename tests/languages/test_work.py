"""One program that does real work, in every language: they print the same."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from tests.languages.conftest import WORK, Build, Enarx, copy_work

from enarx.languages.language import Language
from enarx.languages.registry import LANGUAGES


def reference() -> ModuleType:
    """``work/reference.py``, a program of its own."""
    spec = importlib.util.spec_from_file_location("reference", WORK / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES, ids=lambda one: one.name)
def test_work(language: Language, tmp_path: Path, enarx: Enarx, build: Build) -> None:
    """It prints what the reference computed, and ends with the status that it should."""
    wanted = reference()
    copy_work(language, tmp_path / "work")
    build("work")
    done = enarx("run", "work", "three", stdin=(WORK / "any" / "stdin.txt").read_bytes())
    assert done.stdout.decode() == wanted.expected("three")
    assert done.returncode == wanted.STATUS


def test_the_reference_knows_what_programs_get_wrong() -> None:
    """Its input has words whose order differs between code points and UTF-16's units."""
    ranked = [line.split(" ")[1] for line in reference().expected().splitlines()[1:4]]
    assert ranked == ["the", "ﬁ", "𝄞"]
    assert "𝄞".encode("utf-16-be") < "ﬁ".encode("utf-16-be")


def test_every_language_works() -> None:
    """No language of the registry is without its work program."""
    assert [one.name for one in LANGUAGES if not (WORK / one.name).is_dir()] == []
