"""How a keep ended reaches the host as it was."""

from __future__ import annotations

import json

import pytest

from enarx import errors
from enarx.errors import (
    EnarxError,
    MalformedError,
    MisconfiguredError,
    RejectedError,
    UnavailableError,
)
from enarx.protocol import outcome
from enarx.protocol.outcome import Outcome, decode

OUTCOMES = [
    outcome.exited(0),
    outcome.exited(0xFFFF_FFFF),
    outcome.trapped("unreachable", code="unreachable", backtrace=("main", "f\0\udc80")),
    outcome.limited("memory", 65536),
    outcome.limited("fuel", None),
    outcome.broken_pipe("stdout"),
    outcome.bug("boot.py:1 in main"),
    outcome.failed(MalformedError("app.wasm", "is empty", offset=0, hints=("compile it",))),
    outcome.failed(MalformedError("app.wasm", "is empty")),
    outcome.failed(MisconfiguredError("Enarx.toml", "is odd", path="files[2]")),
    outcome.failed(UnavailableError("listen", "port in use")),
]


@pytest.mark.parametrize("ended", OUTCOMES, ids=lambda o: o.kind)
def test_an_outcome_survives_the_round_trip(ended: Outcome) -> None:
    """What the keep reports is what the host shows, through JSON."""
    encoded = ended.encode()
    assert decode(json.loads(json.dumps(encoded))).encode() == encoded


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ä 字", "plain ä 字"),
        ("\x1b]0;title\x07\x9b2J\rx\0", r"\x1b]0;title\x07\x9b2J\rx\x00"),
        ("two\nlines", "two\nlines"),
        ("\udc80\u202e", r"\udc80\u202e"),
        ("\x1b" * 99, r"\x1b" * 24 + r"\x1b"[:3] + "b"),
    ],
)
def test_others_texts_are_made_legible(text: str, shown: str) -> None:
    """No name in a module or certificate can give orders to a terminal, and length is bounded."""
    assert outcome.legible(text, 100) == shown[:100]


def test_an_error_is_rebuilt_with_its_class_and_hints() -> None:
    """The command line can treat an error of the keep like one of its own."""
    error = MisconfiguredError("Enarx.toml", "unknown key", path="args", hints=("remove it",))
    got = decode(outcome.failed(error).encode()).error
    assert type(got) is MisconfiguredError
    assert (str(got), got.hints) == (str(error), ("remove it",))


def test_every_error_that_can_be_raised_can_be_sent() -> None:
    """Each concrete class but a verifier's, which no keep raises, has its fields in the table."""
    concrete = {
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, EnarxError)
    } - {EnarxError, RejectedError, errors.UnauthenticError, errors.UnacceptableError}
    assert {kind.__name__ for kind in concrete} == set(outcome._ERROR_FIELDS)


@pytest.mark.parametrize(
    "value",
    [
        None,
        {},
        {"kind": "party"},
        {"kind": "killed", "signal": 9},
        {"kind": "link_lost"},
        {"kind": "exit"},
        {"kind": "exit", "code": -1},
        {"kind": "exit", "code": 0, "more": 1},
        {"kind": "failed", "error": "SystemExit", "fields": {}, "hints": []},
        {"kind": "failed", "error": "MalformedError", "fields": {}, "hints": []},
        {"kind": "trap", "message": "m", "code": "c", "backtrace": ["x"] * 1000},
    ],
)
def test_a_keep_cannot_report_what_is_not_its_to_say(value: object) -> None:
    """Unknown kinds, other classes and what only the host can see are refused."""
    with pytest.raises(MalformedError):
        decode(value)
