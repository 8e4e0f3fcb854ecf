"""QEMU's monitor protocol: bytes in, events and answers out, and commands back.

QEMU is not trusted with our memory: a guest that took it over could say anything.  One line is one
JSON object; lines, names and texts have limits, and what we did not ask is an error.  Events and
keys that we do not know are passed over: later versions have more of both.

Source: QEMU, docs/interop/qmp-spec.rst; qapi/run-state.json, qapi/char.json.
"""

from __future__ import annotations

from dataclasses import dataclass

from enarx.errors import MalformedError
from enarx.wire.document import dump, load_any

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_LINE = 1 << 20
"""Bytes: the longest line known is the answer to query-qmp-schema, which we never ask."""

_MAX_COMMANDS = 16
_MAX_TEXT = 200
_HERE = "QEMU's monitor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something happened: RESET, SHUTDOWN, STOP, GUEST_PANICKED, VSERPORT_CHANGE or another.

    Args:
        data: unchecked; ``word`` and ``flag`` read it.
    """

    name: str
    data: Mapping[str, object]

    def word(self, key: str) -> str:
        """A short string of its data; empty if there is none."""
        return _word(self.data.get(key))

    def flag(self, key: str) -> bool:
        """Whether its data says true."""
        return self.data.get(key) is True


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of a command.

    Args:
        command: which.
        problem: why it was refused; empty if it was not.
        status: of the machine, for query-status.
    """

    command: str
    problem: str = ""
    status: str = ""


class Session:
    """One connection, from its greeting on; the caller moves the bytes."""

    def __init__(self) -> None:
        self.ready = False
        """Commands can be given: QEMU has greeted and taken our capabilities."""
        self._rest = b""
        self._greeted = False
        self._asked: list[str] = []

    def command(self, name: str) -> bytes:
        """The bytes that give a command without arguments ("quit", "query-status")."""
        if len(self._asked) >= _MAX_COMMANDS:
            raise MalformedError(_HERE, f"{len(self._asked)} commands are not answered")
        self._asked.append(name)
        return dump({"execute": name}) + b"\n"

    def feed(self, data: bytes) -> tuple[Event | Answer, ...]:
        """Take what QEMU sent, in pieces as they come.

        The greeting is answered with ``command("qmp_capabilities")`` by the caller, when
        ``greeted`` says so.

        Raises:
            MalformedError: it is no QMP.
        """
        *lines, self._rest = (self._rest + data).split(b"\n")
        if max(map(len, (*lines, self._rest))) > MAX_LINE:
            raise MalformedError(_HERE, f"a line of more than {MAX_LINE} bytes")
        return tuple(said for line in lines if line.strip() for said in self._line(line))

    @property
    def greeted(self) -> bool:
        """QEMU has said who it is, and waits for "qmp_capabilities"."""
        return self._greeted

    def _line(self, line: bytes) -> tuple[Event | Answer, ...]:
        fields = load_any(line, _HERE)
        if not isinstance(fields, dict):
            raise MalformedError(_HERE, "a line is no object")
        if not self._greeted:
            if "QMP" not in fields:
                raise MalformedError(_HERE, "does not greet")
            self._greeted = True
            return ()
        if "event" in fields:
            data = fields.get("data")
            name = _word(fields["event"])
            return (Event(name=name, data=data if isinstance(data, dict) else {}),)
        return (self._answer(fields),)

    def _answer(self, fields: Mapping[str, object]) -> Answer:
        if not self._asked or ("return" in fields) is ("error" in fields):
            raise MalformedError(_HERE, "answers what was not asked")
        command = self._asked.pop(0)
        if "error" in fields:
            error = fields["error"]
            text = _word(error.get("desc")) if isinstance(error, dict) else ""
            return Answer(command=command, problem=text or "refused")
        if command == "qmp_capabilities":
            self.ready = True
        value = fields["return"]
        status = _word(value.get("status")) if isinstance(value, dict) else ""
        return Answer(command=command, status=status)


def _word(value: object) -> str:
    """A string for people, short and printable."""
    if not isinstance(value, str):
        return ""
    return "".join(c if c.isprintable() else "?" for c in value[:_MAX_TEXT])
