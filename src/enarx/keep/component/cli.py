"""``wasi:cli``: arguments, environment, standard streams, terminals and the exit status."""

from __future__ import annotations

import os

from enarx.errors import MisconfiguredError
from enarx.keep.component.interface import Interface, func
from enarx.keep.component.resource import Resource
from enarx.keep.component.streams import (
    DescriptorInput,
    DescriptorOutput,
    InputStream,
    OutputStream,
)
from enarx.keep.component.types import STRING, U8, List, Option, Own, Result, Tuple
from enarx.keep.engine.trap import ProcExit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enarx.keep.system import System
    from enarx.keep.wasi.descriptors import Descriptor


class _Environment:
    def __init__(self, system: System) -> None:
        self._args = [_text("arguments", argument) for argument in system.args]
        self._env = [
            (_text("environment", name), _text("environment", value)) for name, value in system.env
        ]

    def get_environment(self) -> list[tuple[str, str]]:
        return self._env

    def get_arguments(self) -> list[str]:
        return self._args

    def initial_cwd(self) -> None:
        """A keep has no current folder; the guest's library starts at its first pre-open."""
        return


class _Exit:
    def __init__(self, _system: System) -> None:
        pass

    def exit(self, ok: bool) -> None:  # noqa: FBT001 - the interface's own parameter
        raise ProcExit(0 if ok else 1)

    def exit_with_code(self, code: int) -> None:
        raise ProcExit(code)


class TerminalInput(Resource):
    """``terminal-input``: only that there is one."""

    wit_name = "terminal-input"


class TerminalOutput(Resource):
    """``terminal-output``: only that there is one."""

    wit_name = "terminal-output"


class _Standard:
    """Standard streams; a stream asked for twice is the same bytes twice."""

    def __init__(self, system: System) -> None:
        self._stdio = system.stdio

    def get_stdin(self) -> DescriptorInput:
        return DescriptorInput(self._stdio[0])

    def get_stdout(self) -> DescriptorOutput:
        return DescriptorOutput(self._stdio[1])

    def get_stderr(self) -> DescriptorOutput:
        return DescriptorOutput(self._stdio[2])

    def get_terminal_stdin(self) -> TerminalInput | None:
        return TerminalInput() if _is_terminal(self._stdio[0], write=False) else None

    def get_terminal_stdout(self) -> TerminalOutput | None:
        return TerminalOutput() if _is_terminal(self._stdio[1], write=True) else None

    def get_terminal_stderr(self) -> TerminalOutput | None:
        return TerminalOutput() if _is_terminal(self._stdio[2], write=True) else None


def _is_terminal(descriptor: Descriptor, *, write: bool) -> bool:
    behind = descriptor.poll_interest(write=write)
    return bool(behind) and os.isatty(behind[0][0])


def _text(what: str, value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise MisconfiguredError(
            what, f"{value!r} is not UTF-8, and a component's strings are"
        ) from error


INTERFACES = (
    Interface(
        "wasi:cli/environment",
        _Environment,
        functions={
            "get-environment": func(returns=List(Tuple(STRING, STRING))),
            "get-arguments": func(returns=List(STRING)),
            "initial-cwd": func(returns=Option(STRING)),
        },
    ),
    Interface(
        "wasi:cli/exit", _Exit, functions={"exit": func(Result()), "exit-with-code": func(U8)}
    ),
    Interface("wasi:cli/stdin", _Standard, functions={"get-stdin": func(returns=Own(InputStream))}),
    Interface(
        "wasi:cli/stdout", _Standard, functions={"get-stdout": func(returns=Own(OutputStream))}
    ),
    Interface(
        "wasi:cli/stderr", _Standard, functions={"get-stderr": func(returns=Own(OutputStream))}
    ),
    Interface("wasi:cli/terminal-input", methods={TerminalInput: {}}),
    Interface("wasi:cli/terminal-output", methods={TerminalOutput: {}}),
    Interface(
        "wasi:cli/terminal-stdin",
        _Standard,
        functions={"get-terminal-stdin": func(returns=Option(Own(TerminalInput)))},
    ),
    Interface(
        "wasi:cli/terminal-stdout",
        _Standard,
        functions={"get-terminal-stdout": func(returns=Option(Own(TerminalOutput)))},
    ),
    Interface(
        "wasi:cli/terminal-stderr",
        _Standard,
        functions={"get-terminal-stderr": func(returns=Option(Own(TerminalOutput)))},
    ),
)
