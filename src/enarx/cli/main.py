"""The ``enarx`` command's entry: starts what is slow first, and prints errors in one form.

    enarx: error: app.wasm: not a WebAssembly file (…)
    enarx: hint: compile for wasm32-wasip1, …

Loading the parser of command lines takes longer than everything else of a run together.  So
``run`` is given a head start, the process that keeps are forked from, before anything is parsed;
and where there is nothing to parse, as in ``enarx run app.wasm words``, no parser is loaded.
"""

from __future__ import annotations

import os
import sys

from enarx.cli.exit import BROKEN_PIPE, BUG, INTERRUPTED, report_end, report_hint, say, status_of
from enarx.errors import EnarxError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from enarx.host.spawn import Spawned


def main(argv: list[str], *, head_start: Spawned | None = None) -> int:
    """Run the command line and return the exit status; never raises, never exits."""
    try:
        if _is_plain_run(argv):
            from enarx.cli.execution import Options, execute

            return execute(Options(argv[1], tuple(argv[2:])), head_start)
        from enarx.cli.program import parse_and_run

        return parse_and_run(argv, head_start)
    except EnarxError as error:
        report(error)
        return status_of(error)
    except KeyboardInterrupt:
        report_end("interrupted")
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
        status = _start(sys.argv[1:])
    except KeyboardInterrupt:  # before or after what `main` covers
        status = INTERRUPTED
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except OSError:
        status = status or BROKEN_PIPE
    os._exit(status)  # everything is closed: taking the interpreter apart takes milliseconds


def report(error: EnarxError) -> None:
    """Print an error and its hints."""
    report_end(str(error))
    for hint in error.hints:
        report_hint(hint)


def _start(argv: list[str]) -> int:
    _open_standard_streams()
    head_start = None
    if argv[:1] == ["run"] and (_is_plain_run(argv) or not {"-h", "--help"} & set(argv)):
        from enarx.host.spawn import spawn

        try:
            head_start = spawn()
        except EnarxError:
            head_start = None  # `run` meets the same error where it can be told
    return main(argv, head_start=head_start)


def _is_plain_run(argv: list[str]) -> bool:
    """Whether *argv* is ``run`` without options, in the command line and in the environment."""
    return (
        argv[:1] == ["run"]
        and len(argv) > 1
        and not argv[1].startswith("-")
        and not any(name.startswith(("ENARX_", "_ENARX_")) for name in os.environ)
    )


def _open_standard_streams() -> None:
    """Put nothing where a standard stream is closed, or the next file would be that stream."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number: this one


def _bug(error: Exception) -> int:
    import traceback

    from enarx import __version__

    say("".join(traceback.format_exception(error)).rstrip())
    report_end(f"this is a bug in enarx {__version__}: {type(error).__name__}")
    report_hint("please report it with the lines above")
    return BUG
