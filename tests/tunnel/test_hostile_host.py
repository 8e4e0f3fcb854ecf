"""Whatever a far side says, in whatever order: the carrier goes on or ends, and leaks nothing."""

from __future__ import annotations

import struct

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.tunnel.parties import Hostile, descriptors
from tests.tunnel.test_violations import opens, raw

from enarx import frames
from enarx.tunnel.records import (
    CLOSE,
    CREDIT,
    DATA,
    END,
    FILE,
    FRAMES,
    HOST,
    KEEP,
    RESET,
    STREAM,
)

KINDS = st.lists(st.sampled_from((FILE, STREAM, STREAM, FRAMES)), max_size=3)
SIZES = st.integers(0, 20)
WHICH = st.integers(0, 7)
AMOUNTS = st.sampled_from((1, 1000, 100_000))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("opens"), WHICH, KINDS, SIZES),
        st.tuples(st.just("says"), WHICH, st.sampled_from((END, CLOSE, RESET)), st.just(0)),
        st.tuples(st.just("sends"), WHICH, st.just(DATA), st.integers(1, 3000)),
        st.tuples(st.just("grants"), WHICH, st.just(CREDIT), AMOUNTS),
        st.tuples(st.sampled_from(("takes", "answers", "leaves")), WHICH, st.just(0), SIZES),
        st.tuples(st.just("junk"), WHICH, st.just(0), SIZES),
    ),
    max_size=25,
)


class Story:
    """A far side that mostly keeps to the rules, and those inside, who do as they like."""

    def __init__(self, role: int) -> None:
        self.one = Hostile(role)
        self.next = 4 if role == KEEP else 1
        self.known = [0, 2]

    def step(self, what: str, which: int, detail: object, size: int) -> None:
        """Do one thing."""
        number = self.known[which % len(self.known)]
        if what == "opens":
            self._open(number, list(detail), size)  # type: ignore[call-overload]
        elif what == "junk":
            if size > 18:  # rarely: nothing comes after it
                self.one.say(bytes(range(which, which + size)))
        elif what == "grants":
            self.one.say(raw(CREDIT, number, struct.pack("<I", size)))
        elif what in ("says", "sends"):
            self.one.say(raw(int(str(detail)), number, bytes(size)))
        else:
            self._inside(what, which)

    def _open(self, number: int, kinds: list[int], size: int) -> None:
        named = []
        for kind in kinds:
            named.append((kind, self.next, size if kind == FILE else 0))
            self.known.append(self.next)
            self.next += 2
        self.one.say(opens(*named, on=number))

    def _inside(self, what: str, which: int) -> None:
        link = self.one.links[which % 2]
        try:
            if what == "takes":
                self.one.frame(which % 2)
            elif what == "answers":
                frames.send(link, b"answer", self.one.held[which % 3 :][:1], wait=False)
            elif self.one.held:
                frames.close([self.one.held.pop(which % len(self.one.held))])
        except OSError:
            return  # nothing is there, or the link is closed


@settings(deadline=None)
@given(st.sampled_from((HOST, KEEP)), STEPS)
def test_no_sequence_of_records_raises_or_leaks(
    role: int, steps: list[tuple[str, int, object, int]]
) -> None:
    """It ends with a reason or goes on; all descriptors are given back, whatever was open."""
    before = descriptors()
    story = Story(role)
    for step in steps:
        if story.one.carrier.end is None:
            story.step(*step)
    end = story.one.carrier.end
    assert end is None or (end.kind, bool(end.text)) in {
        ("violation", True), ("finished", True), ("lost", True)
    }  # fmt: skip
    assert len(story.one.carrier.tunnel.output) < 1 << 20
    story.one.close()
    assert descriptors() == before
