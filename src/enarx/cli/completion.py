"""``enarx completion SHELL``: a script to be sourced by a shell."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "fish", "zsh")
_ADVICE = {
    "bash": 'eval "$(enarx completion bash)"     # in ~/.bashrc',
    "fish": "enarx completion fish | source      # in ~/.config/fish/config.fish",
    "zsh": 'eval "$(enarx completion zsh)"      # in ~/.zshrc',
}


@click.command("completion", epilog="\b\n" + "\n".join(_ADVICE.values()))
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> None:
    """Print a script that completes enarx's commands, options and arguments in SHELL."""
    from enarx.cli.program import program

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"no completion for {shell}")
    click.echo(kind(program, {}, "enarx", "_ENARX_COMPLETE").source())
