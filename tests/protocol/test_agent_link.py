"""The link between a host and a keep's agent: what one end writes the other reads, nothing else."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enarx.errors import MalformedError
from enarx.protocol import agent_link
from enarx.protocol.agent_link import (
    KINDS,
    Reply,
    Request,
    StateEvent,
    decode_from_host,
    decode_from_keep,
    decode_reply,
    encode_reply,
    encode_request,
    encode_state,
    is_request,
    reply_id,
)
from enarx.protocol.states import STATES

DIGEST = "sha256:" + "12" * 32
FROM_HOST = {
    "offer": (Request("offer", id=1, nonce=b"n" * 32), 0),
    "envelope": (Request("envelope", id=2, size=1000), 1),
    "channel": (Request("channel", id=3), 1),
    "stop": (Request("stop", id=4, grace_s=2.5), 0),
    "status": (Request("status", id=5), 0),
}
REPLIES = {
    "offer": (Reply(1, size=10), 1),
    "envelope": (Reply(2, size=10), 1),
    "quote": (Reply(3, size=10), 1),
    "channel": (Reply(4), 0),
    "stop": (Reply(5), 0),
    "status": (Reply(6, state="running", workload_digest=DIGEST), 0),
}


def contents(value: object) -> dict[str, object]:
    """Every attribute of a message."""
    return {name: getattr(value, name) for name in type(value).__slots__}  # type: ignore[attr-defined]


@pytest.mark.parametrize("op", FROM_HOST)
def test_a_keep_reads_what_a_host_asks(op: str) -> None:
    """With exactly as many descriptors as the request brings."""
    request, descriptors = FROM_HOST[op]
    data = encode_request(request)
    assert contents(decode_from_host(data, descriptors)) == contents(request)
    with pytest.raises(MalformedError, match=f"got {1 - descriptors}, want {descriptors}"):
        decode_from_host(data, 1 - descriptors)


def test_a_host_reads_what_a_keep_asks_and_says() -> None:
    """A quote, and its state."""
    request = Request("quote", id=9, report_data=bytes(range(64)))
    data = encode_request(request)
    assert is_request(data)
    assert contents(decode_from_keep(data, 0)) == contents(request)
    for state in STATES:
        for digest in ("", DIGEST):
            event = StateEvent(state, digest)
            data = encode_state(event)
            assert is_request(data)
            assert contents(decode_from_keep(data, 0)) == contents(event)


@pytest.mark.parametrize("op", REPLIES)
def test_each_end_reads_the_others_replies(op: str) -> None:
    """With a file where one is asked for; a refusal brings none."""
    reply, descriptors = REPLIES[op]
    data = encode_reply(reply, op)
    refusal = Reply(7, kind="cannot-open", text="no")
    refused = encode_reply(refusal, op)
    if op == "quote":
        assert contents(decode_from_host(data, descriptors)) == contents(reply)
        assert contents(decode_from_host(refused, 0)) == contents(refusal)
        return
    assert not is_request(data)
    assert reply_id(data) == reply.id
    assert contents(decode_reply(data, op, descriptors)) == contents(reply)
    assert contents(decode_reply(refused, op, 0)) == contents(refusal)
    with pytest.raises(MalformedError, match="descriptors"):
        decode_reply(refused, op, 1)


def test_a_long_reason_is_cut() -> None:
    """What is read is bounded, so what is written is."""
    found = decode_reply(encode_reply(Reply(1, kind="bug", text="x" * 5000), "stop"), "stop", 0)
    assert (found.kind, len(found.text)) == ("bug", 1000)


def test_a_host_cannot_ask_what_only_a_keep_asks() -> None:
    """Attack: a host that asks a keep for a quote over what it likes; a keep that gives orders."""
    quote = encode_request(Request("quote", id=1, report_data=bytes(64)))
    with pytest.raises(MalformedError, match="op"):
        decode_from_host(quote, 0)
    with pytest.raises(MalformedError, match="op"):
        decode_from_keep(encode_request(Request("stop", id=1)), 0)


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        ({}, "'id' is missing"),
        ({"op": "offer", "id": 0, "nonce": "00" * 32}, "id"),
        ({"op": "offer", "id": 1, "nonce": "00" * 31}, "nonce"),
        ({"op": "offer", "id": 1, "nonce": "00" * 32, "x": 1}, "unknown key 'x'"),
        ({"op": "envelope", "id": 1, "size": 0}, "size"),
        ({"op": "envelope", "id": 1, "size": agent_link.MAX_FILE_BYTES + 1}, "size"),
        ({"op": "stop", "id": 1, "grace_s": -1}, "grace_s"),
        ({"op": "stop", "id": 1, "grace_s": "soon"}, "grace_s"),
        ({"op": "format", "id": 1}, "op"),
        ({"id": 1}, "'ok' is missing"),
        ({"id": 1, "ok": {"size": 0}}, "size"),
        ({"id": 1, "ok": {}, "error": {}}, "error"),
        ({"id": 1, "error": {"kind": "rude", "text": ""}}, "kind"),
        ({"id": 1, "error": {"kind": "bug", "text": "", "x": 1}}, "unknown key 'x'"),
    ],
)
def test_a_keep_refuses_other_messages(message: dict[str, object], problem: str) -> None:
    """Unknown, missing and wrong fields of a host that nobody trusts."""
    data = json.dumps(message).encode()
    with pytest.raises(MalformedError, match=problem):
        decode_from_host(data, int(message.get("op") == "envelope"))


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        ({"event": "output", "text": "secret"}, "event"),
        ({"event": "state", "state": "asleep", "workload_digest": None}, "state"),
        ({"event": "state", "state": "running", "workload_digest": 1}, "want a text or null"),
        ({"event": "state", "state": "running", "workload_digest": "sha256:1"}, "want sha256"),
        ({"event": "state", "state": "exited", "workload_digest": None, "code": 3}, "'code'"),
        ({"op": "quote", "id": 1, "report_data": "00"}, "report_data"),
    ],
)
def test_a_host_refuses_other_messages(message: dict[str, object], problem: str) -> None:
    """A keep tells its state and nothing else: no exit code, no output."""
    with pytest.raises(MalformedError, match=problem):
        decode_from_keep(json.dumps(message).encode(), 0)


@given(st.binary(max_size=200))
def test_junk_is_malformed(data: bytes) -> None:
    """Whatever arrives: our error, on both ends."""
    for read in (
        lambda: decode_from_host(data, 0),
        lambda: decode_from_keep(data, 0),
        lambda: decode_reply(data, "status", 0),
        lambda: reply_id(data),
        lambda: is_request(data),
    ):
        with pytest.raises(MalformedError):
            read()


def test_kinds_of_refusals_are_few() -> None:
    """The host's API makes a status of each."""
    assert len(set(KINDS)) == len(KINDS) == 5
