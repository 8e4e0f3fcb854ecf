"""Runs the processes of a build, one after the other, and passes on what they say."""

from __future__ import annotations

import os
import re
import selectors
import subprocess
import time

from enarx.errors import MalformedError, UnavailableError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from enarx.languages.language import Step

    Say = Callable[[str], None]
    Waiting = Callable[[str, float], None]

_TICK_S = 1.0
_PIECE = 65_536
_COLOUR = re.compile(rb"\x1b\[[0-9;]*m")


def run_step(
    step: Step, environ: Mapping[str, str], *, folder: str, say: Say, waiting: Waiting
) -> None:
    """Run *step* to its end.

    Args:
        step: what to run.
        environ: the user's environment.
        folder: to run in, where the step names none.
        say: takes what the process prints, in whole lines where it prints such, without colours.
        waiting: is told the step's title and for how many seconds it has run, each second.

    Raises:
        MalformedError: the process said that the project is at fault, by a status other than 0.
        UnavailableError: it could not be started, or a signal ended it.
    """
    place = step.folder or folder
    try:
        process = subprocess.Popen(
            step.argv, cwd=place, env={**environ, **dict(step.environment)},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
    except OSError as error:
        problem = f"cannot be started: {(error.strerror or str(error)).lower()}"
        raise UnavailableError(step.argv[0], problem) from error
    with process:
        try:
            _pass_on(process, step.title, say, waiting)
        except BaseException:  # Ctrl-C above all: nothing goes on behind the user's back
            process.terminate()
            raise
    _judge(step, process.returncode)


def _pass_on(process: subprocess.Popen[bytes], title: str, say: Say, waiting: Waiting) -> None:
    assert process.stdout is not None  # noqa: S101 - it was asked for
    began, left = time.monotonic(), b""
    waiting(title, 0.0)
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            if not selector.select(_TICK_S):
                waiting(title, time.monotonic() - began)
                continue
            piece = os.read(process.stdout.fileno(), _PIECE)
            lines, _, left = (left + piece).rpartition(b"\n")
            _say_plainly(lines, say)
            if not piece:
                break
    _say_plainly(left, say)


def _say_plainly(printed: bytes, say: Say) -> None:
    """Pass on what was *printed* without colours: Maven resets them even if it uses none."""
    plain = _COLOUR.sub(b"", printed)
    if plain:
        say(plain.decode(errors="replace"))


def _judge(step: Step, status: int) -> None:
    program = os.path.basename(step.argv[0])
    if status < 0:
        hint = "it may have run out of memory: close other programs, or use a larger machine"
        raise UnavailableError(program, f"was killed by signal {-status}", hints=(hint,))
    if status:
        hint = "the lines above are its own; mend what they name, and build again"
        raise MalformedError(step.title, f"{program} ended with status {status}", hints=(hint,))
