"""The ``enarx`` command: finds a subcommand, loads only that, prints errors in one form.

    enarx: error: app.wasm: not a WebAssembly file (…)
    enarx: hint: compile for wasm32-wasip1, …

``run`` is given a head start: the process that keeps are forked from starts before the command
line is even parsed, because loading the parser takes as long as loading the engine.
"""

from __future__ import annotations

import importlib
import os
import sys

import click

from enarx import __version__
from enarx.cli.exit import BROKEN_PIPE, INTERRUPTED, USAGE, status_of
from enarx.errors import EnarxError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from enarx.host.process import Zygote

# subcommand: module that has it as ``command``, one line for --help
COMMANDS = {
    "completion": ("enarx.cli.completion", "Print a completion script for bash, zsh or fish."),
    "config": ("enarx.cli.config", "Write, check and describe Enarx.toml."),
    "package": ("enarx.cli.package", "Build, inspect and unpack packages."),
    "platform": ("enarx.cli.platform", "Say which platforms this machine offers."),
    "run": ("enarx.cli.run", "Run an application in a keep on this machine."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are used."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """All names, sorted."""
        return sorted(COMMANDS)

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        """Import one command."""
        if name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(COMMANDS[name][0]).command
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in sorted(COMMANDS.items())])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Name the nearest command for a mistyped one."""
        name = args[0] if args else ""
        if name and not name.startswith("-") and name not in COMMANDS:
            import difflib

            near = difflib.get_close_matches(name, COMMANDS, 1)
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


def main(argv: list[str] | None = None, *, head_start: Zygote | None = None) -> int:
    """Run the command line and return the exit status; never raises, never exits."""
    try:
        result = program.main(argv, prog_name="enarx", standalone_mode=False, obj=head_start)
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as end:
        return int(end.exit_code)
    except click.Abort:
        return INTERRUPTED
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return USAGE
    except click.ClickException as error:
        return _usage(error)
    except EnarxError as error:
        report(error)
        return status_of(error)
    except KeyboardInterrupt:
        _line("error", "interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # the reader of our own output has gone away, as in `enarx … | head`
        sys.stdout = open("/dev/null", "w")  # noqa: PTH123, SIM115 - closed with the process
        return BROKEN_PIPE
    except Exception as error:  # noqa: BLE001 - the outermost edge: a bug is shown as one
        return _bug(error)


def entry() -> NoReturn:
    """The console script."""
    try:
        sys.exit(_start(sys.argv[1:]))
    except KeyboardInterrupt:  # before or after what `main` covers
        sys.exit(INTERRUPTED)


def _start(argv: list[str]) -> int:
    _open_standard_streams()
    head_start = None
    if argv[:1] == ["run"] and not {"-h", "--help"} & set(argv):
        from enarx.host.process import start_zygote

        try:
            head_start = start_zygote()
        except EnarxError:
            head_start = None  # `run` meets the same error where it can be told
    return main(argv, head_start=head_start)


def _open_standard_streams() -> None:
    """Put nothing where a standard stream is closed, or the next file would be that stream."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number: this one


def report(error: EnarxError) -> None:
    """Print an error and its hints."""
    _line("error", str(error))
    for hint in error.hints:
        _line("hint", hint)


def _usage(error: click.ClickException) -> int:
    text = error.format_message().rstrip(".")
    _line("error", text[:1].lower() + text[1:])
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "enarx"
    _line("hint", f"see '{path} --help'")
    return USAGE


def _bug(error: Exception) -> int:
    import traceback

    from enarx.cli.exit import BUG

    traceback.print_exception(error)
    _line("error", f"this is a bug in enarx {__version__}: {type(error).__name__}")
    _line("hint", "please report it with the lines above")
    return BUG


def _line(kind: str, text: str) -> None:
    one_line = " ".join(text.split())
    click.echo(f"enarx: {kind}: {one_line}", err=True)
