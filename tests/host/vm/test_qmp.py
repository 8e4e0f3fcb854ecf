"""QEMU's monitor, from bytes: whatever is said is read, or refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.errors import MalformedError
from enarx.host.vm.qmp import MAX_LINE, Answer, Event, Session

GREETING = b'{"QMP": {"version": {"qemu": {"major": 10}}, "capabilities": ["oob"]}}\r\n'
# As QEMU 7.2 said it.
POWERED_OFF = (
    b'{"timestamp": {"seconds": 1732575000, "microseconds": 79}, "event": "SHUTDOWN",'
    b' "data": {"guest": true, "reason": "guest-shutdown"}}\r\n'
)


def ready() -> Session:
    """A session that takes commands."""
    session = Session()
    assert session.feed(GREETING) == ()
    assert session.command("qmp_capabilities") == b'{"execute":"qmp_capabilities"}\n'
    assert session.feed(b'{"return": {}}\r\n') == (Answer(command="qmp_capabilities"),)
    assert session.ready
    return session


@given(st.lists(st.integers(1, 40)))
def test_pieces_do_not_matter(cuts: list[int]) -> None:
    """The same bytes in whatever pieces are the same events."""
    session, said = ready(), []
    data = POWERED_OFF * 3
    for cut in [*cuts, len(data)]:
        piece, data = data[:cut], data[cut:]
        said += session.feed(piece)
    assert said == [Event(name="SHUTDOWN", data={"guest": True, "reason": "guest-shutdown"})] * 3
    assert said[0].word("reason") == "guest-shutdown"
    assert said[0].flag("guest")


def test_answers_are_for_commands_in_their_order() -> None:
    """Each answer is for the command that was given first; a refusal has its text."""
    session = ready()
    session.command("query-status")
    session.command("cont")
    said = session.feed(
        b'{"return": {"status": "internal-error", "running": false}}\n'
        b'{"error": {"class": "GenericError", "desc": "no\\u0007 way"}}\n'
    )
    assert said == (
        Answer(command="query-status", status="internal-error"),
        Answer(command="cont", problem="no? way"),
    )


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"hello", "is not JSON"),
        (b"[1]", "a line is no object"),
        (b'{"return": {}}', "answers what was not asked"),
        (b'{"return": {}, "error": {}}', "answers what was not asked"),
        (b'{"a": 1, "a": 2}', "a key occurs twice"),
        (b"\xff", "is not UTF-8"),
        (b"[" * 100_000, "is nested too deeply"),
    ],
)
def test_what_is_no_monitor(line: bytes, says: str) -> None:
    """Nonsense is refused in one line."""
    with pytest.raises(MalformedError, match=says):
        ready().feed(line + b"\n")


def test_one_answer_too_many() -> None:
    """An answer needs a command, also one that says both."""
    session = ready()
    session.command("cont")
    with pytest.raises(MalformedError, match="not asked"):
        session.feed(b'{"return": {}, "error": {}}\n')


def test_a_greeting_comes_first() -> None:
    """What begins with anything else is not QEMU."""
    with pytest.raises(MalformedError, match="does not greet"):
        Session().feed(POWERED_OFF)


def test_a_line_without_end() -> None:
    """What never ends a line is refused at a limit, not kept."""
    session = ready()
    for _ in range(MAX_LINE // 65536):
        session.feed(b"x" * 65536)
    with pytest.raises(MalformedError, match="a line of more than"):
        session.feed(b"x")


def test_a_line_that_is_too_long() -> None:
    """A line with an end, and others beside it, is held to the same limit."""
    with pytest.raises(MalformedError, match="a line of more than"):
        ready().feed(b"\r\n" + b" " * (MAX_LINE + 1) + b"\n\n")


def test_blank_lines() -> None:
    """What is between lines says nothing."""
    assert len(ready().feed(b"\r\n\n" + POWERED_OFF + b"\n")) == 1


def test_commands_that_nobody_answers() -> None:
    """A monitor that does not answer is not asked for ever."""
    session = ready()
    for _ in range(16):
        session.command("query-status")
    with pytest.raises(MalformedError, match="16 commands are not answered"):
        session.command("query-status")


def test_events_of_later_versions() -> None:
    """What is not known passes; data of a wrong type is as if it were not there."""
    line = json.dumps({"event": "NEW_THING", "data": [1], "more": {}, "timestamp": {}})
    (event,) = ready().feed(line.encode() + b"\n")
    assert event == Event(name="NEW_THING", data={})
    (event,) = ready().feed(b'{"event": 7, "data": {"reason": 7, "guest": "yes"}}\n')
    assert isinstance(event, Event)
    assert (event.name, event.word("reason"), event.flag("guest")) == ("", "", False)
