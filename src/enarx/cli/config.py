"""``enarx config``: write, check and describe Enarx.toml."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from enarx.adapters.package_files import read_config, write_new
from enarx.errors import MisconfiguredError

if TYPE_CHECKING:
    from enarx.package.model import Config

_NAME = "Enarx.toml"


@click.group("config")
def command() -> None:
    """Write, check and describe Enarx.toml."""


@command.command("init")
def init() -> None:
    """Write a commented Enarx.toml into the current directory.

    An Enarx.toml that is already there stays as it is.
    """
    from enarx.package.template import TEMPLATE

    try:
        write_new(_NAME, TEMPLATE.encode())
    except MisconfiguredError as e:
        if e.problem != "does already exist":
            raise
        hint = "check it with: enarx config check"
        raise MisconfiguredError(_NAME, e.problem, hints=(hint,)) from e


@command.command("check")
@click.argument("file", default=_NAME)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def check(file: str, *, as_json: bool) -> None:
    """Check FILE (default: Enarx.toml) and list every problem.

    Exit status: 0 without problems, 4 with some.
    """
    from enarx.package.config import examine

    config, problems = examine(read_config(file), file)
    if as_json:
        found = [
            {"path": item.path, "problem": item.problem, "hints": list(item.hints)}
            for item in problems
        ]
        click.echo(json.dumps({"file": file, "ok": not problems, "problems": found}, indent=2))
    elif not problems:
        click.echo(f"{file}: {_summary(config)}")
    elif len(problems) > 1:
        for problem in problems:
            click.echo("; ".join((str(problem), *problem.hints)))
    if problems:
        first, *more = problems
        raise MisconfiguredError(file, f"{len(problems)} problems") if more else first


@command.command("schema")
def schema() -> None:
    """Print the JSON Schema of Enarx.toml, for editors."""
    from enarx.package.json_schema import json_schema

    click.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))


def _summary(config: Config) -> str:
    """What the application will start with, on one line."""
    names = ", ".join(file.name for file in config.files)
    parts = [f"descriptors {names}" if names else "no descriptors: it will run silently"]
    if config.mounts:
        parts.append(f"mounts {', '.join(mount.path for mount in config.mounts)}")
    if config.secrets:
        parts.append(f"secrets {', '.join(secret.name for secret in config.secrets)}")
    if config.network_connect:
        parts.append(f"may connect to {', '.join(rule.text for rule in config.network_connect)}")
    return "; ".join(["valid", *parts])
