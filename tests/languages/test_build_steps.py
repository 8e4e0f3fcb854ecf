"""What the processes of a build print reaches the user as words."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from enarx.adapters.build_steps import run_step
from enarx.errors import MalformedError
from enarx.languages.language import Step


def said_by(script: str, folder: Path) -> list[str]:
    """The texts that are passed on of what a shell prints."""
    said: list[str] = []
    step = Step(title="say", argv=("/bin/sh", "-c", script))
    run_step(step, os.environ, folder=str(folder), say=said.append, waiting=lambda _t, _s: None)
    return said


def test_colours_are_taken_out(tmp_path: Path) -> None:
    """The words stay; what is nothing but colours is not passed on."""
    script = r"printf '\033[1;31merror\033[0m: no\nmore\n'; printf '\033[0m\033[0m'"
    assert "\n".join(said_by(script, tmp_path)) == "error: no\nmore"
    assert said_by(r"printf '\033[0m'", tmp_path) == []


def test_a_line_without_an_end_is_passed_on(tmp_path: Path) -> None:
    """The last words of a process count."""
    assert "\n".join(said_by(r"printf 'a\nb'", tmp_path)) == "a\nb"


def test_a_process_that_fails_is_named(tmp_path: Path) -> None:
    """With its status."""
    with pytest.raises(MalformedError, match=r"^say: sh ended with status 3$"):
        said_by("exit 3", tmp_path)
