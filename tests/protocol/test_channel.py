"""The channel's frames: whole in any pieces, bounded, and of known kinds."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.errors import MalformedError
from enarx.protocol import channel
from enarx.protocol.channel import (
    CONTROL,
    EVIDENCE,
    HEADER_BYTES,
    MAX_BODY,
    STDIN,
    STDOUT,
    WINDOW,
    Splitter,
    attach,
    attest,
    control,
    decode_command,
    decode_notice,
    frame,
)

DIGEST = "sha256:" + "12" * 32


@given(
    st.lists(st.tuples(st.integers(0, EVIDENCE), st.binary(max_size=50)), max_size=8),
    st.lists(st.integers(1, 40), min_size=1, max_size=20),
)
def test_frames_come_out_whole_whatever_pieces_they_came_in(
    frames: list[tuple[int, bytes]], sizes: list[int]
) -> None:
    """Pieces of any sizes, in the order of the stream."""
    stream, splitter, found, at = b"".join(frame(*one) for one in frames), Splitter(), [], 0
    while at < len(stream):
        size = sizes[at % len(sizes)]
        found += [(f.kind, f.body) for f in splitter.feed(stream[at : at + size])]
        at += size
    assert found == frames
    assert splitter.is_between


def test_a_frame_is_not_over_before_its_end() -> None:
    """A connection that is cut inside a frame is told from one that ended."""
    whole = frame(STDOUT, b"out")
    for size in range(1, len(whole)):
        splitter = Splitter()
        assert list(splitter.feed(whole[:size])) == []
        assert not splitter.is_between


@pytest.mark.parametrize(
    "head", [b"\x06\0\0\0\0", b"\xff\0\0\0\0", b"\0\0\1\0\1", b"\3\xff\xff\xff\xff"]
)
def test_unknown_kinds_and_long_frames_are_malformed_before_their_body(head: bytes) -> None:
    """Attack: a length that makes the other end wait for gigabytes."""
    with pytest.raises(MalformedError, match="got a frame of type"):
        list(Splitter().feed(head))


def test_the_largest_frame() -> None:
    """64 KiB of body, and not a byte more."""
    (found,) = Splitter().feed(frame(STDIN, bytes(MAX_BODY)))
    assert len(found.body) == MAX_BODY
    with pytest.raises(ValueError, match="need at most 65536 bytes, got 65537"):
        frame(STDIN, bytes(MAX_BODY + 1))


def body(data: bytes) -> bytes:
    """The body of a control frame."""
    assert data[0] == CONTROL
    return data[HEADER_BYTES:]


def test_a_keep_reads_what_a_client_asks() -> None:
    """Every command with its fields."""
    found = decode_command(body(attest(3, b"n" * 32)))
    assert (found.op, found.id, found.nonce) == ("attest", 3, b"n" * 32)
    found = decode_command(body(attach(4, stdin=True, stdout=10, stderr=0)))
    assert (found.op, found.id, found.stdin) == ("attach", 4, True)
    assert found.positions == {"stdout": 10, "stderr": 0}
    found = decode_command(body(control(op="credit", stream="stderr", bytes=7)))
    assert (found.op, found.stream, found.amount) == ("credit", "stderr", 7)
    found = decode_command(body(control(op="stop", id=5, grace_s=1.5)))
    assert (found.op, found.id, found.grace_s) == ("stop", 5, 1.5)
    assert decode_command(body(control(op="status", id=6))).id == 6


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        ({"op": "exec", "id": 1}, "op"),
        ({"op": "attest", "id": 1, "nonce": "00"}, "nonce"),
        ({"op": "attest", "nonce": "00" * 32}, "'id' is missing"),
        ({"op": "attach", "id": 1, "stdin": 1, "from": {"stdout": 0, "stderr": 0}}, "stdin"),
        ({"op": "attach", "id": 1, "stdin": True, "from": {"stdout": -1, "stderr": 0}}, "stdout"),
        ({"op": "attach", "id": 1, "stdin": True, "from": {"stdout": 0}}, "'stderr' is missing"),
        (
            {"op": "attach", "id": 1, "stdin": True, "from": {"stdout": 0, "stderr": 0, "x": 0}},
            "'x'",
        ),
        ({"op": "credit", "stream": "stdin", "bytes": 1}, "stream"),
        ({"op": "credit", "stream": "stdout", "bytes": WINDOW + 1}, "bytes"),
        ({"op": "stop", "id": 1, "grace_s": 1e9}, "grace_s"),
        ({"op": "status", "id": 1, "x": 1}, "'x'"),
    ],
)
def test_a_keep_refuses_other_commands(message: dict[str, object], problem: str) -> None:
    """Unknown, missing, out of range; credit beyond the window too."""
    with pytest.raises(MalformedError, match=problem):
        decode_command(json.dumps(message).encode())


NOTICES: list[tuple[dict[str, object], dict[str, object]]] = [
    ({"evidence": 1, "size": 500}, {"name": "evidence", "id": 1, "amount": 500}),
    ({"ok": 2}, {"name": "ok", "id": 2}),
    ({"credit": 100}, {"name": "credit", "amount": 100}),
    ({"lost": "stdout", "bytes": 9}, {"name": "lost", "stream": "stdout", "amount": 9}),
    ({"exit": {"kind": "exit"}}, {"name": "exit", "outcome": {"kind": "exit"}}),
    ({"refused": 3, "text": "no"}, {"name": "refused", "id": 3, "text": "no"}),
    (
        {"status": 4, "state": "exited", "workload_digest": DIGEST, "outcome": {"code": 1}},
        {"name": "status", "id": 4, "state": "exited", "workload_digest": DIGEST},
    ),
    (
        {"status": 5, "state": "offering", "workload_digest": None, "outcome": None},
        {"name": "status", "id": 5, "state": "offering", "workload_digest": "", "outcome": None},
    ),
]


@pytest.mark.parametrize(("message", "want"), NOTICES)
def test_a_client_reads_what_a_keep_says(
    message: dict[str, object], want: dict[str, object]
) -> None:
    """Every notice with its fields."""
    found = decode_notice(body(control(**message)))
    assert {name: getattr(found, name) for name in want} == want


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        ({}, "is none of evidence, ok, credit, lost, exit, refused, status"),
        ({"evidence": 1, "size": channel.MAX_EVIDENCE_BYTES + 1}, "size"),
        ({"evidence": 1, "ok": 1, "size": 1}, "unknown key 'ok'"),
        ({"credit": WINDOW + 1}, "credit"),
        ({"lost": "stdin", "bytes": 1}, "lost"),
        ({"refused": 0, "text": ""}, "refused"),
        ({"status": 1, "state": "new", "workload_digest": None, "outcome": None}, "state"),
        ({"status": 1, "state": "running", "workload_digest": 5, "outcome": None}, "text or null"),
    ],
)
def test_a_client_refuses_other_notices(message: dict[str, object], problem: str) -> None:
    """A keep that was taken over cannot make its owner allocate or misread."""
    with pytest.raises(MalformedError, match=problem):
        decode_notice(json.dumps(message).encode())


@given(st.binary(max_size=100))
def test_junk_is_malformed(data: bytes) -> None:
    """On both ends."""
    for read in (decode_command, decode_notice):
        with pytest.raises(MalformedError):
            read(data)
