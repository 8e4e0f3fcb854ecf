"""Writes the command line reference from the program itself: each command's ``--help``.

``python docs/cli_reference.py FILE`` writes it; with ``--check`` it says whether FILE is what it
would write.  A test runs the check, so help and documentation are the same text.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from enarx.cli.program import program

HEAD = """# Command line

Made by `make cli-reference` from the program; what follows is what `--help` prints.
Standard output is data, everything else goes to standard error, as lines that begin with
`enarx: error:` and `enarx: hint:`. [Exit codes](exit-codes.md) have their own page.
"""
WIDTH = 100


def main() -> int:
    """Write or check the page."""
    *options, name = sys.argv[1:]
    page = Path(name)
    text = render()
    if options != ["--check"]:
        page.write_text(text)
        return 0
    if page.exists() and page.read_text() == text:
        return 0
    print(f"{page} is not what the program says: run `make cli-reference`", file=sys.stderr)
    return 1


def render() -> str:
    """The whole page."""
    return "\n".join([HEAD, *commands(program, None, "enarx")])


def commands(command: click.Command, parent: click.Context | None, name: str) -> Iterator[str]:
    """A section for *command*, then one for each of its commands that is not hidden."""
    settings = {**command.context_settings, "terminal_width": WIDTH, "max_content_width": WIDTH}
    context = click.Context(command, parent=parent, info_name=name, **settings)
    yield f"## {context.command_path}\n\n```text\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            found = command.get_command(context, below)
            if found is not None and not found.hidden:
                yield from commands(found, context, below)


if __name__ == "__main__":
    sys.exit(main())
