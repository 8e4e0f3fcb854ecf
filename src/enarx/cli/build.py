"""``enarx build``: the project in a folder, compiled and packaged."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from enarx.adapters.build_output import PROGRAM_FILE
from enarx.adapters.package_files import BUILT_PACKAGE
from enarx.cli.build_choice import Voice
from enarx.cli.building import Wish, build
from enarx.languages.registry import by_name
from enarx.protocol.outcome import legible

if TYPE_CHECKING:
    from enarx.adapters.build_output import Built

_CLEAR_LINE = "\r\x1b[K"


@click.command("build")
@click.argument("folder", default=".")
@click.option("--lang", "language", metavar="NAME", default="", help="The language, if unclear.")
@click.option("--with", "recipe", metavar="NAME", default="", help="The compiler, if several do.")
@click.option("--debug", is_flag=True, help="Keep names and checks, optimise less.")
@click.option("--again", is_flag=True, help="Build even if nothing has changed.")
@click.option(
    "--install-toolchain",
    "install",
    is_flag=True,
    help="First get the compiler, in a release that is known to work, into a folder of yours.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    folder: str,
    language: str,
    recipe: str,
    *,
    debug: bool,
    again: bool,
    install: bool,
    as_json: bool,
) -> None:
    """Compile the project in FOLDER (default: here) for keeps, and make a package of it.

    The language is told from the files. What comes out is FOLDER/build/app.wasm and
    FOLDER/build/package.tar; `enarx run FOLDER` and `enarx deploy FOLDER` take the package. Files
    below FOLDER/files go into it. If sources, settings and compiler are those of the last build,
    nothing is done.
    """
    wish = Wish(
        folder=folder,
        language=language,
        recipe=recipe,
        profile="debug" if debug else "release",
        install=install,
        again=again,
    )
    began = time.monotonic()
    progress = _Progress()
    try:
        built, anew = build(wish, os.environ, Voice(say=progress.say, waiting=progress.waiting))
    finally:
        progress.clear()
    taken = time.monotonic() - began
    if as_json:
        click.echo(json.dumps(_document(built, folder, anew=anew, seconds=taken), indent=2))
        return
    for line in _lines(built, folder, anew=anew, seconds=taken):
        click.echo(line)


def _document(built: Built, folder: str, *, anew: bool, seconds: float) -> dict[str, object]:
    return {
        "digest": built.digest,
        "program": str(Path(folder, PROGRAM_FILE)),
        "package": str(Path(folder, BUILT_PACKAGE)),
        "size": built.size_bytes,
        "language": built.language,
        "target": built.target,
        "with": built.recipe,
        "tools": built.tools,
        "profile": built.profile,
        "up_to_date": not anew,
        "seconds": round(seconds, 3),
    }


def _lines(built: Built, folder: str, *, anew: bool, seconds: float) -> list[str]:
    from enarx.cli.package_report import amount

    tools = ", ".join(f"{name} {version}" for name, version in built.tools.items())
    how = f"{by_name(built.language).title} with {tools}, {built.target}, {built.profile}"
    return [
        f"{'built' if anew else 'up to date':<11}{how}",
        f"program    {Path(folder, PROGRAM_FILE)}, {amount(built.size_bytes)}",
        f"package    {Path(folder, BUILT_PACKAGE)}",
        f"digest     {built.digest}",
        f"time       {seconds:.2f} s",
    ]


class _Progress:
    """What whoever watches sees: the compilers' words, and below them what is being waited for."""

    def __init__(self) -> None:
        self._watched = sys.stderr is not None and sys.stderr.isatty()
        self._shown = False

    def say(self, text: str) -> None:
        """Pass on what a compiler prints."""
        self.clear()
        for line in text.splitlines():
            click.echo(legible(line), err=True)

    def waiting(self, title: str, seconds: float) -> None:
        """Show what is being done, and for how long; only on a terminal."""
        if not self._watched:
            return
        taken = f" {seconds:.0f} s" if seconds >= 1 else ""
        click.echo(f"{_CLEAR_LINE}enarx: {legible(title)} …{taken}", err=True, nl=False)
        self._shown = True

    def clear(self) -> None:
        """Take the line away."""
        if self._shown:
            click.echo(_CLEAR_LINE, err=True, nl=False)
            self._shown = False
