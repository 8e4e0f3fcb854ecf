"""``enarx new``: a project that can be built, in one of several languages."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import click

from enarx.adapters.templates import read_template, write_project
from enarx.errors import MisconfiguredError
from enarx.languages.registry import LANGUAGES, by_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enarx.languages.language import Language

_DEFAULT = "hello"


@click.command("new")
@click.argument("folder", required=False, default="")
@click.option("--lang", "language", metavar="NAME", default="", help="The language; see --list.")
@click.option(
    "--template",
    metavar="NAME",
    default=_DEFAULT,
    show_default=True,
    help="hello; filter, which reads standard input; http, which serves a socket; client, which "
    "asks over one; handler, a component that answers HTTP.",
)
@click.option("--list", "listing", is_flag=True, help="Print languages and their templates.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(folder: str, language: str, template: str, *, listing: bool, as_json: bool) -> None:
    """Make a project in the new FOLDER: sources, Enarx.toml, README.md and what a test expects.

    Then: cd FOLDER, enarx build, enarx run .
    """
    if listing:
        _list(as_json=as_json)
        return
    if not folder:
        raise click.UsageError("missing argument FOLDER", click.get_current_context())
    if not language:
        hint = f"one of: {', '.join(one.name for one in LANGUAGES)}"
        raise MisconfiguredError("--lang", "missing; want a language", hints=(hint,))
    chosen = by_name(language)
    _check_template(chosen, template)
    name = Path(folder).absolute().name
    files = read_template(chosen, template, name)
    write_project(folder, files)
    if as_json:
        click.echo(json.dumps({"folder": folder, "files": sorted(files)}, indent=2))
    else:
        following = f"enarx build {shlex.quote(folder)}"
        click.echo(f"{folder}: {template} in {chosen.title}; next: {following}")


def _check_template(language: Language, template: str) -> None:
    if template in language.templates:
        return
    problem = f"{language.title} has no template {template!r}"
    hint = f"it has: {', '.join(language.templates)}"
    raise MisconfiguredError("--template", problem, hints=(hint,))


def _list(*, as_json: bool) -> None:
    if as_json:
        found = [
            {
                "name": one.name,
                "title": one.title,
                "label": one.label,
                "targets": one.targets,
                "templates": one.templates,
                "sockets": one.sockets,
                "notes": one.notes,
            }
            for one in LANGUAGES
        ]
        click.echo(json.dumps(found, indent=2))
        return
    for one in LANGUAGES:
        click.echo(f"{one.name:<15} {one.label:<15} {', '.join(one.templates)}")
