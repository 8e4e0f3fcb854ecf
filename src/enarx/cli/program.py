"""The command line: finds a subcommand and loads only that."""

from __future__ import annotations

import importlib

import click

from enarx import __version__
from enarx.cli.exit import BROKEN_PIPE, INTERRUPTED, USAGE, report_end, report_hint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from enarx.host.spawn import Spawned

# subcommand: module that has it as ``command``, one line for --help
COMMANDS = {
    "build": ("enarx.cli.build", "Compile and package the project in a folder."),
    "completion": ("enarx.cli.completion", "Print a completion script for bash, zsh or fish."),
    "config": ("enarx.cli.config", "Write, check and describe Enarx.toml."),
    "context": ("enarx.cli.context", "Keep which host, token and policy to use under a name."),
    "deploy": ("enarx.cli.deploy", "Run an application in a keep that proved itself, elsewhere."),
    "endorsements": (
        "enarx.cli.endorsements",
        "Fetch, list and bundle what evidence needs beside itself.",
    ),
    "evidence": ("enarx.cli.evidence", "Look at evidence and what carries it."),
    "host": ("enarx.cli.host", "Offer keeps on this machine."),
    "image": ("enarx.cli.image", "Say what images measure: keeps, and virtual machines."),
    "keep": ("enarx.cli.keep", "See, follow, stop and question keeps on a host."),
    "log": ("enarx.cli.transparency", "Verify, prove and watch the log of a Steward."),
    "new": ("enarx.cli.new", "Make a project, in one of several languages."),
    "package": ("enarx.cli.package", "Build, inspect and unpack packages."),
    "platform": ("enarx.cli.platform", "Say which platforms this machine offers."),
    "policy": ("enarx.cli.policy", "Write, check and explain policies for evidence."),
    "run": ("enarx.cli.run", "Run an application in a keep on this machine."),
    "steward": ("enarx.cli.steward", "Certify keeps that prove themselves, on record."),
    "up": ("enarx.cli.up", "Offer keeps on this machine to yourself."),
    "verify": ("enarx.cli.verify", "Verify evidence: who made it, and is it good enough?"),
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are used.

    Args:
        lazy: by name, the module that has it as ``command``, and one line for --help.
    """

    def __init__(
        self,
        *args: Any,  # noqa: ANN401 - click's own
        lazy: Mapping[str, tuple[str, str]] = COMMANDS,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(*args, **kwargs)
        self._lazy = lazy

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """All names, sorted."""
        return sorted(self._lazy)

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        """Import one command."""
        if name not in self._lazy:
            return None
        command: click.Command = importlib.import_module(self._lazy[name][0]).command
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in sorted(self._lazy.items())])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Name the nearest command for a mistyped one."""
        name = args[0] if args else ""
        if name and not name.startswith("-") and name not in self._lazy:
            import difflib

            near = difflib.get_close_matches(name, self._lazy, 1)
            raise click.UsageError(
                f"no command {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""), ctx
            )
        return super().resolve_command(ctx, args)


@click.group(
    "enarx",
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(
    __version__, "-V", "--version", prog_name="enarx", message="%(prog)s %(version)s"
)
@click.option(
    "--log-filter",
    envvar="ENARX_LOG",
    default="",
    metavar="FILTER",
    help="What to log: a level, or target=level pairs, such as info,enarx.host=debug.",
)
@click.option(
    "--log-target",
    type=click.Choice(["stderr", "stdout"], case_sensitive=False),
    default="stderr",
    show_default=True,
    help="Where to log.",
)
def program(log_filter: str, log_target: str) -> None:
    """Run WebAssembly applications in Keeps: execution environments that prove themselves."""
    if log_filter:
        from enarx.cli.log import configure

        configure(log_filter, log_target)


def parse_and_run(argv: list[str], head_start: Spawned | None) -> int:
    """Do what *argv* says; the exit status.

    Raises:
        EnarxError: it could not be done.
    """
    try:
        result = program.main(argv, prog_name="enarx", standalone_mode=False, obj=head_start)
    except click.exceptions.Exit as end:
        return int(end.exit_code)
    except click.Abort:
        return INTERRUPTED
    except SystemExit:  # click's way when the reader of our output has gone away, and only then
        return BROKEN_PIPE
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return USAGE
    except click.ClickException as error:
        return _usage(error)
    return result if isinstance(result, int) else 0


def _usage(error: click.ClickException) -> int:
    text = error.format_message().rstrip(".")
    report_end(text[:1].lower() + text[1:])
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "enarx"
    report_hint(f"see '{path} --help'")
    return USAGE
